"""Who may reach a server: programs and pages of this machine alone, or whoever has its token."""

import hmac
import os
import secrets
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qsl, urlencode, urlparse

from leadline.errors import InputError

if TYPE_CHECKING:
    from starlette.middleware import Middleware
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK: Final = "127.0.0.1"
"""Where a server listens unless it is told otherwise: programs of this machine alone reach it."""
OWN_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
"""Names of this machine for itself."""
TOKEN_VARIABLE: Final = "LEADLINE_TOKEN"
_IN_ADDRESS: Final = "token"
_DAY_S: Final = 86_400


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "192.168.1.7")]
    [True, True, True, False, False]
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_of_program(host: str, given: str | None) -> str | None:
    """The token of a server that programs call: the one that is given, or that of the environment.

    Args:
        host: Address to listen at.
        given: By the user.
    Returns:
        None where only this machine reaches the server and none is given.
    Raises:
        InputError: If other machines reach the server and there is no token.
    """
    token = given or os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not is_loopback(host):
        raise InputError(
            f"expected a token for a server that other machines reach, got --host {host} alone; add --token or set "
            f"{TOKEN_VARIABLE}"
        )
    return token


def token_of_page(host: str, given: str | None) -> str | None:
    """The token of a page: as of `token_of_program`, and a new one where other machines reach it and there is none.

    Args:
        host: Address to listen at.
        given: By the user.
    """
    if given or os.environ.get(TOKEN_VARIABLE) or is_loopback(host):
        return token_of_program(host, given)
    return secrets.token_urlsafe(16)


def with_token(address: str, token: str | None) -> str:
    """The address that a browser opens.

    Args:
        address: Of the page.
        token: Of the server.
    Example:
        >>> with_token("http://robot:8808", "a b"), with_token("http://localhost:8808", None)
        ('http://robot:8808/?token=a+b', 'http://localhost:8808')
    """
    return address if token is None else f"{address}/?{urlencode({_IN_ADDRESS: token})}"


def names_for(token: str | None) -> tuple[str, ...]:
    """Names under which a server may be reached: any if it has a token, else this machine's own.

    Pages of other sites could reach a server of this machine by a name of theirs (DNS rebinding).

    Args:
        token: Of the server.
    """
    return () if token is not None else OWN_NAMES


def guards(
    token: str | None, names: Sequence[str], open_paths: Sequence[str] = (), is_page: bool = False
) -> "list[Middleware]":
    """What stands before an application.

    Args:
        token: What requests must bring as `Authorization: Bearer TOKEN`; none if absent.
        names: Names under which it may be reached; all if empty.
        open_paths: Paths that need no token.
        is_page: Whether browsers look at it: they bring the token once in the address, then in a cookie.
    """
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    found = [Middleware(Guard, token=token, open_paths=open_paths, is_page=is_page)]
    if names:
        found.append(Middleware(TrustedHostMiddleware, allowed_hosts=list(names), www_redirect=False))
    return found


class Guard:
    """Turns away requests without the token, and those of other sites' pages.

    Args:
        app: The application behind it.
        token: As for `guards`.
        open_paths: As for `guards`.
        is_page: As for `guards`.
    """

    def __init__(self, app: "ASGIApp", token: str | None, open_paths: Sequence[str], is_page: bool) -> None:
        self._app, self._token, self._open, self._is_page = app, token, frozenset(open_paths), is_page

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Passes a request on, or refuses it."""
        from starlette.responses import RedirectResponse

        if scope["type"] not in ("http", "websocket") or scope["path"] in self._open or self._has_bearer(scope):
            await self._app(scope, receive, send)
        elif not _is_own_origin(scope):
            await _refuse(scope, receive, send, 403, "expected a request of the server's own page, got another site's")
        elif self._token is None or self._has_cookie(scope):
            await self._app(scope, receive, send)
        elif self._is_page and scope["type"] == "http" and self._is_token(_query(scope).get(_IN_ADDRESS, "")):
            answer = RedirectResponse(_without_token(scope), 303)
            answer.set_cookie(_cookie_name(scope), self._token, _DAY_S, httponly=True, samesite="strict")
            await answer(scope, receive, send)
        else:
            how = (
                "expected the address with ?token=TOKEN that the command printed, got another or no token"
                if self._is_page
                else "expected the header Authorization: Bearer TOKEN, got another or none"
            )
            await _refuse(scope, receive, send, 401, how)

    def _is_token(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def _has_bearer(self, scope: "Scope") -> bool:
        kind, _, given = _header(scope, b"authorization").partition(" ")
        return kind == "Bearer" and self._is_token(given)

    def _has_cookie(self, scope: "Scope") -> bool:
        if not self._is_page:
            return False
        try:
            found = SimpleCookie(_header(scope, b"cookie")).get(_cookie_name(scope))
        except CookieError:
            return False
        return found is not None and self._is_token(found.value)


def _header(scope: "Scope", name: bytes) -> str:
    headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _is_own_origin(scope: "Scope") -> bool:
    """Whether a request is no page's, or one of the server's own page: browsers name the page's origin."""
    origin = _header(scope, b"origin")
    return not origin or urlparse(origin).netloc == _header(scope, b"host")


def _query(scope: "Scope") -> dict[str, str]:
    return dict(parse_qsl(cast(bytes, scope["query_string"]).decode("latin-1")))


def _without_token(scope: "Scope") -> str:
    """Path and query of a request, the token left out; never another server's."""
    rest = urlencode({name: value for name, value in _query(scope).items() if name != _IN_ADDRESS})
    path = "/" + cast(bytes, scope["raw_path"]).decode("latin-1").partition("?")[0].lstrip("/\\")
    return f"{path}?{rest}" if rest else path


def _cookie_name(scope: "Scope") -> str:
    """Cookies belong to a machine, not to a port: two servers keep theirs apart by name."""
    return f"leadline-{_header(scope, b'host').rpartition(':')[2] or 'page'}"


async def _refuse(scope: "Scope", receive: "Receive", send: "Send", status: int, how: str) -> None:
    from starlette.responses import JSONResponse

    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": how[:120]})
        return
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    await JSONResponse({"error": how}, status, headers)(scope, receive, send)
