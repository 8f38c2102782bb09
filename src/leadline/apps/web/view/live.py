"""Frames of a running stream for the pages that look at it: the newest wins, and none waits for a slow page."""

import asyncio
import secrets
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, final

from leadline.apps.web.view.frame import ViewFrame
from leadline.apps.web.view.packet import encode
from leadline.geometry.rig import StereoRig

if TYPE_CHECKING:
    from leadline.streaming.stream import LiveFrame

MOST_CLIENTS: Final = 16
"""Pages that look at one stream at the same time."""


@final
class LiveView:
    """The newest result of a stream, for any number of pages; to be given results by `publish`.

    Each page asks for the next frame when it has drawn the last one: what it has no time for is left out. Nothing is
    encoded while no page looks.

    Args:
        title: The source's name.
        facts: Names and values of what is known of the stream.
    """

    def __init__(self, title: str, facts: tuple[tuple[str, str], ...] = ()) -> None:
        self.title, self.facts = title, facts
        self.ended: str | None = None
        self._newest: tuple[int, ViewFrame, dict[str, Any]] | None = None
        self._packed: tuple[int, bytes] | None = None
        self._lock = Lock()
        self._shown = dict[str, ViewFrame]()
        self._waiting = set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

    def publish(self, result: "LiveFrame", line: str) -> None:
        """Makes a result the newest one.

        Args:
            result: Of the stream.
            line: Its statistics, in words.
        """
        rig = result.frame.rig if isinstance(result.frame.rig, StereoRig) else None
        frame = ViewFrame(
            f"frame {result.number}",
            result.left,
            result.disparity,
            result.depth,
            rig=rig,
            time_s=result.time_s,
        )
        told = {"number": result.number, "latency_s": result.latency_s, "line": line}
        with self._lock:
            self._newest = result.number, frame, told
        self._wake()

    def end(self, reason: str) -> None:
        """Says that nothing more comes; the last frame stays."""
        self.ended = reason
        self._wake()

    def enter(self) -> str | None:
        """A name for a page that begins to look; None if too many do."""
        with self._lock:
            if len(self._shown) >= MOST_CLIENTS:
                return None
            client = secrets.token_hex(8)
            self._shown[client] = ViewFrame("none yet")
            return client

    def leave(self, client: str) -> None:
        """Forgets a page."""
        with self._lock:
            self._shown.pop(client, None)

    def shown(self, client: str) -> ViewFrame | None:
        """The frame that a page got last; None for a page that is not known."""
        with self._lock:
            return self._shown.get(client)

    async def next(self, client: str, after: int) -> tuple[int, bytes] | None:
        """The newest frame once it is another than the page has; None after the end.

        Args:
            client: As of `enter`.
            after: Number of the frame that the page has, -1 for none.
        """
        while True:
            with self._lock:
                newest = self._newest
            if newest is not None and newest[0] != after:
                number, frame, told = newest
                content = await asyncio.to_thread(self._encoded, number, frame, told)
                with self._lock:
                    self._shown[client] = frame
                return number, content
            if self.ended is not None:
                return None
            await self._news()

    def _encoded(self, number: int, frame: ViewFrame, told: dict[str, Any]) -> bytes:
        """The frame as bytes, made once for all pages."""
        with self._lock:
            packed = self._packed
        if packed is None or packed[0] != number:
            packed = number, encode(frame, {"live": told})
            with self._lock:
                self._packed = packed
        return packed[1]

    async def _news(self) -> None:
        """Waits for a new frame or the end, a second at most: what came between the look and the wait is found then."""
        entry = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiting.add(entry)
        try:
            await asyncio.wait_for(entry[1].wait(), 1.0)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.discard(entry)

    def _wake(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
