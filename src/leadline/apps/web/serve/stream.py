"""Pairs through a WebSocket: one is worked on, the newest one waits, older ones are passed over.

A message of the client is 4 bytes with the length of the left image's file, least significant byte first, then that
file, then the right image's file. The answer is a text message, a JSON object with `number` (of the client's message,
from 0) and the summary, or `number` and `error`; after a summary a binary message follows with the file that was asked
for. The address holds the fields of /stereo that are no files, and `file`: one of the result's, or disparity.pfm.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from leadline.apps.web.serve.fields import STEREO_FIELDS, texts_of
from leadline.apps.web.serve.statistics import Statistics
from leadline.apps.web.serve.work import FILES, Request, Workers, temporary_folder
from leadline.errors import InputError, LeadlineError
from leadline.io.image_header import inspect_image
from leadline.results.request import SUMMARY_FILE

_LENGTH: Final = 4
_SEND_S: Final = 15.0
"""A client that takes an answer slower than this is let go."""
_IDLE_S: Final = 300.0
"""A client that sends nothing this long is let go."""
_DEFAULT: Final = "disparity.pfm"


def stream(workers: Workers, statistics: Statistics) -> Callable[[WebSocket], Awaitable[None]]:
    """The endpoint.

    Args:
        workers: Who answers.
        statistics: Counts frames.
    """

    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        try:
            asked = dict(socket.query_params)
            wanted = asked.pop("file", _DEFAULT)
            if wanted not in FILES["stereo"]:
                raise InputError(f"expected {', '.join(FILES['stereo'])} as file, got {wanted[:40]!r}")
            values = texts_of(STEREO_FIELDS, asked)
        except InputError as error:
            await socket.send_json({"error": str(error)})
            await socket.close(1008)
            return
        newest = _Newest(statistics)
        reading = asyncio.create_task(_read(socket, newest, workers.limits.most_bytes))
        try:
            while (frame := await newest.take()) is not None:
                await _answer(socket, workers, statistics, frame, values, wanted)
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            pass  # the client has gone, or takes nothing any more
        finally:
            reading.cancel()

    return endpoint


class _Newest:
    """Room for one message; a newer one replaces it."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._held: tuple[int, bytes] | None = None
        self._is_over = False
        self._changed = asyncio.Event()

    def put(self, number: int, data: bytes) -> None:
        if self._held is not None:
            self._statistics.frame("replaced")
        self._held = number, data
        self._changed.set()

    def end(self) -> None:
        self._is_over = True
        self._changed.set()

    async def take(self) -> tuple[int, bytes] | None:
        """The message that waits, or the next one; None at the end."""
        while self._held is None:
            if self._is_over:
                return None
            self._changed.clear()
            await self._changed.wait()
        found, self._held = self._held, None
        return found


async def _read(socket: WebSocket, newest: _Newest, most_bytes: int) -> None:
    number = 0
    try:
        while True:
            data = await asyncio.wait_for(socket.receive_bytes(), _IDLE_S)
            if len(data) > most_bytes:
                await socket.close(1009, f"expected at most {most_bytes} bytes")
                break
            newest.put(number, data)
            number += 1
    except (WebSocketDisconnect, TimeoutError, RuntimeError, KeyError):
        pass  # gone, silent, or a text message where bytes were expected
    finally:
        newest.end()


async def _answer(
    socket: WebSocket,
    workers: Workers,
    statistics: Statistics,
    frame: tuple[int, bytes],
    values: Mapping[str, Any],
    wanted: str,
) -> None:
    number, data = frame
    with temporary_folder() as place:
        try:
            request = Request("stereo", Path(place), _saved(data, Path(place), workers.limits.max_pixels), values)
            workers.submit(request)
            await asyncio.wrap_future(request.answer)
            summary, content = await asyncio.to_thread(_read_result, request, wanted)
        except LeadlineError as error:
            statistics.frame("refused")
            told = {"number": number, "error": str(error).replace(f"{place}/", "")}
            await asyncio.wait_for(socket.send_json(told), _SEND_S)
            return
    statistics.frame("answered")
    await asyncio.wait_for(socket.send_json({"number": number, "summary": summary}), _SEND_S)
    await asyncio.wait_for(socket.send_bytes(content), _SEND_S)


def _saved(data: bytes, folder: Path, max_pixels: int) -> dict[str, Path]:
    length = int.from_bytes(data[:_LENGTH], "little")
    left, right = data[_LENGTH : _LENGTH + length], data[_LENGTH + length :]
    if len(left) != length or not left or not right:
        raise InputError(
            f"expected 4 bytes with the length of the left image, that image, and the right one, got {len(data)} bytes "
            f"of which {length} would be the left image"
        )
    files = {"left": folder / "left", "right": folder / "right"}
    for path, content in zip(files.values(), (left, right), strict=True):
        path.write_bytes(content)
        inspect_image(content, path.name, max_pixels)
    return files


def _read_result(request: Request, wanted: str) -> tuple[Any, bytes]:
    summary = (request.result / SUMMARY_FILE).read_text().replace(f"{request.folder}/", "")
    path = request.result / wanted
    if not path.is_file():
        raise InputError(f"expected a calibration for {wanted}: add fov and baseline_m to the address")
    return json.loads(summary), path.read_bytes()
