"""A web application while it runs: its address, its port, and its end."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from leadline.apps.web.access import LOOPBACK
from leadline.errors import InputError, MissingExtraError, Terminated

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn import Server

_WS_BYTES: Final = 256 * 1024 * 1024
"""Largest message of a WebSocket; applications have their own, lower limits."""
_GRACE_S: Final = 30
"""How long requests that are being answered may take after the end was asked for."""
_GRACE_BESIDE_S: Final = 3
_MOST_PORT: Final = 65535


def run_app(
    app: "ASGIApp",
    host: str = LOOPBACK,
    port: int = 0,
    ready: Callable[[str], None] = print,
    on_stop: Callable[[], None] | None = None,
) -> None:
    """Serves an application until Ctrl-C or SIGTERM; requests that are being answered are answered to their end.

    Args:
        app: The application.
        host: Address to listen at.
        port: Port; 0 takes a free one.
        ready: Called with the URL as soon as requests are taken.
        on_stop: Called when the end is asked for, while the last requests are still answered.
    Raises:
        MissingExtraError: If leadline[web] is not installed.
        InputError: If the address or port cannot be had.
        KeyboardInterrupt: After Ctrl-C.
        Terminated: After SIGTERM.
    """
    server = _server(app)
    listening = _listening(host, port)
    url = _url(host, listening)
    with listening, _sigterm_raises(), _watched(server, lambda: ready(url), on_stop):
        server.run(sockets=[listening])


@contextmanager
def app_beside(app: "ASGIApp", host: str = LOOPBACK, port: int = 0) -> Generator[str]:
    """Serves an application in a thread while the block does other work.

    Args:
        app: The application.
        host: Address to listen at.
        port: Port; 0 takes a free one.
    Yields:
        The URL, which takes requests.
    Raises:
        MissingExtraError: If leadline[web] is not installed.
        InputError: If the address or port cannot be had.
    """
    server = _server(app, _GRACE_BESIDE_S)
    with _listening(host, port) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="leadline web", daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield _url(host, listening)
        finally:
            server.should_exit = True
            thread.join(2 * _GRACE_BESIDE_S)


def _server(app: "ASGIApp", grace_s: int = _GRACE_S) -> "Server":
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError(
            'expected uvicorn for a server, found none; install it with pip install "leadline[web]"'
        ) from error
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=grace_s,
            ws_max_size=_WS_BYTES,
            # Images and maps hardly shrink, and packing them costs more than matching them.
            ws_per_message_deflate=False,
        )
    )


def _url(host: str, listening: socket.socket) -> str:
    host = _outward(host)
    return f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"


def _outward(host: str) -> str:
    """The address under which others reach a server that listens at every address of this machine."""
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route, suppress(OSError):
        route.connect(("192.0.2.1", 9))  # sends nothing: it asks which address a packet would come from
        return str(route.getsockname()[0])
    return socket.gethostname()


def _listening(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _MOST_PORT:
        raise InputError(f"expected a port from 0 to {_MOST_PORT}, got {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"expected an address of this machine, got {host!r}; leave --host out") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"expected a free port, got {host}:{port}: {reason}; give another --port") from error
    return listening


@contextmanager
def _sigterm_raises() -> Generator[None]:
    """Turns SIGTERM into `Terminated`; in another thread than the main one it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _watched(server: object, ready: Callable[[], None], on_stop: Callable[[], None] | None) -> Generator[None]:
    """Calls back when the server takes requests, and when it is asked to end."""
    ended = threading.Event()

    def watch() -> None:
        told = False
        while not ended.wait(0.02):
            if not told and getattr(server, "started", False):
                ready()
                sys.stdout.flush()
                told = True
            if getattr(server, "should_exit", False):
                if on_stop is not None:
                    on_stop()
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()
