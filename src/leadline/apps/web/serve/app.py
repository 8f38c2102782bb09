"""The server's routes: requests become files on the disk, wait for a worker, and are answered with its result."""

import asyncio
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final, cast

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadline.apps.web.access import guards
from leadline.apps.web.serve.description import CONTENT_TYPES, index_page, openapi
from leadline.apps.web.serve.fields import MONO_FIELDS, STEREO_FIELDS, Field, texts_of
from leadline.apps.web.serve.statistics import Statistics
from leadline.apps.web.serve.stream import stream
from leadline.apps.web.serve.work import (
    FILES,
    BusyError,
    Request,
    StoppingError,
    Workers,
    temporary_folder,
    until,
)
from leadline.errors import InputError, LeadlineError, TooLargeError
from leadline.io.image_header import inspect_image
from leadline.results.request import SUMMARY_FILE

ALL: Final = "all"
"""Name that asks for every file of a result, in a ZIP."""
_FIELDS: Final = {"stereo": STEREO_FIELDS, "mono": MONO_FIELDS}
_SUFFIXES: Final = frozenset(
    ".png .jpg .jpeg .tif .tiff .bmp .webp .avif .ppm .pgm .mpo .jps .txt .yaml .yml .json .conf .xml".split()
)
_STATUS: Final = {TooLargeError: 413, BusyError: 429, StoppingError: 503}
"""Status of errors; 422 of all others."""
_LOOK_S: Final = 0.25
"""How often a waiting request looks whether its client is still there."""
_OPEN: Final = ("/health",)


def make_app(workers: Workers, token: str | None = None, hosts: tuple[str, ...] = ()) -> Starlette:
    """The application.

    Args:
        workers: Who answers.
        token: What requests must bring as `Authorization: Bearer TOKEN`; none if absent.
        hosts: Names under which it may be reached; all if empty.
    """
    server = _Server(workers)
    routes = [
        Route("/", server.index),
        Route("/health", server.health),
        Route("/metrics", server.metrics),
        Route("/openapi.json", server.openapi),
        Route("/stereo", server.stereo, methods=["POST"]),
        Route("/mono", server.mono, methods=["POST"]),
        WebSocketRoute("/stream", stream(workers, server.statistics)),
    ]
    middleware = [Middleware(_Counted, statistics=server.statistics), *guards(token, hosts, _OPEN)]
    handlers = {LeadlineError: _explained, HTTPException: _refused, ClientDisconnect: _gone}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


class _Counted:
    """Counts requests by path and status."""

    def __init__(self, app: ASGIApp, statistics: Statistics) -> None:
        self._app, self._statistics = app, statistics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        left = until(1e9)
        begun = left()
        try:
            await self._app(scope, receive, counted)
        finally:
            self._statistics.count(cast(str, scope["path"]), status, begun - left())


class _Server:
    """Answers of the application."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self.statistics = Statistics()

    def index(self, _: HttpRequest) -> Response:
        """A page that lists the routes."""
        return HTMLResponse(index_page())

    def openapi(self, _: HttpRequest) -> Response:
        """The routes, as OpenAPI describes them."""
        return JSONResponse(openapi())

    def health(self, _: HttpRequest) -> Response:
        """Whether requests are taken."""
        if self._workers.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        return JSONResponse({"status": "ok", "waiting": self._workers.waiting, "busy": self._workers.busy})

    def metrics(self, _: HttpRequest) -> Response:
        """Counts, for Prometheus."""
        text = self.statistics.text(self._workers.waiting, self._workers.busy)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def stereo(self, request: HttpRequest) -> Response:
        """A pair."""
        return await self._answer("stereo", request)

    async def mono(self, request: HttpRequest) -> Response:
        """An image."""
        return await self._answer("mono", request)

    async def _answer(self, kind: str, http: HttpRequest) -> Response:
        wanted = _wanted(kind, http)
        if self._workers.stopping:
            raise StoppingError("expected a server that runs, but it is stopping; ask again later")
        left_s = until(self._workers.limits.timeout_s)
        place, request = temporary_folder(), None
        try:
            request = await self._received(kind, http, Path(place.name), left_s())
            self._workers.submit(request)
            await _done(request, http, left_s)
            return await asyncio.to_thread(_packed, request, wanted)
        except LeadlineError as error:
            raise _without_folder(error, place.name) from error
        finally:
            if request is None:
                place.cleanup()
            else:
                # A worker may still write into the folder of a client that has gone.
                request.answer.cancel()
                request.answer.add_done_callback(lambda _: place.cleanup())

    async def _received(self, kind: str, http: HttpRequest, folder: Path, left_s: float) -> Request:
        """The request with its files on the disk."""
        limits, fields = self._workers.limits, _FIELDS[kind]
        _require_multipart(http)
        _limit_body(http, limits.most_bytes)
        try:
            async with asyncio.timeout(left_s):
                form = await http.form(max_files=4, max_fields=32, max_part_size=4096)
        except TimeoutError:
            raise HTTPException(408, f"expected the whole request within {limits.timeout_s:g} s") from None
        except MultiPartException as error:
            raise HTTPException(422, f"expected a form in one piece: {error.message}") from None
        try:
            uploads = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
            values = texts_of(fields, {name: value for name, value in form.multi_items() if isinstance(value, str)})
            files = await asyncio.to_thread(_saved, fields, uploads, folder)
        finally:
            await form.close()
        for name in files:
            if name != "calibration":
                inspect_image(files[name].read_bytes(), name, limits.max_pixels)
        return Request(kind, folder, files, values)


def _wanted(kind: str, http: HttpRequest) -> str:
    """Name of the file that answers a request."""
    if any(name != "file" for name in http.query_params):
        raise InputError("expected fields in the form and at most ?file=NAME in the address, got others")
    name = http.query_params.get("file")
    if name is None:
        return ALL if "application/zip" in http.headers.get("accept", "") else SUMMARY_FILE
    if name != ALL and name not in FILES[kind]:
        raise InputError(f"expected {', '.join((*FILES[kind], ALL))} as file, got {name[:40]!r}")
    return name


def _require_multipart(http: HttpRequest) -> None:
    if not http.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "expected a form as multipart/form-data, such as that of curl -F left=@left.png")


def _limit_body(http: HttpRequest, most: int) -> None:
    """Refuses a body that is too large, by what it says of itself and as it comes."""
    too_large = HTTPException(413, f"expected at most {most} bytes in a request; send smaller files")
    stated = http.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > most:
        raise too_large
    receive, count = http._receive, 0

    async def counted() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > most:
            raise too_large
        return message

    http._receive = counted


def _saved(fields: tuple[Field, ...], uploads: Mapping[str, UploadFile], folder: Path) -> dict[str, Path]:
    """Uploads as files named after their fields; of a name that came only a known ending is kept."""
    known = {field.name: field for field in fields if field.type == "file"}
    files = dict[str, Path]()
    for name, upload in uploads.items():
        if name not in known:
            raise InputError(f"expected files as {', '.join(known)}, got {name[:40]!r}")
        suffix = os.path.splitext(upload.filename or "")[1].lower()
        files[name] = folder / (name + (suffix if suffix in _SUFFIXES else ""))
        files[name].write_bytes(upload.file.read())
    for field in known.values():
        if field.required and field.name not in files:
            raise InputError(f"expected a file as {field.name}, got none; send it as a part of the form")
    return files


async def _done(request: Request, http: HttpRequest, left_s: Callable[[], float]) -> None:
    """Waits for the answer, as long as there is time and a client.

    Raises:
        LeadlineError: If the request is unusable.
        HTTPException: If time is over.
    """
    answer = asyncio.wrap_future(request.answer)
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it any more
    while True:
        try:
            await asyncio.wait_for(asyncio.shield(answer), min(_LOOK_S, max(left_s(), 1e-3)))
        except TimeoutError:
            if await http.is_disconnected():
                raise ClientDisconnect from None
            if left_s() <= 0:
                raise HTTPException(503, "expected an answer in time, but it is not ready; ask again later") from None
        else:
            return


def _packed(request: Request, wanted: str) -> Response:
    """A file of the result, or all of them."""
    if wanted == ALL:
        content = BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(request.result.iterdir()):
                archive.writestr(path.name, _content(path, request.folder))
        return Response(content.getvalue(), media_type="application/zip")
    path = request.result / wanted
    if not path.is_file():
        made = ", ".join(sorted(each.name for each in request.result.iterdir()))
        raise InputError(
            f"expected {made} of this result, which has no {wanted}; depth, points and meshes need a calibration or a "
            "field of view, and a scale"
        )
    return Response(_content(path, request.folder), media_type=CONTENT_TYPES[path.suffix])


def _content(path: Path, folder: Path) -> bytes:
    """A file's bytes; a summary without the server's folder."""
    data = path.read_bytes()
    return data.replace(f"{folder}/".encode(), b"") if path.name == SUMMARY_FILE else data


def _without_folder(error: LeadlineError, folder: str) -> LeadlineError:
    """An error whose message does not name the server's folder."""
    return type(error)(str(error).replace(f"{folder}/", ""))


async def _explained(_: HttpRequest, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)
    headers = {"retry-after": "1"} if status in (429, 503) else None
    return JSONResponse({"error": " ".join(str(error).split())}, status, headers)


async def _gone(_: HttpRequest, __: Exception) -> Response:
    """An answer that nobody gets, for the statistics: the client has closed the connection."""
    return Response(status_code=499)


async def _refused(_: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 503:
        headers["retry-after"] = "1"
    return JSONResponse({"error": json.loads(json.dumps(error.detail))}, error.status_code, headers)
