"""Recording of a stream: frames and results as files, resumed after a stop, and ended cleanly when the disk is full."""

import atexit
import json
import os
import queue
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from leadline.errors import InputError, LeadlineError, OutputError
from leadline.geometry.rig import StereoRig
from leadline.io.atomic import make_output_folder
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.images import write_image
from leadline.io.kitti_png import write_kitti_disparity
from leadline.io.pfm import write_pfm
from leadline.results.stereo import describe_rig, versions, write_json
from leadline.streaming.stream import LiveFrame
from leadline.visual.colormap import confidence_grey

INDEX: Final = "frames.jsonl"
REQUEST: Final = "recording.json"
CALIBRATION: Final = "calib.txt"
_FOLDERS: Final = ("left", "right", "disparity", "confidence")
_WAITING: Final = 4
"""Results that wait to be written; more would be memory without bound where the disk is slow."""
_MOST_PNG_PX: Final = 255.5
_MEGABYTE: Final = 1 << 20


@final
class Recording:
    """A folder of frames and results; a folder of an earlier recording of the same source and method is continued.

    LEFT, RIGHT and DISPARITY are images NAME.png in folders left, right, disparity (16 bit, pixels times 256, 0
    unknown, as KITTI has it; NAME.pfm where one is 256 px or more) and confidence (8 bit, 255 is 1). `calib.txt` has
    the cameras of the rectified images. `frames.jsonl` has one line for each frame whose files are whole. The folder
    is a source itself: `file:FOLDER`, with `calib.txt` as the calibration.

    A recorded source (a film, a bag) that is recorded again goes on after the last frame: `next_camera_number`.

    Args:
        folder: Made if need be; owned by the caller (`owned_folder`).
        request: What decides the results, as of `describe_request`.
        keep_free_mb: Megabytes that the disk must keep free; recording ends before it has less.
        wait: Whether `add` waits for a slow disk; else results that come meanwhile are left out and counted.
        on_event: Told in one line when recording ends early.
    Raises:
        InputError: If the folder holds a recording of something else.
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> from leadline.results.request import describe_request
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recording(Path(folder, "run"), describe_request([], {"source": "uvc:0"})) as recording:
        ...         recording.continued
        0
    """

    def __init__(
        self,
        folder: Path,
        request: Mapping[str, Any],
        keep_free_mb: float = 500.0,
        wait: bool = False,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        self.folder, self.left_out, self.written = make_output_folder(folder), 0, 0
        self.failure: str | None = None
        self._request: dict[str, Any] = json.loads(json.dumps(dict(request)))
        self._known: dict[str, Any] = {}
        self._keep_free, self._wait = int(keep_free_mb * _MEGABYTE), wait
        self._tell = on_event or _ignore
        self._rig: StereoRig | None = None
        self._size: tuple[int, ...] | None = None
        self.next_camera_number = 0
        self.continued, self._session = self._resume()
        self._number = self.continued
        for name in _FOLDERS:
            make_output_folder(self.folder / name)
        self._queue = queue.Queue[LiveFrame | None](maxsize=_WAITING)
        self._thread = threading.Thread(target=self._write_all, name="leadline record", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def add(self, result: LiveFrame) -> None:
        """Takes a result to write; one that finds the disk too slow is left out and counted."""
        if self.failure is not None:
            return
        try:
            self._queue.put(result, block=self._wait, timeout=None)
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """Writes what waits; then nothing more."""
        atexit.unregister(self.close)
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def __enter__(self) -> "Recording":
        """The recording itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def _resume(self) -> tuple[int, int]:
        """Number of the next frame and of this session, after what an earlier run wrote."""
        index, request = self.folder / INDEX, self.folder / REQUEST
        if not request.exists():
            if index.exists():
                raise InputError(
                    f"expected {request} beside {INDEX}, got none; choose another folder for the recording"
                )
            return 0, 0
        try:
            found = json.loads(request.read_text())
            self._size = tuple(found["size"]) if found.get("size") else None
            same = {key: found.get(key) for key in self._request} == self._request
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"expected a recording's {request}, got a damaged file; choose another folder") from error
        if not same:
            raise InputError(
                f"expected a new folder, or one with a recording of the same source and method, got another one's in "
                f"{self.folder}; choose another folder for the recording"
            )
        self._known = found
        return self._whole_lines(index)

    def _whole_lines(self, index: Path) -> tuple[int, int]:
        """Cuts a line that a killed run left unfinished."""
        if not index.exists():
            return 0, 0
        content = index.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(index, len(whole))
        lines = whole.splitlines()
        try:
            if not lines:
                return 0, 0
            last = json.loads(lines[-1])
            self.next_camera_number = int(last["camera_number"]) + 1
            return int(last["number"]) + 1, int(last["session"]) + 1
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"expected a recording's {index}, got a damaged file; choose another folder") from error

    def _write_all(self) -> None:
        while (result := self._queue.get()) is not None:
            if self.failure is not None:
                continue
            try:
                self._write(result)
            except (LeadlineError, OSError) as error:
                self._fail(str(error))

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._tell(f"recording ended after {self.written} frames: {reason}; what is written is whole")

    def _write(self, result: LiveFrame) -> None:
        self._check_space()
        self._begin(result)
        name, disparity = f"{self._number:06d}", result.disparity
        write_image(self.folder / "left" / f"{name}.png", result.frame.left)
        write_image(self.folder / "right" / f"{name}.png", result.frame.right)
        values, valid = disparity.disparity, disparity.valid
        fits = not valid.any() or (values[valid].min() >= 0 and values[valid].max() < _MOST_PNG_PX)
        path = self.folder / "disparity" / f"{name}.{'png' if fits else 'pfm'}"
        if fits:
            write_kitti_disparity(path, values, valid)
        else:
            write_pfm(path, np.where(valid, values, np.float32(np.inf)))
        if disparity.confidence is not None:
            write_image(self.folder / "confidence" / f"{name}.png", confidence_grey(disparity.confidence)[..., 0])
        meta = result.frame.meta
        self._append({
            "number": self._number, "session": self._session, "name": name, "disparity": path.name,
            "time_s": result.frame.time_s, "right_time_s": meta.right_time_s, "clock": meta.clock,
            "camera_number": meta.number, "latency_s": round(result.latency_s, 6),
            "mean_confidence": None if result.mean_confidence is None else round(result.mean_confidence, 6),
        })  # fmt: skip
        self._number += 1
        self.written += 1

    def _append(self, line: Mapping[str, Any]) -> None:
        with (self.folder / INDEX).open("ab") as file:
            begun = file.tell()
            try:
                file.write((json.dumps(line, allow_nan=False) + "\n").encode())
                file.flush()
            except OSError as error:
                os.truncate(self.folder / INDEX, begun)
                raise OutputError(f"expected to write {self.folder / INDEX}, got {error.strerror}") from error

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < self._keep_free:
            raise OutputError(
                f"expected {self._keep_free // _MEGABYTE} MB to stay free on the disk of {self.folder}, got "
                f"{free // _MEGABYTE} MB; free space or choose another folder"
            )

    def _begin(self, result: LiveFrame) -> None:
        """Writes what holds for all frames, and refuses frames of other cameras."""
        rig, size = result.frame.rig, tuple(result.frame.left.shape[:2])
        rig = rig if isinstance(rig, StereoRig) else None
        if self._size is None:
            described = None if rig is None else describe_rig(rig)
            write_json(
                self.folder / REQUEST,
                {**self._request, "size": list(size), "rig": described, "versions": versions()},
            )
            if rig is not None:
                write_middlebury_calibration(self.folder / CALIBRATION, rig)
            self._size, self._known = size, {"rig": described}
        if size != self._size:
            raise OutputError(
                f"expected frames of {self._size[1]}x{self._size[0]} as recorded, got {size[1]}x{size[0]}; choose "
                "another folder for these"
            )
        if rig is not self._rig:
            self._rig = rig
            described = None if rig is None else json.loads(json.dumps(describe_rig(rig)))
            if json.loads(json.dumps(self._known.get("rig"))) != described:
                raise OutputError("expected frames of the cameras as recorded, got others; choose another folder")


def _ignore(_: str) -> None:
    """Tells nobody."""
