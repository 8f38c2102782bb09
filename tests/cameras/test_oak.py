"""OAK-D: DepthAI faked at its boundary, real calibrations of devices, and the real package where it is there."""

import json
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from leadline.cameras.address import parse_address
from leadline.cameras.oak import OakCamera
from leadline.errors import CameraError, CameraLostError, MissingExtraError
from leadline.io import read_calibration


def eeprom(height=480, width=640):
    def entry(socket, shift_cm, to):
        extrinsics = {
            "rotationMatrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            "translation": {"x": shift_cm, "y": 0.0, "z": 0.0},
            "toCameraSocket": to,
        }
        matrix = [[450.0, 0, width / 2], [0, 450.0, height / 2], [0, 0, 1]]
        camera = {
            "width": width, "height": height, "intrinsicMatrix": matrix, "distortionCoeff": [0.01] + [0.0] * 13,
            "cameraType": 0, "extrinsics": extrinsics,
        }  # fmt: skip
        return [socket, camera]

    return {"cameraData": [entry(1, -7.5, 2), entry(2, 0.0, -1)]}


class Image:
    def __init__(self, level, number, seconds, exposure_s=0.004):
        self.level, self.number, self.seconds, self.exposure_s = level, number, seconds, exposure_s

    def getCvFrame(self):
        return np.full((480, 640), self.level, np.uint8)

    def getSequenceNum(self):
        return self.number

    def getTimestamp(self):
        return timedelta(seconds=self.seconds)

    def getExposureTime(self):
        return timedelta(seconds=self.exposure_s)


class Sdk:
    """The part of depthai 3 that a camera uses."""

    __version__ = "3.12.0"
    CameraBoardSocket = SimpleNamespace(CAM_B="b", CAM_C="c")
    ImgFrame = SimpleNamespace(Type=SimpleNamespace(GRAY8="grey"))
    node = SimpleNamespace(Sync="sync", Camera="camera")

    def __init__(self, groups=(), calibration=None, failure=None):
        self.groups, self.calibration, self.failure = list(groups), calibration or eeprom(), failure
        self.requested, self.linked, self.ended, self.asked = [], [], [], None
        handler = SimpleNamespace(eepromToJson=lambda: self.calibration)
        device = SimpleNamespace(readCalibration=lambda: handler, close=lambda: self.ended.append("device"))

        def connect(info=None):
            if self.failure:
                raise RuntimeError(self.failure)
            self.asked = info
            return device

        self.Device = connect
        connect.getAllAvailableDevices = list
        self.DeviceInfo = str

    def Pipeline(self, _):
        return SimpleNamespace(create=self._create, start=lambda: None, stop=lambda: self.ended.append("pipeline"))

    def _create(self, kind):
        if kind == "sync":
            queue = SimpleNamespace(get=self._get)
            return SimpleNamespace(
                setRunOnHost=lambda _: None, setSyncThreshold=lambda wait: setattr(self, "threshold", wait),
                inputs={"left": "left", "right": "right"},
                out=SimpleNamespace(createOutputQueue=lambda maxSize, blocking: queue),
            )  # fmt: skip
        return SimpleNamespace(build=self._build)

    def _build(self, socket):
        def request(size, form, fps):
            self.requested.append((socket, size, form, fps))
            return SimpleNamespace(link=lambda place: self.linked.append((socket, place)))

        return SimpleNamespace(requestOutput=request)

    def _get(self, _):
        step = self.groups.pop(0) if self.groups else None
        if isinstance(step, Exception):
            raise step
        return step


def group(number, apart_s=0.0):
    seconds = 5.0 + 0.05 * number
    return {"left": Image(10, number, seconds), "right": Image(20, number, seconds + apart_s)}


def camera(sdk, text="oak:"):
    return OakCamera(parse_address(text), sdk)


def test_the_raw_pair_with_the_devices_calibration():
    sdk = Sdk([group(3, apart_s=0.001)])
    device = camera(sdk, "oak:14442C10?fps=20")
    assert sdk.asked == "14442C10"
    assert sdk.requested == [("b", (640, 480), "grey", 20.0), ("c", (640, 480), "grey", 20.0)]
    assert sdk.linked == [("b", "left"), ("c", "right")]
    assert sdk.threshold == timedelta(seconds=0.025)
    assert device.rig.baseline_m == pytest.approx(0.075)
    frame = device.grab()
    assert (int(frame.left.max()), int(frame.right.max())) == (10, 20)
    assert (frame.meta.number, frame.time_s, frame.meta.exposure_s) == (3, pytest.approx(5.15), (0.004, 0.004))
    assert frame.meta.right_time_s == pytest.approx(5.151)
    device.close()
    assert sdk.ended == ["pipeline", "device"]


def test_a_board_whose_left_camera_is_at_the_other_socket():
    swapped = {**eeprom(), "stereoRectificationData": {"leftCameraSocket": 2, "rightCameraSocket": 1}}
    sdk = Sdk(calibration=swapped)
    device = camera(sdk)
    assert sdk.linked == [("c", "left"), ("b", "right")]
    # From C's frame into B's, which stands 7.5 cm to the left of it.
    assert device.rig.right_from_left[0, 3] == pytest.approx(0.075)


def test_the_calibration_follows_the_images_size():
    sdk = Sdk(calibration=eeprom(800, 1280))
    device = camera(sdk)
    assert sdk.requested[0][1] == (640, 400)
    assert device.rig.left.camera.focal_x_px == pytest.approx(225.0)
    # Centres of pixels: cx' = (cx + 0.5) / 2 - 0.5.
    assert device.rig.left.camera.center_x_px == pytest.approx(319.75)
    with pytest.raises(CameraError, match=r"expected images of the sensors' shape, 1280x800, .* choose size=640x400"):
        camera(Sdk(calibration=eeprom(800, 1280)), "oak:?size=640x480")


def test_no_camera_no_calibration_and_an_old_package():
    with pytest.raises(
        CameraError, match="expected an OAK-D camera at oak:, got no available devices; cameras here: none"
    ):
        camera(Sdk(failure="No available devices"))
    with pytest.raises(CameraError, match="expected a calibration in oak:, got none"):
        camera(Sdk(calibration={"cameraData": []}))
    sdk = Sdk()
    sdk.__version__ = "2.30.0"
    with pytest.raises(CameraError, match="expected depthai 3, got 2"):
        camera(sdk)


def test_a_stereo_pair_that_cannot_be_had():
    sdk = Sdk()
    sdk._build = lambda _: (_ for _ in ()).throw(RuntimeError("Camera socket CAM_B is not connected"))
    with pytest.raises(CameraError, match="expected a stereo pair from oak:, got camera socket cam_b is not"):
        camera(sdk)
    assert sdk.ended == ["pipeline", "device"]


def test_unplugged():
    device = camera(Sdk([group(0), RuntimeError("Queue was closed")]))
    device.grab()
    for words in ("queue was closed", "is the camera still plugged in"):
        with pytest.raises(CameraLostError, match=words):
            device.grab()


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "depthai", None)
    with pytest.raises(MissingExtraError, match=r'pip install "leadline\[cameras\]"'):
        camera(None)


@pytest.mark.parametrize("name", ["depthai_v5.json", "depthai_v6_three_cameras.json"])
def test_calibrations_of_real_devices(real_dir, name):
    path = real_dir / "camera" / name
    sdk = Sdk(calibration=json.loads(path.read_text()))
    device = camera(sdk)
    native = read_calibration(path)
    assert device.rig.baseline_m == pytest.approx(native.baseline_m)
    assert device.rig.left.camera.width == 640
    assert sdk.requested[0][1][1] == device.rig.left.camera.height


def test_the_real_package_has_what_is_used():
    depthai = pytest.importorskip("depthai", reason='no depthai: pip install "leadline[cameras]"')
    for name in ("Device", "DeviceInfo", "Pipeline", "CameraBoardSocket.CAM_B", "ImgFrame.Type.GRAY8", "node.Sync"):
        found = depthai
        for part in name.split("."):
            found = getattr(found, part)
    for owner, names in (
        (depthai.node.Camera, ("build", "requestOutput")),
        (depthai.node.Sync, ("setRunOnHost", "setSyncThreshold")),
        (depthai.ImgFrame, ("getCvFrame", "getSequenceNum", "getTimestamp", "getExposureTime")),
        (depthai.CalibrationHandler, ("eepromToJson",)),
        (depthai.DeviceBase, ("readCalibration", "close", "getAllAvailableDevices")),
    ):
        assert all(hasattr(owner, name) for name in names)
    pipeline = depthai.Pipeline(createImplicitDevice=False)
    sync = pipeline.create(depthai.node.Sync)
    sync.setRunOnHost(True)
    sync.setSyncThreshold(timedelta(seconds=0.01))
    assert sync.inputs["left"] is not None
    assert sync.out.createOutputQueue(maxSize=2, blocking=False) is not None
