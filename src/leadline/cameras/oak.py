"""OAK-D cameras by DepthAI 3: the two mono cameras as they are, with the calibration in the device."""

import os
import time
from datetime import timedelta
from typing import Any, Final, final

import cv2
import numpy as np

from leadline.cameras.address import Address
from leadline.cameras.extras import load_sdk
from leadline.cameras.frame import FrameMeta, StereoFrame
from leadline.errors import CameraError, CameraLostError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import UnrectifiedRig
from leadline.io.calib_json import parse_oak

_DEFAULT_FPS: Final = 30.0
_DEFAULT_WIDTH: Final = 640
_FIRST_WAIT_S: Final = 10.0
_WAIT_S: Final = 2.0
_APART_SHARE: Final = 0.5
"""Share of the time between two frames within which two images are of one moment: the cameras' shutters are tied."""


@final
class OakCamera:
    """The left and the right mono camera of an OAK-D as they are; leadline rectifies them by the device's calibration.

    Args:
        address: `oak:` for the first camera, or `oak:ID` (its number or its IP address); with size and fps. Without a
            size the images are 640 wide and of the sensors' shape: 640x480 for OAK-D Lite, 640x400 for the others.
        sdk: The module depthai; imported if absent.
    Raises:
        MissingExtraError: If depthai is not installed, or is older than version 3.
        CameraError: If there is no such camera, or it has no stereo pair or no calibration.
    """

    def __init__(self, address: Address, sdk: Any = None) -> None:  # noqa: ANN401 - a module without types
        size, fps = address.size(), address.rate() or _DEFAULT_FPS
        os.environ.setdefault("DEPTHAI_LEVEL", "error")
        self._dai = sdk or load_sdk("depthai", "an OAK-D camera")
        if not str(getattr(self._dai, "__version__", "3")).startswith("3"):
            raise CameraError(f"expected depthai 3, got {self._dai.__version__}; pip install -U 'depthai>=3'")
        self._name, self.unpaired, self._notes = address.text, 0, list[str]()
        self._device = self._connect(address.place)
        try:
            self._pipeline = self._dai.Pipeline(self._device)
            self.rig = self._read_rig(size)
            camera = self.rig.left.camera
            self._start((camera.width, camera.height), fps)
        except RuntimeError as error:
            self.close()
            raise CameraError(f"expected a stereo pair from {address.text}, got {_line(error)}") from error
        except BaseException:
            self.close()
            raise
        self._first = True

    def _connect(self, place: str) -> Any:  # noqa: ANN401 - of the SDK
        dai = self._dai
        try:
            return dai.Device(dai.DeviceInfo(place)) if place else dai.Device()
        except RuntimeError as error:
            there = ", ".join(info.getDeviceId() for info in dai.Device.getAllAvailableDevices()) or "none"
            raise CameraError(
                f"expected an OAK-D camera at {self._name}, got {_line(error)}; cameras here: {there}; plug it in, and "
                "on Linux allow its USB device (udev rule for vendor 03e7)"
            ) from error

    def _read_rig(self, size: tuple[int, int] | None) -> UnrectifiedRig:
        """The device's calibration, at the size of the images."""
        eeprom = self._device.readCalibration().eepromToJson()
        if not eeprom.get("cameraData"):
            raise CameraError(f"expected a calibration in {self._name}, got none; calibrate it (leadline calibrate)")
        found = parse_oak(eeprom, None)
        self._sockets = _sockets(eeprom)
        raw = found.raw
        if raw is None:
            raise CameraError(f"expected two mono cameras in the calibration of {self._name}, got none")
        self._notes += [f"{self._name}: {note}" for note in found.notes]
        native = raw.left.camera
        wanted = size or (round(native.height * _DEFAULT_WIDTH / native.width), _DEFAULT_WIDTH)
        _require_shape(native, wanted, self._name)
        return raw.scaled(*wanted)

    def _start(self, size: tuple[int, int], fps: float) -> None:
        dai = self._dai
        sync = self._pipeline.create(dai.node.Sync)
        sync.setRunOnHost(True)
        sync.setSyncThreshold(timedelta(seconds=_APART_SHARE / fps))
        for side, place in zip(("left", "right"), self._sockets, strict=True):
            camera = self._pipeline.create(dai.node.Camera).build(getattr(dai.CameraBoardSocket, place))
            output = camera.requestOutput(size, dai.ImgFrame.Type.GRAY8, fps=fps)
            output.link(sync.inputs[side])
        self._queue = sync.out.createOutputQueue(maxSize=2, blocking=False)
        self._pipeline.start()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        return tuple(self._notes)

    def grab(self) -> StereoFrame | None:
        """The next pair.

        Raises:
            CameraLostError: If none comes in time.
        """
        wait = _FIRST_WAIT_S if self._first else _WAIT_S
        try:
            group = self._queue.get(timedelta(seconds=wait))
        except RuntimeError as error:  # the queue was closed: the device is gone
            raise CameraLostError(f"expected the next frame, got {_line(error)}") from error
        if group is None:
            raise CameraLostError("expected the next frame, got none in time; is the camera still plugged in?")
        self._first = False
        left, right = group["left"], group["right"]
        views = [_rgb(np.asarray(view.getCvFrame())) for view in (left, right)]
        exposures = tuple(view.getExposureTime().total_seconds() for view in (left, right))
        # getTimestamp is on the host's monotonic clock.
        moments = [view.getTimestamp().total_seconds() for view in (left, right)]
        meta = FrameMeta(
            int(left.getSequenceNum()),
            time.monotonic(),
            "device",
            moments[1],
            (exposures[0], exposures[1]) if min(exposures) > 0 else None,
        )
        return StereoFrame(views[0], views[1], moments[0], self.rig, meta)

    def interrupt(self) -> None:
        """Nothing: it waits for short times only."""

    def close(self) -> None:
        """Gives the camera back."""
        for part, method in ((getattr(self, "_pipeline", None), "stop"), (getattr(self, "_device", None), "close")):
            try:
                if part is not None:
                    getattr(part, method)()
            except RuntimeError:  # it never ran, or is gone
                continue


def _sockets(eeprom: dict[str, Any]) -> tuple[str, str]:
    """The board's sockets of the left and the right camera; B and C unless the device says otherwise."""
    stated: dict[str, Any] = eeprom.get("stereoRectificationData") or {}
    places = [int(stated.get(f"{side}CameraSocket", -1)) for side in ("left", "right")]
    left, right = (place if place >= 0 else usual for place, usual in zip(places, (1, 2), strict=True))
    return f"CAM_{chr(ord('A') + left)}", f"CAM_{chr(ord('A') + right)}"


def _require_shape(native: Pinhole, size: tuple[int, int], name: str) -> None:
    """Refuses sizes to which the device would crop: the calibration is of the whole sensor."""
    if abs(native.height * size[1] / native.width - size[0]) > 1.0:
        fitting = round(native.height * size[1] / native.width)
        raise CameraError(
            f"expected images of the sensors' shape, {native.width}x{native.height}, from {name}, got "
            f"{size[1]}x{size[0]}; choose size={size[1]}x{fitting}"
        )


def _rgb(image: np.ndarray) -> np.ndarray:
    code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120].lower() or "no reason"
