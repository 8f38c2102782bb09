"""ZED cameras by Stereolabs' own SDK: rectified colour images and the calibration that belongs to them."""

import time
from typing import Any, Final, final

import cv2
import numpy as np

from leadline.cameras.address import Address
from leadline.cameras.extras import load_zed_sdk
from leadline.cameras.frame import Clock, FrameMeta, StereoFrame
from leadline.errors import CameraError, CameraLostError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig

SIZES: Final = {
    (376, 672): "VGA",
    (600, 960): "SVGA",
    (720, 1280): "HD720",
    (1080, 1920): "HD1080",
    (1200, 1920): "HD1200",
    (1242, 2208): "HD2K",
}
"""(height, width) -> the SDK's name."""
_DEFAULT_SIZE: Final = (376, 672)
_NANOSECONDS: Final = 1e-9
_DAMAGED_FRAMES: Final = 30


@final
class ZedCamera:
    """A ZED camera by the ZED SDK, its depth switched off: leadline matches the images that the SDK has rectified.

    Args:
        address: `zed:` for the first camera, `zed:SERIAL`, or `zed:FILE.svo2` for a recording; with size (672x376,
            960x600, 1280x720, 1920x1080, 1920x1200, 2208x1242) and fps.
        sdk: The module pyzed.sl; imported if absent.
    Raises:
        CameraError: If the SDK is not installed, or there is no such camera.
    """

    def __init__(self, address: Address, sdk: Any = None) -> None:  # noqa: ANN401 - a module without types
        size, fps = address.size() or _DEFAULT_SIZE, address.rate()
        if size not in SIZES:
            names = ", ".join(f"{width}x{height}" for height, width in SIZES)
            raise CameraError(f"expected a size out of {names} for {address.text}, got {size[1]}x{size[0]}")
        sl = self._sl = sdk or load_zed_sdk()
        self._name, self.unpaired, self.notes = address.text, 0, ()
        self._recorded = address.place.lower().endswith((".svo", ".svo2"))
        settings = sl.InitParameters()
        settings.camera_resolution = getattr(sl.RESOLUTION, SIZES[size])
        settings.depth_mode = sl.DEPTH_MODE.NONE
        settings.coordinate_units = sl.UNIT.METER
        if fps is not None:
            settings.camera_fps = round(fps)
        if self._recorded:
            settings.set_from_svo_file(address.place)
        elif address.place:
            settings.set_from_serial_number(_serial(address))
        self._camera = sl.Camera()
        state = self._camera.open(settings)
        if state != sl.ERROR_CODE.SUCCESS:
            self._camera.close()
            raise CameraError(
                f"expected a ZED camera at {address.text}, got {_name(state)}; plug it in (USB 3), and look at it with "
                "ZED_Diagnostic"
            )
        self._images = sl.Mat(), sl.Mat()
        self._number = 0
        self.rig = self._read_rig()

    def _read_rig(self) -> StereoRig:
        """The cameras of the rectified images."""
        found = self._camera.get_camera_information().camera_configuration
        width, height = int(found.resolution.width), int(found.resolution.height)
        cameras = [
            Pinhole(float(lens.fx), float(lens.fy), float(lens.cx), float(lens.cy), height, width)
            for lens in (found.calibration_parameters.left_cam, found.calibration_parameters.right_cam)
        ]
        baseline = float(found.calibration_parameters.get_camera_baseline())
        return StereoRig(cameras[0], cameras[1], abs(baseline))

    def grab(self) -> StereoFrame | None:
        """The next pair.

        Raises:
            CameraLostError: If none comes.
        """
        sl, state = self._sl, None
        for _ in range(_DAMAGED_FRAMES):
            state = self._camera.grab()
            if state == sl.ERROR_CODE.SUCCESS:
                return self._frame()
            if self._recorded and state == sl.ERROR_CODE.END_OF_SVOFILE_REACHED:
                return None
            if _name(state) not in ("CAMERA_REBOOTING", "CORRUPTED_FRAME"):
                break
            self.unpaired += 1
        raise CameraLostError(f"expected the next frame, got {_name(state)}; is the camera still plugged in?")

    def _frame(self) -> StereoFrame:
        sl, views = self._sl, list[np.ndarray]()
        for image, view in zip(self._images, (sl.VIEW.LEFT, sl.VIEW.RIGHT), strict=True):
            self._camera.retrieve_image(image, view)
            views.append(np.asarray(cv2.cvtColor(np.asarray(image.get_data()), cv2.COLOR_BGRA2RGB), np.uint8))
        moment = self._camera.get_timestamp(sl.TIME_REFERENCE.IMAGE).get_nanoseconds() * _NANOSECONDS
        self._number += 1
        # The SDK counts the frames that it dropped.
        number = self._number + int(self._camera.get_frame_dropped_count())
        clock: Clock = "recording" if self._recorded else "unix"
        return StereoFrame(views[0], views[1], moment, self.rig, FrameMeta(number, time.monotonic(), clock))

    def interrupt(self) -> None:
        """Nothing: it waits for short times only."""

    def close(self) -> None:
        """Gives the camera back."""
        self._camera.close()


def _serial(address: Address) -> int:
    if not address.place.isdigit():
        raise CameraError(f"expected zed:, zed:SERIAL or zed:FILE.svo2, got {address.text}")
    return int(address.place)


def _name(state: object) -> str:
    """An error code's name without its class."""
    return str(getattr(state, "name", state)).rpartition(".")[2]
