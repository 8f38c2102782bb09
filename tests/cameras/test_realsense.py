"""RealSense: its classes faked at their boundary, and a recording made and played by the real SDK, if it is there."""

from types import SimpleNamespace

import numpy as np
import pytest

from leadline.cameras import open_source
from leadline.cameras.address import parse_address
from leadline.cameras.realsense import RealSenseCamera
from leadline.errors import CameraError, CameraLostError, MissingExtraError

FOCAL, BASELINE = 50.0, 0.095


class Frame(SimpleNamespace):
    def get_data(self):
        return self.pixels

    def get_timestamp(self):
        return self.stamp_ms

    def get_frame_number(self):
        return self.number

    def get_frame_timestamp_domain(self):
        return self.domain

    def supports_frame_metadata(self, key):
        return key in self.metadata

    def get_frame_metadata(self, key):
        return self.metadata[key]


class Frames:
    def __init__(self, left, right):
        self.views = {1: left, 2: right}

    def get_infrared_frame(self, index):
        return self.views[index]


def intrinsics(**changed):
    values = {"width": 64, "height": 48, "fx": FOCAL, "fy": FOCAL, "ppx": 31.5, "ppy": 23.5}
    return SimpleNamespace(**{**values, "model": "distortion.brown_conrady", "coeffs": [0.0] * 5, **changed})


class Sdk:
    """The part of pyrealsense2 that a camera uses."""

    stream = SimpleNamespace(infrared="infrared")
    format = SimpleNamespace(y8="y8")
    option = SimpleNamespace(emitter_enabled="enabled", emitter_on_off="on_off")
    timestamp_domain = SimpleNamespace(hardware_clock="hardware", system_time="system", global_time="global")
    frame_metadata_value = SimpleNamespace(actual_exposure="exposure", frame_emitter_mode="emitter")
    camera_info = SimpleNamespace(serial_number="serial")

    def __init__(self, sets=(), supported=("enabled", "on_off"), failure=None, devices=()):
        self.sets, self.supported, self.failure, self.devices = list(sets), supported, failure, devices
        self.options, self.streams, self.serial, self.stopped = {}, [], None, False
        self.right = intrinsics()
        self.translation = [-BASELINE, 0.0, 0.0]

    def config(self):
        return SimpleNamespace(
            enable_stream=lambda *given: self.streams.append(given),
            enable_device=lambda serial: setattr(self, "serial", serial),
        )

    def context(self):
        found = [SimpleNamespace(get_info=lambda _, name=name: name) for name in self.devices]
        return SimpleNamespace(query_devices=lambda: found)

    def pipeline(self):
        return SimpleNamespace(start=self._start, stop=self._stop, try_wait_for_frames=self._wait)

    def _start(self, _):
        if self.failure:
            raise RuntimeError(self.failure)
        sensor = SimpleNamespace(supports=lambda o: o in self.supported, set_option=self.options.__setitem__)
        return SimpleNamespace(
            get_device=lambda: SimpleNamespace(first_depth_sensor=lambda: sensor),
            get_stream=lambda _, index: SimpleNamespace(as_video_stream_profile=lambda: self._profile(index)),
        )

    def _profile(self, index):
        shift = SimpleNamespace(rotation=[1, 0, 0, 0, 1, 0, 0, 0, 1], translation=self.translation)
        return SimpleNamespace(
            get_intrinsics=lambda: intrinsics() if index == 1 else self.right, get_extrinsics_to=lambda _: shift
        )

    def _stop(self):
        self.stopped = True

    def _wait(self, _):
        if not self.sets:
            return False, None
        step = self.sets.pop(0)
        if isinstance(step, Exception):
            raise step
        return True, step


def frames(number, emitter=0, level=100, exposure=8000, domain="global", late_ms=0.0):
    metadata = {"exposure": exposure} if emitter is None else {"exposure": exposure, "emitter": emitter}
    views = [
        Frame(
            pixels=np.full((48, 64), level + side, np.uint8), stamp_ms=1000.0 + 33 * number + side * late_ms,
            number=number, domain=domain, metadata=metadata,
        )
        for side in (0, 1)
    ]  # fmt: skip
    return Frames(*views)


def camera(sdk, text="realsense:?size=64x48"):
    return RealSenseCamera(parse_address(text), sdk)


def test_the_infrared_pair_with_the_factorys_cameras():
    sdk = Sdk([frames(5, late_ms=0.5)])
    device = camera(sdk, "realsense:1234?size=64x48&fps=15")
    assert sdk.streams == [("infrared", 1, 64, 48, "y8", 15), ("infrared", 2, 64, 48, "y8", 15)]
    assert (sdk.serial, sdk.options) == ("1234", {"enabled": 0.0, "on_off": 0.0})
    assert device.rig.left.focal_x_px == FOCAL
    assert device.rig.baseline_m == pytest.approx(BASELINE)
    frame = device.grab()
    assert (frame.left[0, 0].tolist(), frame.right[0, 0].tolist()) == ([100] * 3, [101] * 3)
    assert (frame.meta.number, frame.meta.clock, frame.meta.emitter) == (5, "unix", False)
    assert frame.time_s == pytest.approx(1.165)
    assert frame.meta.right_time_s == pytest.approx(1.1655)
    assert frame.meta.exposure_s == (0.008, 0.008)
    device.close()
    assert sdk.stopped


def test_an_alternating_emitter_delivers_the_frames_without_dots():
    sdk = Sdk([frames(4, emitter=1), frames(5), frames(6, emitter=1), frames(7)])
    device = camera(sdk, "realsense:?size=64x48&emitter=alternate")
    assert sdk.options == {"enabled": 1.0, "on_off": 1.0}
    # Numbers count the pairs without dots, so that none seems lost.
    assert [device.grab().meta.number for _ in range(2)] == [2, 3]


def test_emitters_that_cannot_do_what_is_asked_for():
    with pytest.raises(CameraError, match="that can switch its emitter each frame"):
        camera(Sdk(supported=("enabled",)), "realsense:?emitter=alternate")
    with pytest.raises(CameraError, match="with an emitter for emitter=on"):
        camera(Sdk(supported=()), "realsense:?emitter=on")
    with pytest.raises(CameraError, match="that say whether the emitter was on"):
        camera(Sdk([frames(1, emitter=None)]), "realsense:?emitter=alternate").grab()
    assert camera(Sdk(), "realsense:?emitter=on").notes


def test_a_camera_that_is_turned_is_raw():
    sdk = Sdk([frames(1)])
    sdk.right = intrinsics(coeffs=[0.1, 0, 0, 0, 0])
    device = camera(sdk)
    assert device.rig.right.distortion[0] == pytest.approx(0.1)
    assert device.grab().rig is device.rig


def test_no_camera_and_no_such_stream():
    with pytest.raises(CameraError, match=r"expected a RealSense camera at realsense:.*, got none"):
        camera(Sdk(failure="No device connected"))
    with pytest.raises(CameraError, match="couldn't resolve requests; cameras here: 1234"):
        camera(Sdk(failure="Couldn't resolve requests", devices=("1234",)))


def test_unplugged():
    device = camera(Sdk([frames(1), RuntimeError("device disconnected")]))
    device.grab()
    for words in ("device disconnected", "is the camera still plugged in"):
        with pytest.raises(CameraLostError, match=words):
            device.grab()


def test_half_a_pair_is_left_out():
    device = camera(Sdk([Frames(None, frames(1).views[2]), frames(2)]))
    assert device.grab().meta.number == 2
    assert device.unpaired == 1


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyrealsense2", None)
    with pytest.raises(MissingExtraError, match=r'pip install "leadline\[cameras\]"'):
        camera(None)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A recording of 6 pairs that pyrealsense2 itself makes of a software device."""
    rs = pytest.importorskip("pyrealsense2", reason='no pyrealsense2: pip install "leadline[cameras]"')
    device = rs.software_device()
    sensor = device.add_sensor("Stereo Module")
    lens = rs.intrinsics()
    lens.width, lens.height, lens.ppx, lens.ppy, lens.fx, lens.fy = 64, 48, 31.5, 23.5, FOCAL, FOCAL
    lens.model, lens.coeffs = rs.distortion.none, [0.0] * 5
    profiles = []
    for index in (1, 2):
        stream = rs.video_stream()
        stream.type, stream.index, stream.uid, stream.fps, stream.bpp = rs.stream.infrared, index, index, 30, 1
        stream.width, stream.height, stream.fmt, stream.intrinsics = 64, 48, rs.format.y8, lens
        profiles.append(sensor.add_video_stream(stream))
    shift = rs.extrinsics()
    shift.rotation, shift.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [-BASELINE, 0, 0]
    profiles[0].register_extrinsics_to(profiles[1], shift)
    path = tmp_path_factory.mktemp("realsense") / "soft.db3"
    recorder = rs.recorder(str(path), device)
    recorded = recorder.query_sensors()[0]
    recorded.open(profiles)
    recorded.start(lambda _: None)
    for number in range(6):
        for side, profile in enumerate(profiles):
            frame = rs.software_video_frame()
            frame.stride, frame.bpp, frame.timestamp, frame.frame_number = 64, 1, 33.0 * number, number
            frame.domain, frame.profile = rs.timestamp_domain.hardware_clock, profile.as_video_stream_profile()
            frame.pixels = np.full((48, 64), 10 * number + side, np.uint8)
            sensor.on_video_frame(frame)
    recorded.stop()
    recorded.close()
    return path


def test_a_recording_of_the_real_sdk(recording):
    with open_source(f"realsense:{recording}") as source:
        found = list(source)
    assert not source.is_live
    assert [frame.meta.number for frame in found] == list(range(6))
    for frame in found:
        assert frame.rig.baseline_m == pytest.approx(BASELINE, abs=1e-6)
        assert frame.rig.left.focal_x_px == FOCAL
        assert frame.left[0, 0, 0] == 10 * frame.meta.number
        assert frame.right[0, 0, 0] == 10 * frame.meta.number + 1
        assert frame.time_s == pytest.approx(0.033 * frame.meta.number)


def test_no_such_recording(tmp_path):
    pytest.importorskip("pyrealsense2", reason='no pyrealsense2: pip install "leadline[cameras]"')
    with pytest.raises(CameraError, match="got no such file"):
        open_source(f"realsense:{tmp_path}/none.db3")
    (tmp_path / "bad.db3").write_bytes(b"no data base")
    with pytest.raises(CameraError, match="expected a recording of RealSense"):
        open_source(f"realsense:{tmp_path}/bad.db3")
