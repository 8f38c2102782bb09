"""A stream of depth: the source, the method and the reader each run at their own speed, and the newest frame wins."""

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from jaxtyping import UInt8

from leadline.cameras.frame import StereoFrame
from leadline.cameras.source import StereoSource
from leadline.errors import InputError
from leadline.maps import DepthMap, DisparityMap
from leadline.results.methods import MethodsByRange
from leadline.results.rigs import RigGiven
from leadline.runtime.stereo import StereoMethod
from leadline.runtime.validity import judged
from leadline.streaming.ready import FrameMaker, ReadyFrame, is_blank
from leadline.streaming.slot import Slot
from leadline.streaming.statistics import LiveStatistics, StatisticsKeeper

_WAIT_S: Final = 0.2
_JOIN_S: Final = 15.0
_MOST_STALE: Final = 5
"""Results in a row that are too old the moment they are made: the method is too slow for the age that is allowed."""
_MOST_EVENTS: Final = 100


@dataclass(frozen=True)
class StreamOptions:
    """Options of a stream.

    Args:
        max_fps: Results a second at most; as many as the method makes if absent.
        max_age_s: Pairs older than this are not matched, and results older than this are not handed over; no bound if
            absent. Pairs of a recording at its own pace have no age.
        swap: Exchange the views.
        first_number: Pairs of a recording with a smaller number are passed by.
    Raises:
        InputError: If a number is not above 0.
    """

    max_fps: float | None = None
    max_age_s: float | None = None
    swap: bool = False
    first_number: int = 0

    def __post_init__(self) -> None:
        """Refuses impossible bounds."""
        for value, name in ((self.max_fps, "frames a second"), (self.max_age_s, "seconds of age")):
            if value is not None and not value > 0:
                raise InputError(f"expected more than 0 {name}, got {value}")


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A pair and its depth.

    Args:
        frame: The rectified pair; its rig is that of the rectified images, or None.
        disparity: Of the left image, with validity and confidence.
        depth: In metres; None where the cameras are unknown.
        latency_s: From the pair's arrival in memory until its depth was there.
        match_s: Time of matching alone.
        number: Of this result, from 0.
    """

    frame: StereoFrame
    disparity: DisparityMap
    depth: DepthMap | None
    latency_s: float
    match_s: float
    number: int

    @property
    def left(self) -> UInt8[np.ndarray, "h w 3"]:
        """The left image, rectified."""
        return self.frame.left

    @property
    def right(self) -> UInt8[np.ndarray, "h w 3"]:
        """The right image, rectified."""
        return self.frame.right

    @property
    def time_s(self) -> float:
        """When the pair was exposed, seconds of the clock that `frame.meta.clock` names."""
        return self.frame.time_s

    @property
    def mean_confidence(self) -> float | None:
        """Mean confidence; None where the method gives none."""
        confidence = self.disparity.confidence
        return None if confidence is None else float(confidence.mean())


@final
class LiveStream:
    """Results of a source, newest first; to be iterated over, and closed.

    Three threads work: one captures, one rectifies and matches, one judges the disparity and makes depth. Between them
    lies room for one frame each. With a camera a newer frame replaces one that waits, so that what is matched is never
    older than the camera's last frame; with a recording at its own pace every frame is kept.

    Args:
        source: A source that is open; the stream closes it.
        method: Left and right image to disparity, or one for each range of disparities.
        given: What the user says of the cameras.
        options: Bounds of rate and age.
        on_event: Called with one line, from any of the threads, about what the user should know.
    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from leadline.cameras import open_source
        >>> from leadline.classical import ClassicalStereo
        >>> from leadline.io.images import write_image
        >>> texture = np.random.default_rng(0).integers(0, 256, (60, 107), dtype=np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_image(f"{folder}/left.png", texture[:, :100])
        ...     write_image(f"{folder}/right.png", texture[:, 7:])
        ...     source = open_source(f"file:{folder}/left.png", f"{folder}/right.png")
        ...     with LiveStream(source, ClassicalStereo("sgbm", 31)) as stream:
        ...         [float(result.disparity.disparity[30, 50]) for result in stream]
        [7.0]
    """

    def __init__(
        self,
        source: StereoSource,
        method: StereoMethod | MethodsByRange,
        given: RigGiven | None = None,
        options: StreamOptions | None = None,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        self.source, self._method, self._options = source, method, options or StreamOptions()
        self.events = deque[str](maxlen=_MOST_EVENTS)
        self._tell_user = on_event
        source.on_event = self._tell
        self._maker = FrameMaker(given, self._options.swap, self._tell)
        keep_all = not source.is_live
        self._captured, self._matched, self._results = (Slot[Any](keep_all) for _ in range(3))
        self._keeper = StatisticsKeeper()
        self._error: BaseException | None = None
        self._stopping = threading.Event()
        self._said = set[str]()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work, slot), name=f"leadline {work.__name__[1:]}", daemon=True)
            for work, slot in (
                (self._capture, self._captured),
                (self._match, self._matched),
                (self._finish, self._results),
            )
        ]
        for note in source.notes:
            self._tell(f"note: {note}")
        for thread in self._threads:
            thread.start()
        # A thread that runs a network while Python ends would abort the process.
        atexit.register(self.close)

    @property
    def statistics(self) -> LiveStatistics:
        """Speed, latency and losses until now."""
        faults = self.source.counts.faults()
        return self._keeper.snapshot(self._captured.replaced, self._results.replaced, faults)

    def __iter__(self) -> Iterator[LiveFrame]:
        """Results as they come, until the source ends; the stream is closed when the loop ends.

        Raises:
            LeadlineError: If the source, a calibration or the method fails for good.
        """
        try:
            while (result := self.next()) is not None:
                yield result
        finally:
            self.close()

    @property
    def over(self) -> bool:
        """Whether nothing comes any more: the source ended, something failed, or the stream was closed."""
        return self._results.over

    def next(self, timeout_s: float | None = None) -> LiveFrame | None:
        """The newest result that was not handed over, as soon as there is one.

        Args:
            timeout_s: How long it is waited for, seconds; 0 for what is there now; without end if absent.
        Returns:
            None after the end (`over`), or when the time is over.
        Raises:
            LeadlineError: If the source, a calibration or the method fails for good.
        """
        end = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while True:
            # In short waits: Ctrl-C comes between them.
            wait = min(_WAIT_S, max(0.0, end - time.monotonic()))
            found: LiveFrame | None = self._results.take(wait)
            if found is not None and not self._too_old(found):
                return found
            if found is None and self._results.over:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                return None
            if found is None and time.monotonic() >= end:
                return None

    def __enter__(self) -> "LiveStream":
        """The stream itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def close(self) -> None:
        """Ends the threads and gives the camera back."""
        atexit.unregister(self.close)
        self._stopping.set()
        for slot in (self._captured, self._matched, self._results):
            slot.close()
        self.source.interrupt()
        end = time.monotonic() + _JOIN_S
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))
        if not self._threads[0].is_alive():
            self.source.close()

    def _tell(self, line: str) -> None:
        self.events.append(line)
        if self._tell_user is not None:
            self._tell_user(line)

    def _guarded(self, work: Callable[[], None], slot: Slot[Any]) -> None:
        """Runs a thread's work; what goes wrong reaches the reader after the results that are there."""
        try:
            work()
        except BaseException as error:
            if self._error is None and not self._stopping.is_set():
                self._error = error
            self._captured.close()
        finally:
            slot.end()

    def _capture(self) -> None:
        while not self._stopping.is_set():
            frame = self.source.read()
            if frame is None:
                break
            if frame.meta.number < self._options.first_number and not self.source.is_live:
                continue
            self._keeper.capture()
            self._captured.put(frame)
        counts = self.source.counts
        if counts.frames == 0 and not self._stopping.is_set():
            raise InputError(
                f"expected at least one pair of images of one moment from {self.source.address}, got none"
                + (f": {counts.unpaired} images have no partner; the two views were not recorded at the same time"
                   if counts.unpaired else "")
            )  # fmt: skip

    def _match(self) -> None:
        step_s = 0.0 if self._options.max_fps is None else 1.0 / self._options.max_fps
        due = 0.0
        while not self._stopping.is_set():
            # The newest frame is taken after waiting, not before.
            if (left := due - time.monotonic()) > 0 and self._stopping.wait(left):
                return
            frame: StereoFrame | None = self._captured.take()
            if frame is None:
                return
            if self._is_old(frame):
                self._keeper.stale_pairs += 1
                continue
            due = max(due + step_s, time.monotonic())
            if is_blank(frame):
                self._keeper.blank += 1
                if self._maker.waits():
                    continue
            ready = self._maker.ready(frame)
            method = self._method_for(ready)
            begun = time.perf_counter()
            disparity = method(ready.pair.left, ready.pair.right)
            self._matched.put((ready, disparity, time.perf_counter() - begun))

    def _method_for(self, ready: ReadyFrame) -> StereoMethod:
        if not isinstance(self._method, MethodsByRange):
            return self._method
        method, notes = self._method.fitting(ready.pair)
        for note in notes:
            if note not in self._said:
                self._said.add(note)
                self._tell(f"note: {note}")
        return method

    def _finish(self) -> None:
        stale = 0
        while (found := self._matched.take()) is not None:
            result = self._finished(*found)
            if self._too_old(result):
                stale += 1
                if stale >= _MOST_STALE:
                    raise InputError(
                        f"expected results at most {1000 * (self._options.max_age_s or 0):.0f} ms after their frames, "
                        f"got {1000 * result.latency_s:.0f} ms, {1000 * result.match_s:.0f} of them for matching; "
                        "allow a greater age, or choose a smaller image size or a faster model"
                    )
                continue
            stale = 0
            self._results.put(result)

    def _finished(self, ready: ReadyFrame, disparity: DisparityMap, match_s: float) -> LiveFrame:
        frame, pair = ready.frame, ready.pair
        found = judged(disparity, pair.left, pair.right, pair.seen)
        depth = None if pair.rig is None else found.to_depth(pair.rig)
        latency = time.monotonic() - frame.meta.arrived_s
        result = LiveFrame(frame, found, depth, latency, match_s, self._keeper.results)
        self._keeper.result(latency, match_s, result.mean_confidence)
        return result

    def _is_old(self, frame: StereoFrame) -> bool:
        limit = self._options.max_age_s
        return limit is not None and self.source.is_live and time.monotonic() - frame.meta.arrived_s > limit

    def _too_old(self, result: LiveFrame) -> bool:
        if not self._is_old(result.frame):
            return False
        self._keeper.stale_results += 1
        return True
