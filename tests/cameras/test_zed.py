"""ZED: the SDK's classes faked at their boundary, and the package on PyPI that only shares its name."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from leadline.cameras import open_source
from leadline.cameras.address import parse_address
from leadline.cameras.zed import ZedCamera
from leadline.errors import CameraError, CameraLostError


class Code:
    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return self.name == other.name

    def __hash__(self):
        return hash(self.name)


class Sdk:
    """The part of pyzed.sl that a camera uses."""

    ERROR_CODE = SimpleNamespace(SUCCESS=Code("SUCCESS"), END_OF_SVOFILE_REACHED=Code("END_OF_SVOFILE_REACHED"))
    RESOLUTION = SimpleNamespace(VGA="VGA", HD720="HD720")
    DEPTH_MODE, UNIT = SimpleNamespace(NONE="none"), SimpleNamespace(METER="metre")
    VIEW, TIME_REFERENCE = SimpleNamespace(LEFT=0, RIGHT=1), SimpleNamespace(IMAGE="image")

    def __init__(self, states=(), opening="SUCCESS"):
        self.states, self.opening, self.closed, self.dropped = list(states), opening, False, 0
        self.settings = None

    def InitParameters(self):
        found = SimpleNamespace()
        found.set_from_serial_number = lambda number: setattr(found, "serial", number)
        found.set_from_svo_file = lambda path: setattr(found, "svo", path)
        return found

    def Mat(self):
        found = SimpleNamespace(view=None)
        found.get_data = lambda: np.full((376, 672, 4), (10, 20, 30 + found.view, 255), np.uint8)
        return found

    def Camera(self):
        return self

    def open(self, settings):
        self.settings = settings
        return Code(self.opening)

    def close(self):
        self.closed = True

    def grab(self):
        return Code(self.states.pop(0) if self.states else "CAMERA_NOT_DETECTED")

    def retrieve_image(self, image, view):
        image.view = view

    def get_timestamp(self, _):
        return SimpleNamespace(get_nanoseconds=lambda: 1_500_000_000)

    def get_frame_dropped_count(self):
        return self.dropped

    def get_camera_information(self):
        lens = SimpleNamespace(fx=350.0, fy=350.0, cx=336.0, cy=188.0)
        parameters = SimpleNamespace(left_cam=lens, right_cam=lens, get_camera_baseline=lambda: 0.063)
        size = SimpleNamespace(width=672, height=376)
        return SimpleNamespace(camera_configuration=SimpleNamespace(resolution=size, calibration_parameters=parameters))


def camera(sdk, text="zed:"):
    return ZedCamera(parse_address(text), sdk)


def test_the_rectified_pair_and_its_cameras():
    sdk = Sdk(["SUCCESS", "SUCCESS"])
    device = camera(sdk, "zed:4711?size=1280x720&fps=60")
    assert (sdk.settings.camera_resolution, sdk.settings.camera_fps, sdk.settings.serial) == ("HD720", 60, 4711)
    assert (sdk.settings.depth_mode, sdk.settings.coordinate_units) == ("none", "metre")
    assert (device.rig.left.focal_x_px, device.rig.baseline_m) == (350.0, 0.063)
    first = device.grab()
    assert (first.left[0, 0].tolist(), first.right[0, 0].tolist()) == ([30, 20, 10], [31, 20, 10])
    assert (first.time_s, first.meta.clock, first.meta.number) == (1.5, "unix", 1)
    sdk.dropped = 3
    assert device.grab().meta.number == 5
    device.close()
    assert sdk.closed


def test_the_end_of_a_recording_and_damaged_frames():
    device = camera(Sdk(["CORRUPTED_FRAME", "SUCCESS", "END_OF_SVOFILE_REACHED"]), "zed:a.svo2")
    assert device.grab().meta.clock == "recording"
    assert device.unpaired == 1
    assert device.grab() is None


def test_no_camera_and_unplugged():
    with pytest.raises(CameraError, match="expected a ZED camera at zed:, got CAMERA_NOT_DETECTED"):
        camera(Sdk(opening="CAMERA_NOT_DETECTED"))
    with pytest.raises(CameraLostError, match="got CAMERA_NOT_DETECTED; is the camera still plugged in"):
        camera(Sdk()).grab()
    with pytest.raises(CameraError, match="expected a size out of 672x376"):
        camera(Sdk(), "zed:?size=640x480")
    with pytest.raises(CameraError, match="zed:SERIAL"):
        camera(Sdk(), "zed:front")


def test_without_the_sdk(monkeypatch):
    def missing(_):
        raise ModuleNotFoundError("No module named 'pyzed'", name="pyzed")

    monkeypatch.setattr("leadline.cameras.extras.import_module", missing)
    with pytest.raises(
        CameraError, match=r"expected Stereolabs' Python module pyzed.sl, got none; install the ZED SDK"
    ):
        open_source("zed:")


def test_the_unrelated_package_on_pypi(monkeypatch):
    other = ModuleType("pyzed")
    other.__path__ = []
    monkeypatch.setitem(sys.modules, "pyzed", other)
    with pytest.raises(CameraError, match="the one on PyPI is an unrelated program; uninstall it"):
        open_source("zed:")


def test_an_sdk_that_does_not_load(monkeypatch):
    import leadline.cameras.extras as extras

    def broken(_):
        raise ImportError("libsl_zed.so: cannot open shared object file")

    monkeypatch.setattr(extras, "import_module", broken)
    with pytest.raises(CameraError, match=r"it does not load \(libsl_zed.so"):
        open_source("zed:")
