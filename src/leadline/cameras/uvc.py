"""UVC cameras that deliver both views in one image: ZED without its SDK, rigs and modules of any maker."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast, final

import cv2
import numpy as np

from leadline.cameras.address import Address
from leadline.cameras.frame import FrameMeta, StereoFrame
from leadline.errors import CameraError, CameraLostError, InputError
from leadline.io.pairs import Layout, split_views

LAYOUTS: Final = ("side-by-side", "half-side-by-side", "over-under", "half-over-under")
_FORMATS: Final = ("YUYV", "MJPG", "UYVY", "NV12", "GREY", "BGR3")
_DAMAGED_FRAMES: Final = 5
"""Frames in a row without an image after which a camera counts as lost."""
_LONGEST_DECODING_S: Final = 1.0
"""What is older by the driver's time stamp was stamped by another clock."""
_GAP_STEPS: Final = 1.5
"""Steps of the camera's rate after which a frame is missing between two time stamps."""


@final
class UvcCamera:
    """A UVC camera, by OpenCV.

    Args:
        address: `uvc:NUMBER` or `uvc:/dev/v4l/by-id/...`, which stays the same when it is plugged in again; with
            size=WIDTHxHEIGHT of ONE view, fps, format (YUYV, MJPG, ...) and layout.
        open_capture: Opens a capture of OpenCV.
    Raises:
        CameraError: If there is no such camera, it is busy, or it delivers another size or format than asked for.
    """

    def __init__(self, address: Address, open_capture: Callable[[int | str], Any] | None = None) -> None:
        size, fps = address.size(), address.rate()
        self._layout: Layout | None = cast(Layout | None, address.choice("layout", LAYOUTS))
        form = address.choice("format", _FORMATS)
        place: int | str = int(address.place or 0) if (address.place or "0").isdigit() else address.place
        self._name, self.unpaired = address.text, 0
        self._checked = self._layout is not None
        self._capture: Any = (open_capture or _opened)(place)
        self._number, self._stamp_s, self._step_s = 0, 0.0, 0.0
        try:
            if not self._capture.isOpened():
                raise CameraError(f"expected a camera at {address.text}, got none; {_mend(place)}")
            self._configure(size, fps, form)
        except BaseException:
            self._capture.release()
            raise

    def _configure(self, size: tuple[int, int] | None, fps: float | None, form: str | None) -> None:
        capture = self._capture
        if form is not None:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*form))
        whole = None if size is None else _whole_size(size, self._layout)
        if whole is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, whole[1])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, whole[0])
        if fps is not None:
            capture.set(cv2.CAP_PROP_FPS, fps)
        # Old frames wait for nobody.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        got = round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), round(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        if whole is not None and got != whole:
            raise CameraError(
                f"expected images of {whole[1]}x{whole[0]} with both views from {self._name}, got {got[1]}x{got[0]}; "
                "choose a size that the camera has (v4l2-ctl --list-formats-ext)"
            )
        found = _fourcc(capture.get(cv2.CAP_PROP_FOURCC))
        if form is not None and found and found != form:
            raise CameraError(
                f"expected format {form} from {self._name}, got {found}; choose a format that the camera has at this "
                "size (v4l2-ctl --list-formats-ext)"
            )
        rate = capture.get(cv2.CAP_PROP_FPS) or 0.0
        self._step_s = 1.0 / rate if 0 < rate <= 1000 else 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """How the views are taken."""
        how = "side by side" if self._layout is None else self._layout
        return (f"{self._name}: two views {how}, left view first; if they are exchanged, swap them",)

    def grab(self) -> StereoFrame | None:
        """The next pair; its time is that of its arrival in the driver, where it says so.

        Raises:
            CameraLostError: If none comes.
            CameraError: If it is no pair.
        """
        for _ in range(_DAMAGED_FRAMES):
            found, image = self._capture.read()
            now, clock = time.monotonic(), time.time()
            if found and image is not None and image.size:
                # V4L2 stamps a frame by the same clock before it is decoded.
                stamp = float(self._capture.get(cv2.CAP_PROP_POS_MSEC) or 0.0) / 1000.0
                decoding = now - stamp if 0.0 <= now - stamp < _LONGEST_DECODING_S else 0.0
                return self._frame(np.asarray(image), now - decoding, clock - decoding, stamp)
        raise CameraLostError("expected the next frame, got none; is the camera still plugged in?")

    def _frame(self, image: np.ndarray, arrived: float, time_s: float, stamp: float) -> StereoFrame:
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise CameraError(f"expected 8-bit images from {self._name}, got {image.dtype} of shape {image.shape}")
        code = cv2.COLOR_GRAY2RGB if image.ndim == 2 or image.shape[2] == 1 else cv2.COLOR_BGR2RGB
        rgb = np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)
        try:
            left, right = split_views(rgb, self._name, self._layout, check=not self._checked)
        except InputError as error:
            raise CameraError(str(error)) from error
        self._checked = True
        self._number += 1 + self._missed(stamp)
        return StereoFrame(left, right, time_s, None, FrameMeta(self._number, arrived, "unix"))

    def _missed(self, stamp: float) -> int:
        """Frames that the driver's time stamps say are missing since the last one; 0 where it gives none."""
        before, self._stamp_s = self._stamp_s, stamp
        if before <= 0 or stamp <= before or self._step_s <= 0:
            return 0
        steps = (stamp - before) / self._step_s
        return round(steps) - 1 if steps > _GAP_STEPS else 0

    def interrupt(self) -> None:
        """Nothing: it waits for short times only."""

    def close(self) -> None:
        """Gives the camera back."""
        self._capture.release()


def _opened(place: int | str) -> Any:  # noqa: ANN401 - a capture of OpenCV
    log: Any = cv2.utils.logging
    before = log.getLogLevel()
    # What goes wrong is said in one line of ours.
    log.setLogLevel(0)
    try:
        return cv2.VideoCapture(place, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    finally:
        log.setLogLevel(before)


def _whole_size(size: tuple[int, int], layout: Layout | None) -> tuple[int, int]:
    """(height, width) of the image with both views of a size; squeezed views are of half of it."""
    height, width = size
    if layout in ("half-side-by-side", "half-over-under"):
        return size
    return (2 * height, width) if layout == "over-under" else (height, 2 * width)


def _fourcc(value: float) -> str:
    code = int(value)
    text = "".join(chr((code >> shift) & 0xFF) for shift in (0, 8, 16, 24))
    return text if code > 0 and text.isprintable() else ""


def _mend(place: int | str) -> str:
    there = sorted(str(path) for path in Path("/dev").glob("video*")) if sys.platform == "linux" else []
    if isinstance(place, str) and not Path(place).exists():
        return f"there is no {place}; cameras here: {', '.join(there) or 'none'}"
    if there and f"/dev/video{place}" in there:
        return f"/dev/video{place} is no camera, busy with another program, or not yours to read (group video)"
    return f"cameras here: {', '.join(there) or 'none'}; plug it in, or choose another number"
