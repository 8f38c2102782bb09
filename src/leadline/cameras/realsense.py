"""RealSense cameras (D455, D435, ...): the infrared pair, by pyrealsense2, with the factory's calibration."""

import time
from pathlib import Path
from typing import Any, Final, final

import cv2
import numpy as np

from leadline.cameras.address import Address
from leadline.cameras.extras import load_sdk
from leadline.cameras.frame import Clock, FrameMeta, StereoFrame
from leadline.errors import CameraError, CameraLostError
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib_json import parse_focal_file

EMITTER: Final = ("off", "on", "alternate")
_DEFAULT_SIZE: Final = (480, 848)
_DEFAULT_FPS: Final = 30.0
_FIRST_WAIT_MS: Final = 10_000
_WAIT_MS: Final = 2_000


@final
class RealSenseCamera:
    """The infrared pair of a RealSense camera, which its processor has rectified.

    With the emitter on, its dots help matching where a wall is blank, and hide fine texture. `alternate` switches it
    from frame to frame, and only the frames without dots are delivered: at half the rate, and the camera's own depth
    of the others stays available to its other users.

    Args:
        address: `realsense:` for the first camera, `realsense:SERIAL`, or `realsense:FILE` for a recording of the SDK's
            own (.bag, .db3); with size=848x480, fps=30, emitter=off, on or alternate.
        sdk: The module pyrealsense2; imported if absent.
    Raises:
        MissingExtraError: If pyrealsense2 is not installed.
        CameraError: If there is no such camera, or it has no such streams.
    """

    def __init__(self, address: Address, sdk: Any = None) -> None:  # noqa: ANN401 - a module without types
        size, fps = address.size() or _DEFAULT_SIZE, address.rate() or _DEFAULT_FPS
        self._emitter = address.choice("emitter", EMITTER)
        self._rs = sdk or load_sdk("pyrealsense2", "a RealSense camera")
        self._name, self.unpaired, self._notes = address.text, 0, list[str]()
        self._recorded = is_recording(address.place)
        rs = self._rs
        config = rs.config()
        if self._recorded:
            if not Path(address.place).is_file():
                raise CameraError(f"expected a recording at {address.place}, got no such file; check the name")
            config.enable_device_from_file(address.place, False)
        elif address.place:
            config.enable_device(address.place)
        for index in (1, 2):
            if self._recorded:
                config.enable_stream(rs.stream.infrared, index)
            else:
                config.enable_stream(rs.stream.infrared, index, size[1], size[0], rs.format.y8, round(fps))
        self._pipeline = rs.pipeline()
        try:
            if self._recorded:
                # Before it starts: played at its own speed, it would drop frames.
                wrapped = rs.pipeline_wrapper(self._pipeline)
                config.resolve(wrapped).get_device().as_playback().set_real_time(False)
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise CameraError(self._start_failed(str(error), size, fps)) from error
        self._first = True
        try:
            self._switch_emitter(profile)
            self.rig = self._read_rig(profile)
        except BaseException:
            self.close()
            raise

    def _start_failed(self, reason: str, size: tuple[int, int], fps: float) -> str:
        if self._recorded:
            return f"expected a recording of RealSense with an infrared pair at {self._name}, got {_line(reason)}"
        found = [device.get_info(self._rs.camera_info.serial_number) for device in self._rs.context().query_devices()]
        if not found:
            return f"expected a RealSense camera at {self._name}, got none; plug it in (USB 3) and look at its cable"
        return (
            f"expected an infrared pair of {size[1]}x{size[0]} at {fps:g} frames a second from {self._name}, got "
            f"{_line(reason)}; cameras here: {', '.join(found)}; try size=640x480, or a USB 3 port"
        )

    def _switch_emitter(self, profile: Any) -> None:  # noqa: ANN401 - of the SDK
        if self._recorded:
            if self._emitter in ("on", "off"):
                self._notes.append(f"{self._name}: the emitter of a recording cannot be switched")
            return
        option, mode = self._rs.option, self._emitter or "off"
        sensor = profile.get_device().first_depth_sensor()
        if not sensor.supports(option.emitter_enabled):
            if mode != "off":
                raise CameraError(f"expected a camera with an emitter for emitter={mode}, got {self._name} without one")
            return
        if mode == "alternate" and not sensor.supports(option.emitter_on_off):
            raise CameraError(f"expected a camera that can switch its emitter each frame, got {self._name}; choose off")
        sensor.set_option(option.emitter_enabled, 0.0 if mode == "off" else 1.0)
        if sensor.supports(option.emitter_on_off):
            sensor.set_option(option.emitter_on_off, 1.0 if mode == "alternate" else 0.0)
        if mode == "on":
            self._notes.append(f"{self._name}: the emitter's dots are in the images; emitter=off for clean ones")

    def _read_rig(self, profile: Any) -> StereoRig | UnrectifiedRig:  # noqa: ANN401 - of the SDK
        """The factory's calibration of the streams as they are delivered."""
        left, right = (
            profile.get_stream(self._rs.stream.infrared, index).as_video_stream_profile() for index in (1, 2)
        )
        shift = left.get_extrinsics_to(right)
        fields = {
            "infra1": _intrinsics(left.get_intrinsics()),
            "infra2": _intrinsics(right.get_intrinsics()),
            "extrinsics": {"rotation": list(shift.rotation), "translation": list(shift.translation)},
        }
        found = parse_focal_file(fields, None)
        self._notes += [f"{self._name}: {note}" for note in found.notes]
        return found.rig

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        return tuple(self._notes)

    def grab(self) -> StereoFrame | None:
        """The next pair; with an alternating emitter, the next one without dots.

        Raises:
            CameraLostError: If none comes in time.
        """
        while True:
            try:
                found, frames = self._pipeline.try_wait_for_frames(_FIRST_WAIT_MS if self._first else _WAIT_MS)
            except RuntimeError as error:
                raise CameraLostError(f"expected the next frame, got {_line(str(error))}") from error
            if not found:
                if self._recorded and not self._first:
                    return None
                raise CameraLostError("expected the next frame, got none in time; is the camera still plugged in?")
            self._first = False
            left, right = frames.get_infrared_frame(1), frames.get_infrared_frame(2)
            if not left or not right:
                self.unpaired += 1
                continue
            emitter = self._emitter_on(left)
            if self._emitter == "alternate" and emitter is None:
                raise CameraError(
                    f"expected frames of {self._name} that say whether the emitter was on, got none: the system's "
                    "driver passes no metadata on (librealsense, metadata); choose emitter=off"
                )
            if self._emitter == "alternate" and emitter:
                continue
            return self._frame(left, right, emitter)

    def _frame(self, left: Any, right: Any, emitter: bool | None) -> StereoFrame:  # noqa: ANN401 - of the SDK
        views = [
            np.asarray(cv2.cvtColor(np.asanyarray(view.get_data()), cv2.COLOR_GRAY2RGB), np.uint8)
            for view in (left, right)
        ]
        domain = self._rs.timestamp_domain
        system = left.get_frame_timestamp_domain() in (domain.system_time, domain.global_time)
        clock: Clock = "unix" if system else "device"
        exposures = [self._metadata(view, "actual_exposure") for view in (left, right)]
        known = [exposure / 1e6 for exposure in exposures if exposure is not None]
        number = left.get_frame_number() // (2 if self._emitter == "alternate" else 1)
        meta = FrameMeta(
            number,
            time.monotonic(),
            clock,
            right.get_timestamp() / 1000.0,
            (known[0], known[1]) if len(known) == 2 else None,
            emitter,
        )
        return StereoFrame(views[0], views[1], left.get_timestamp() / 1000.0, self.rig, meta)

    def _emitter_on(self, frame: Any) -> bool | None:  # noqa: ANN401 - of the SDK
        mode = self._metadata(frame, "frame_emitter_mode")
        if mode is None:
            mode = self._metadata(frame, "frame_laser_power_mode")
        return None if mode is None else mode != 0

    def _metadata(self, frame: Any, name: str) -> float | None:  # noqa: ANN401 - of the SDK
        key = getattr(self._rs.frame_metadata_value, name, None)
        if key is None or not frame.supports_frame_metadata(key):
            return None
        return float(frame.get_frame_metadata(key))

    def interrupt(self) -> None:
        """Nothing: it waits for short times only."""

    def close(self) -> None:
        """Gives the camera back."""
        try:
            self._pipeline.stop()
        except RuntimeError:  # it never ran, or is gone
            return


def is_recording(place: str) -> bool:
    """Whether a place is a recording rather than a serial number."""
    return place.lower().endswith((".bag", ".db3"))


def _intrinsics(found: Any) -> dict[str, Any]:  # noqa: ANN401 - of the SDK
    return {
        "width": found.width, "height": found.height, "fx": found.fx, "fy": found.fy, "ppx": found.ppx,
        "ppy": found.ppy, "model": str(found.model), "coeffs": list(found.coeffs),
    }  # fmt: skip


def _line(reason: str) -> str:
    return " ".join(reason.split())[:120].lower() or "no reason"
