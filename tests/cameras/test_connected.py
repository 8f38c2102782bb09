"""Cameras that are plugged in, by the system's list and by the SDKs."""

import sys
from types import SimpleNamespace

from leadline.cameras.connected import connected


def without_sdks(monkeypatch):
    for name in ("pyrealsense2", "depthai", "pyzed", "pyzed.sl"):
        monkeypatch.setitem(sys.modules, name, None)


def test_video_devices_by_their_lasting_names(tmp_path, monkeypatch):
    without_sdks(monkeypatch)
    (tmp_path / "video0").touch()
    (tmp_path / "video1").touch()
    assert [address for address, _ in connected(tmp_path)] == ["uvc:0", "uvc:1"]
    names = tmp_path / "v4l" / "by-id"
    names.mkdir(parents=True)
    (names / "usb-ZED-index0").symlink_to(tmp_path / "video0")
    (names / "usb-ZED-index1").symlink_to(tmp_path / "video1")
    assert connected(tmp_path) == [(f"uvc:{names}/usb-ZED-index0", "usb-ZED-index0 (video0)")]


def test_what_the_sdks_see(tmp_path, monkeypatch):
    def gone():
        raise RuntimeError("gone")

    device = SimpleNamespace(get_info=lambda key: {"serial": "1234", "name": "Intel RealSense D455"}[key])
    names = SimpleNamespace(serial_number="serial", name="name")
    realsense = SimpleNamespace(context=lambda: SimpleNamespace(query_devices=lambda: [device]), camera_info=names)
    oak = SimpleNamespace(getDeviceId=lambda: "1844", name="1.2")
    zed = SimpleNamespace(serial_number=99, camera_model="ZED Mini")
    without_sdks(monkeypatch)
    monkeypatch.setitem(sys.modules, "pyrealsense2", realsense)
    monkeypatch.setitem(
        sys.modules, "depthai", SimpleNamespace(Device=SimpleNamespace(getAllAvailableDevices=lambda: [oak]))
    )
    monkeypatch.setitem(sys.modules, "pyzed", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "pyzed.sl", SimpleNamespace(Camera=SimpleNamespace(get_device_list=lambda: [zed])))
    assert connected(tmp_path) == [
        ("realsense:1234", "Intel RealSense D455"), ("oak:1844", "OAK (1.2)"), ("zed:99", "ZED (ZED Mini)"),
    ]  # fmt: skip
    monkeypatch.setitem(sys.modules, "pyrealsense2", SimpleNamespace(context=gone, camera_info=names))
    broken = SimpleNamespace(getAllAvailableDevices=gone, get_device_list=gone)
    monkeypatch.setitem(sys.modules, "depthai", SimpleNamespace(Device=broken))
    monkeypatch.setitem(sys.modules, "pyzed.sl", SimpleNamespace(Camera=broken))
    assert connected(tmp_path) == []
