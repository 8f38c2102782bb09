"""Well-known stereo cameras: how to open each, and what its maker says of it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Preset:
    """A camera by its name.

    Args:
        address: How it is opened, as `parse_address` takes it.
        description: In words.
        baseline_m: As its maker states it; for a plausibility check and for people, never instead of a calibration.
        fov_deg: Field of view across the width of one view, as its maker states it, of the lens before rectification.
        calibration: Where its calibration comes from.

    >>> PRESETS["realsense-d455"].baseline_m
    0.095
    """

    address: str
    description: str
    baseline_m: float | None
    fov_deg: float | None
    calibration: str


_CONF: Final = "SN12345.conf of Stereolabs' calibration server, for your serial number: --calibration SN12345.conf"
_DEVICE: Final = "read from the device"
_BOARD: Final = "leadline calibrate, with a board"

PRESETS: Final = {
    "zed-mini": Preset("uvc:0?size=1280x720&fps=30&format=YUYV", "ZED Mini without its SDK", 0.063, 90.0, _CONF),
    "zed-2": Preset("uvc:0?size=1280x720&fps=30&format=YUYV", "ZED 2 and 2i without their SDK", 0.12, 110.0, _CONF),
    "realsense-d455": Preset("realsense:?size=848x480&fps=30&emitter=off", "RealSense D455", 0.095, 87.0, _DEVICE),
    "realsense-d435": Preset("realsense:?size=848x480&fps=30&emitter=off", "RealSense D435(i)", 0.05, 87.0, _DEVICE),
    "oak-d-lite": Preset("oak:?size=640x480&fps=30", "OAK-D Lite", 0.075, 73.0, _DEVICE),
    "oak-d": Preset("oak:?size=640x400&fps=30", "OAK-D, OAK-D S2, OAK-D Pro", 0.075, 72.0, _DEVICE),
    "side-by-side-960p": Preset(
        "uvc:0?size=1280x960&fps=30&format=MJPG", "UVC modules of 2560x960, both views in one image", None, None, _BOARD
    ),
    "side-by-side-480p": Preset(
        "uvc:0?size=640x480&fps=30&format=MJPG", "UVC modules of 1280x480, both views in one image", None, None, _BOARD
    ),
}
"""Name -> camera."""
