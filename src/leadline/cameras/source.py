"""What every source has in common: counting, reconnecting, and the checks that each frame passes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, Protocol, final, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.cameras.frame import StereoFrame
from leadline.errors import CameraError, CameraLostError
from leadline.geometry.check import MAX_EXPOSURE_GAP_STOPS

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 2.0
_LATE_SHARE: Final = 0.25
"""Share of the time between two frames by which the moments of a pair's images may differ."""
_SAMPLED: Final = (48, 64)
_BLACK: Final = 2.0


@runtime_checkable
class Device(Protocol):
    """A camera or recording that is open."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, one line each, for the user."""
        ...

    @property
    def unpaired(self) -> int:
        """Images that were left out, as the other view had none of their moment."""
        ...

    def grab(self) -> StereoFrame | None:
        """The next pair; None where a recording ends.

        Raises:
            CameraLostError: If none came in time.
            CameraError: If what comes is no pair.
        """
        ...

    def interrupt(self) -> None:
        """Ends waiting for the next pair's moment, from another thread; cameras wait for short times only."""
        ...

    def close(self) -> None:
        """Gives the camera back."""
        ...


@dataclass
class SourceCounts:
    """Frames and faults of a source since it was opened.

    Args:
        frames: Pairs that were delivered.
        lost: Pairs that the camera took and did not deliver: gaps in its count.
        unpaired: Images that were left out, as the other view had none of their moment.
        apart: Pairs whose images were exposed at moments more than a quarter of a frame apart.
        uneven: Pairs one of whose images is brighter, or longer exposed, than the other by half a stop or more.
        reconnects: How often the camera came back after it was lost.
    """

    frames: int = 0
    lost: int = 0
    unpaired: int = 0
    apart: int = 0
    uneven: int = 0
    reconnects: int = 0

    def faults(self) -> dict[str, int]:
        """The counts that are not 0, without the frames."""
        return {name: count for name, count in asdict(self).items() if count and name != "frames"}


@final
class StereoSource:
    """Pairs of a camera or a recording, one after the other.

    A camera that is lost is opened again, for as long as `patience_s` says; `on_event` is told.

    Args:
        address: As the user gave it.
        open_device: Opens the camera or recording.
        is_live: Whether frames come at their own pace, so that those that nobody takes in time are passed over.
        patience_s: How long a lost camera is waited for, seconds.
        on_event: Called with one line whenever something happens that the user should know.
    Raises:
        CameraError: If it cannot be opened.
    """

    def __init__(
        self,
        address: str,
        open_device: Callable[[], Device],
        is_live: bool,
        patience_s: float = 60.0,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        self.address, self.is_live, self.counts = address, is_live, SourceCounts()
        self._open, self._patience_s = open_device, patience_s
        self.on_event = on_event or _ignore
        self._device: Device | None = open_device()
        self._closed = False
        self._notes = tuple[str, ...]()
        self._last: tuple[int, float] | None = None
        self._step_s = 0.0
        self._unpaired_before = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, one line each, for the user."""
        return self._notes if self._device is None else self._device.notes

    def read(self) -> StereoFrame | None:
        """The next pair; None where a recording ends or the source was closed.

        Raises:
            CameraError: If the camera is lost and does not come back, or delivers something else.
            InputError: If a recording is damaged.
        """
        while not self._closed:
            try:
                if self._device is None:
                    self._device = self._reopened()
                if self._device is None:
                    return None
                frame = self._device.grab()
            except CameraLostError as error:
                if not self.is_live:
                    raise
                self._give_up_device()
                self.on_event(f"{self.address}: {error}; trying to open it again")
                continue
            if frame is not None:
                self._count(frame, self._device)
            return frame
        return None

    def interrupt(self) -> None:
        """Ends a read that runs in another thread, which then gives None; the source still is to be closed."""
        self._closed = True
        if (device := self._device) is not None:
            device.interrupt()

    def close(self) -> None:
        """Gives the camera back; further reads give None. Not while another thread reads."""
        self._closed = True
        self._give_up_device()

    def __enter__(self) -> "StereoSource":
        """The source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def __iter__(self) -> Iterator[StereoFrame]:
        """All pairs until the recording ends."""
        while (frame := self.read()) is not None:
            yield frame

    def _give_up_device(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            self._unpaired_before += device.unpaired
            self._notes = device.notes
            device.close()

    def _reopened(self) -> Device | None:
        """The camera, opened again; None if the source was closed meanwhile.

        Raises:
            CameraError: If it does not come back in time.
        """
        begun, pause, last = time.monotonic(), _FIRST_PAUSE_S, ""
        while not self._closed:
            try:
                device = self._open()
            except CameraError as error:
                last = str(error)
            else:
                self.counts.reconnects += 1
                self._last = None
                self.on_event(f"{self.address}: back after {time.monotonic() - begun:.1f} s")
                return device
            if time.monotonic() - begun >= self._patience_s:
                raise CameraError(
                    f"expected {self.address} to come back within {self._patience_s:g} s, got nothing ({last}); plug "
                    "it in again, and look at its cable and power"
                )
            end = time.monotonic() + pause
            while not self._closed and time.monotonic() < end:
                time.sleep(0.02)
            pause = min(2.0 * pause, _LONGEST_PAUSE_S)
        return None

    def _count(self, frame: StereoFrame, device: Device) -> None:
        counts, meta = self.counts, frame.meta
        counts.frames += 1
        counts.unpaired = self._unpaired_before + device.unpaired
        if self._last is not None:
            number, moment = self._last
            counts.lost += max(0, meta.number - number - 1)
            if meta.number > number and frame.time_s > moment:
                self._step_s = (frame.time_s - moment) / (meta.number - number)
        self._last = meta.number, frame.time_s
        if (
            meta.right_time_s is not None
            and self._step_s > 0
            and abs(meta.right_time_s - frame.time_s) > _LATE_SHARE * self._step_s
        ):
            counts.apart += 1
        if abs(exposure_gap_stops(frame)) > MAX_EXPOSURE_GAP_STOPS:
            counts.uneven += 1


def exposure_gap_stops(frame: StereoFrame) -> float:
    """log2 of the right image's exposure over the left's, by times or by mean brightness, whichever differ more.

    Args:
        frame: A pair.
    Returns:
        0 where both images are black.
    Example:
        >>> from leadline.cameras.frame import FrameMeta
        >>> left, right = (np.full((48, 64, 3), level, np.uint8) for level in (50, 100))
        >>> exposure_gap_stops(StereoFrame(left, right, 0.0, None, FrameMeta(0, 0.0, "unix")))
        1.0
    """
    brightness = [max(_brightness(view), _BLACK) for view in (frame.left, frame.right)]
    gaps = [float(np.log2(brightness[1] / brightness[0]))]
    if frame.meta.exposure_s is not None and min(frame.meta.exposure_s) > 0:
        gaps.append(float(np.log2(frame.meta.exposure_s[1] / frame.meta.exposure_s[0])))
    return max(gaps, key=abs)


def _brightness(image: UInt8[np.ndarray, "h w 3"]) -> float:
    rows, columns = (max(1, side // most) for side, most in zip(image.shape[:2], _SAMPLED, strict=True))
    return float(cv2.mean(np.ascontiguousarray(image[::rows, ::columns, 1]))[0])


def _ignore(_: str) -> None:
    """Tells nobody."""
