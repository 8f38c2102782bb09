"""Running sensors: a simulated serial port, and the SDK of DEPZ faked at its boundary."""

import os
import sys
import threading
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from leadline.errors import CameraError, CameraLostError, InputError, MissingExtraError
from leadline.robotics.tof_live import DepzTof, SerialTof, is_live, open_tof

FLAT = ",".join(str(1000 + i) for i in range(64))


@pytest.fixture
def board():
    """The board's end of a serial line, and the name of the other end."""
    pty = pytest.importorskip("pty", reason="no simulated serial ports on this system")
    pytest.importorskip("serial", reason="pyserial is not installed: leadline[tof]")
    ours, theirs = pty.openpty()
    yield ours, os.ttyname(theirs)
    for end in (ours, theirs):
        try:
            os.close(end)
        except OSError:
            pass


def test_frames_come_over_a_serial_port(board):
    ours, name = board
    source = open_tof(f"serial:{name}@115200")
    try:
        torn = FLAT[100:]
        os.write(ours, f"hello\r\n{torn}\r\n".encode())
        writer = threading.Thread(target=lambda: [os.write(ours, f"{FLAT}\r\n".encode()) for _ in range(3)])
        writer.start()
        frames = source.frames()
        found = [next(frames) for _ in range(3)]
        writer.join()
    finally:
        source.close()
    assert float(found[0].distances_m[0, 1]) == pytest.approx(1.001)
    assert found[0].time_s <= found[2].time_s
    assert "numbers, expected" in source.faults[0][1]


def test_a_serial_line_that_changes_its_size_or_unit_is_named(board):
    ours, name = board
    source = open_tof(f"serial:{name}")
    near = ",".join(["4"] * 64)
    os.write(ours, f"{near}\n{FLAT}\n{','.join(['900'] * 16)}\n{FLAT}\n".encode())
    try:
        frames = source.frames()
        found = [next(frames) for _ in range(3)]
    finally:
        source.close()
    assert [frame.size for frame in found] == [8, 8, 8]
    assert float(found[1].distances_m[0, 1]) == pytest.approx(1.001)
    words = [words for _, words in source.faults]
    assert words == [
        "distances up to here were taken for metres, and are millimetres",
        "a frame of 16 zones after one of 64",
    ]


def test_the_boards_own_clock_counts_where_its_unit_is_stated(board):
    ours, name = board
    source = SerialTof.open(name, 115200)
    try:
        os.write(ours, b'{"mm": [' + b"900," * 15 + b'900], "t_ms": 2500}\n')
        frame = next(source.frames())
    finally:
        source.close()
    assert frame.time_s == pytest.approx(2.5)
    assert frame.size == 4


def test_a_port_that_dies_in_the_middle_is_named(board):
    ours, name = board
    source = open_tof(f"serial:{name}")
    os.write(ours, f"{FLAT}\n".encode())
    frames = source.frames()
    next(frames)
    os.close(ours)
    with pytest.raises(CameraLostError, match=r"but it is gone .* plug it in again"):
        next(frames)
    source.close()


def test_a_silent_port_is_named(board):
    _, name = board
    source = open_tof(f"serial:{name}", silence_s=0.3)
    started = time.monotonic()
    with pytest.raises(CameraLostError, match=r"got none for 0.3 s; check the sensor"):
        next(source.frames())
    assert time.monotonic() - started < 2.0
    source.close()


def test_what_cannot_be_opened_is_named(tmp_path):
    pytest.importorskip("serial", reason="pyserial is not installed: leadline[tof]")
    with pytest.raises(CameraError, match="expected a serial port at /dev/nothing-there"):
        open_tof("serial:/dev/nothing-there")
    for address in ("serial:", "usb:1", "serial:/dev/x@fast"):
        with pytest.raises(InputError, match=r"expected (serial:PORT|a speed)"):
            open_tof(address)
    assert is_live("depz:")
    assert not is_live(str(tmp_path / "log.csv"))


class _Device:
    """Stands for the SDK's Vl53l8: three frames, then silence."""

    def __init__(self, fail=False):
        self.calls, self.left, self.fail = [], 3, fail

    def init(self):
        self.calls.append("init")
        if self.fail:
            raise _DepzError("no answer")

    def set_resolution(self, zones):
        self.calls.append(f"resolution {zones}")

    def set_ranging_frequency_hz(self, rate):
        self.calls.append(f"rate {rate}")

    def start_ranging(self):
        self.calls.append("start")

    def stop_ranging(self):
        self.calls.append("stop")
        raise _DepzError("gone")

    def close(self):
        self.calls.append("close")

    def get_frame(self, timeout):
        self.left -= 1
        if self.left < 0:
            raise _DepzError(f"no frame in {timeout} s")
        layers = {
            "distance_mm": np.full((8, 8), 1500),
            "target_status": np.full((8, 8), 9),
            "range_sigma_mm": np.full((8, 8), 7.0),
            "reflectance": np.full((8, 8), 40.0),
            "ambient_per_spad": np.full((8, 8), 2.0),
            "nb_target_detected": np.full((8, 8), 1),
        }
        return SimpleNamespace(grid=layers.__getitem__, timestamp_us=66_000 * (3 - self.left))


class _DepzError(Exception):
    pass


@pytest.fixture
def sdk(monkeypatch):
    """The SDK with one device, which can be exchanged."""
    package, zones = ModuleType("depz_sensor_sdk"), ModuleType("depz_sensor_sdk.vl53l8")
    package.DepzError, package.device = _DepzError, _Device()
    package.open_device = lambda port: package.device
    zones.Vl53l8, zones.RESOLUTION_8X8 = _Device, 64
    monkeypatch.setitem(sys.modules, "depz_sensor_sdk", package)
    monkeypatch.setitem(sys.modules, "depz_sensor_sdk.vl53l8", zones)
    return package


def test_a_depz_sensor(sdk):
    source = open_tof("depz:", silence_s=0.1)
    frames = source.frames()
    frame = [next(frames) for _ in range(3)][1]
    assert frame.valid.all()
    assert (frame.distances_m[0, 0], frame.sigma_m[0, 0], frame.reflectance[0, 0]) == pytest.approx((1.5, 0.007, 0.4))
    assert frame.time_s == pytest.approx(0.132)
    with pytest.raises(CameraLostError, match=r"no frame in 0.1 s; plug it in again"):
        next(frames)
    source.close()
    assert sdk.device.calls == ["init", "resolution 64", "rate 15", "start", "stop", "close"]
    assert source.faults == []


def test_depz_sensors_that_do_not_start_are_named(sdk, monkeypatch):
    sdk.device = _Device(fail=True)
    with pytest.raises(CameraError, match="expected the sensor to start, got no answer"):
        DepzTof.open("/dev/x")
    assert sdk.device.calls[-1] == "close"
    sdk.device = SimpleNamespace(close=lambda: None)
    with pytest.raises(CameraError, match="expected an 8x8 sensor, got SimpleNamespace"):
        DepzTof.open(None)

    def missing(_):
        raise _DepzError("none found")

    sdk.open_device = missing
    with pytest.raises(CameraError, match="a DEPZ sensor at any port, got none: none found"):
        DepzTof.open(None)


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    monkeypatch.setitem(sys.modules, "depz_sensor_sdk", None)
    for address, name in (("serial:/dev/ttyACM0", "serial"), ("depz:", "depz_sensor_sdk")):
        with pytest.raises(MissingExtraError, match=rf'package {name} .* pip install "leadline\[tof\]"'):
            open_tof(address)
