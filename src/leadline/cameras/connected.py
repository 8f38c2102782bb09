"""Cameras that are plugged in, as far as the system and the installed SDKs see them."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

_DEVICES = Path("/dev")


def connected(devices: Path = _DEVICES) -> list[tuple[str, str]]:
    """Addresses of cameras that can be opened now, and what they are. SDKs that are not installed are not asked.

    Args:
        devices: Where Linux lists its video devices.
    Returns:
        Address and description of each; a camera that is both a UVC device and known to an SDK appears twice.

    >>> connected(Path("no such folder")) == [] or len(connected(Path("no such folder"))[0]) == 2
    True
    """
    return [*_video_devices(devices), *_realsense(), *_oak(), *_zed()]


def _video_devices(devices: Path) -> list[tuple[str, str]]:
    named = sorted((devices / "v4l" / "by-id").glob("*-index0"))
    if named:
        return [(f"uvc:{path}", f"{path.name} ({path.resolve().name})") for path in named]
    return [(f"uvc:{path.name.removeprefix('video')}", str(path)) for path in sorted(devices.glob("video*"))]


def _installed(module: str) -> Any:  # noqa: ANN401 - a module of an extra
    os.environ.setdefault("DEPTHAI_LEVEL", "error")
    try:
        return import_module(module)
    except ImportError:
        return None


def _realsense() -> list[tuple[str, str]]:
    rs = _installed("pyrealsense2")
    try:
        found: list[Any] = [] if rs is None else list(rs.context().query_devices())
        info: Any = None if rs is None else rs.camera_info
        return [(f"realsense:{d.get_info(info.serial_number)}", str(d.get_info(info.name))) for d in found]
    except RuntimeError:  # a device that goes away while it is asked
        return []


def _oak() -> list[tuple[str, str]]:
    dai = _installed("depthai")
    try:
        found: list[Any] = [] if dai is None else dai.Device.getAllAvailableDevices()
        return [(f"oak:{device.getDeviceId()}", f"OAK ({device.name})") for device in found]
    except RuntimeError:
        return []


def _zed() -> list[tuple[str, str]]:
    sl = _installed("pyzed.sl")
    try:
        found: list[Any] = [] if sl is None else sl.Camera.get_device_list()
        return [(f"zed:{device.serial_number}", f"ZED ({device.camera_model})") for device in found]
    except RuntimeError:
        return []
