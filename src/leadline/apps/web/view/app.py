"""The page's server: what it shows, as JSON and bytes, and the page's own files."""

import asyncio
import base64
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from leadline.apps.web.access import OWN_NAMES, guards
from leadline.apps.web.view.downloads import make_file
from leadline.apps.web.view.frame import Viewed, ViewFrame
from leadline.apps.web.view.live import LiveView
from leadline.apps.web.view.packet import encode, jpeg
from leadline.errors import LeadlineError
from leadline.maps import CONFIDENT
from leadline.visual.colormap import plasma

STATIC: Final = Path(__file__).parent / "static"
_SEND_S: Final = 15.0
"""A page that takes a frame slower than this is let go."""
_IDLE_S: Final = 3600.0
"""A page that asks for nothing this long is let go; a paused one asks for nothing."""
_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob: data:; style-src 'self'; object-src 'none'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
)


def make_app(
    sides: Sequence[Viewed],
    live: LiveView | None = None,
    token: str | None = None,
    hosts: Sequence[str] = OWN_NAMES,
) -> Starlette:
    """The application.

    Args:
        sides: One result, or two that are compared; none for a stream.
        live: A stream.
        token: What a browser must bring, at first in the address; none if absent.
        hosts: Names under which it may be reached; all if empty.
    """
    server = _Server(sides, live)
    routes = [
        Route("/", server.index),
        Route("/api/view", server.view),
        Route("/api/{side:int}/frames/{index:int}", server.frame),
        Route("/api/{side:int}/frames/{index:int}/image.jpg", server.poster),
        Route("/api/{side:int}/frames/{index:int}/files/{name}", server.file),
        Route("/api/live/{client}/files/{name}", server.live_file),
        WebSocketRoute("/api/live", server.stream),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    middleware = [Middleware(_Headers), *guards(token, hosts, is_page=True)]
    handlers = {LeadlineError: _explained}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


async def _explained(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": " ".join(str(error).split())}, status_code=422)


class _Headers:
    """Adds headers that keep a browser from doing more than the page needs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in own)]
            await send(message)

        await self._app(scope, receive, with_headers)


class _Server:
    """Answers of the application."""

    def __init__(self, sides: Sequence[Viewed], live: LiveView | None) -> None:
        self._sides, self._live = sides, live
        self._locks = [Lock() for _ in sides]
        self._last = dict[int, tuple[int, ViewFrame]]()

    def index(self, _: Request) -> Response:
        """The page."""
        return FileResponse(STATIC / "index.html", media_type="text/html")

    def view(self, _: Request) -> Response:
        """What there is to show."""
        live = self._live
        first = self._sides[0] if self._sides else None
        titles = [(side.title, side.facts) for side in self._sides] if live is None else [(live.title, live.facts)]
        return JSONResponse({
            "live": live is not None,
            "sides": [{"title": title, "facts": [list(fact) for fact in facts]} for title, facts in titles],
            "moments": [] if first is None else [asdict(moment) for moment in first.moments],
            "plasma": base64.b64encode(_plasma_table()).decode(),
            "confident": CONFIDENT,
        })  # fmt: skip

    def frame(self, request: Request) -> Response:
        """A frame with all its layers."""
        found = self._load(request)
        if found is None:
            return _missing()
        return Response(encode(found), media_type="application/octet-stream")

    def poster(self, request: Request) -> Response:
        """A frame's image alone, which is there before the layers are."""
        found = self._load(request)
        if found is None:
            return _missing()
        if found.image is None:
            return Response(status_code=204)
        return Response(jpeg(found.image), media_type="image/jpeg")

    def file(self, request: Request) -> Response:
        """A file to keep."""
        found = self._load(request)
        return _missing() if found is None else _download(found, request)

    def live_file(self, request: Request) -> Response:
        """A file of the frame that a page got last."""
        found = None if self._live is None else self._live.shown(request.path_params["client"])
        return _missing() if found is None else _download(found, request)

    def _load(self, request: Request) -> ViewFrame | None:
        side, index = request.path_params["side"], request.path_params["index"]
        if side >= len(self._sides) or index >= len(self._sides[side].moments):
            return None
        with self._locks[side]:
            if self._last.get(side, (-1, None))[0] != index:
                self._last[side] = index, self._sides[side].load(index)
            return self._last[side][1]

    async def stream(self, socket: WebSocket) -> None:
        """Frames of the stream, one for each `next` of the page."""
        live = self._live
        if live is None:
            await socket.close(1008)
            return
        client = live.enter()
        if client is None:
            await socket.close(1013, "too many pages look at this stream")
            return
        try:
            await socket.accept()
            await socket.send_json({"client": client})
            await _serve(socket, live, client)
        except (WebSocketDisconnect, TimeoutError):
            pass  # the page is closed, or takes nothing any more
        except RuntimeError:  # it asks out of turn, or was closed while a frame went out
            with suppress(RuntimeError):
                await socket.close(1008)
        finally:
            live.leave(client)


async def _serve(socket: WebSocket, live: LiveView, client: str) -> None:
    last = -1
    while True:
        await asyncio.wait_for(socket.receive_text(), _IDLE_S)
        found = await _unless_gone(socket, live.next(client, last))
        if found is None:
            await socket.send_json({"end": live.ended or "the stream has ended"})
            await socket.close(1000)
            return
        last = found[0]
        await asyncio.wait_for(socket.send_bytes(found[1]), _SEND_S)


async def _unless_gone(socket: WebSocket, frame: Awaitable[tuple[int, bytes] | None]) -> tuple[int, bytes] | None:
    """The next frame, unless the page goes while it is waited for."""
    waiting, gone = asyncio.ensure_future(frame), asyncio.ensure_future(socket.receive_text())
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            gone.result()  # raises if the page is closed; a page that asks twice breaks the rule
            raise RuntimeError("a second request before the answer to the first")
        return waiting.result()
    finally:
        for task in (waiting, gone):
            task.cancel()


def _download(found: ViewFrame, request: Request) -> Response:
    name = request.path_params["name"]
    try:
        least = float(request.query_params.get("min_confidence", CONFIDENT))
    except ValueError:
        least = CONFIDENT
    content = make_file(found, name, min(max(least, 0.0), 1.0) if np.isfinite(least) else CONFIDENT)
    kept = f"{_safe(found.name)}_{name}"
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{kept}"'},
    )


def _safe(name: str) -> str:
    """A name without what file systems and headers do not take.

    >>> _safe('a/b "c"')
    'a_b__c_'
    """
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-.") else "_" for letter in name)[:80]


def _missing() -> Response:
    return PlainTextResponse("expected a frame or file of this view, got another name\n", status_code=404)


def _plasma_table() -> bytes:
    """The 256 colours, RGB."""
    levels = np.arange(256.0).reshape(1, 256)
    return plasma(levels, np.ones((1, 256), bool), (0.0, 255.0)).tobytes()
