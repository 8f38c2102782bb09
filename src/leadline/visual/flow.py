"""Optical flow as colours: the hue is the direction, the saturation the speed."""

from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.visual.colormap import INVALID_RGB

_STEPS: Final = (("RY", 15), ("YG", 6), ("GC", 4), ("CB", 11), ("BM", 13), ("MR", 6))
"""Arcs between two pure colours, and how many of the wheel's 55 places each takes."""
_PURE: Final = {
    "R": (255, 0, 0),
    "Y": (255, 255, 0),
    "G": (0, 255, 0),
    "C": (0, 255, 255),
    "B": (0, 0, 255),
    "M": (255, 0, 255),
}
_TOO_FAST: Final = 0.75
"""Brightness of what is faster than the scale."""
_PERCENTILE: Final = 99.0


def colour_scale(flow: FlowMap) -> float:
    """The speed that gets the full colour: the 99th percentile of the valid pixels, px.

    >>> colour_scale(FlowMap(np.full((2, 3, 2), [3.0, 4.0], np.float32), np.ones((2, 3), bool)))
    5.0
    """
    speeds = flow.speed[flow.valid]
    fastest = float(np.percentile(speeds, _PERCENTILE)) if speeds.size else 0.0
    return fastest if fastest > 0 else 1.0


def flow_colours(flow: FlowMap, fastest_px: float | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Colours of Middlebury's wheel: white does not move, red moves right, yellow down, cyan left, blue up.

    What is faster than the scale is darker. Guesses on pixels that are not valid are shown too; what is not finite is
    black.

    Args:
        flow: The motion.
        fastest_px: Speed of the full colour; `colour_scale` if absent.
    Returns:
        RGB.
    Raises:
        InputError: If the scale is not above 0.
    Source: Baker et al. 2011 (Middlebury flow), whose wheel has 55 hues, placed evenly by eye.

    >>> flow = FlowMap(np.array([[[2.0, 0.0], [0.0, 0.0]]], np.float32), np.ones((1, 2), bool))
    >>> flow_colours(flow, fastest_px=2.0).tolist()
    [[[255, 0, 0], [255, 255, 255]]]
    """
    scale = colour_scale(flow) if fastest_px is None else fastest_px
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(f"expected a speed above 0 px for the full colour, got {scale}")
    known = np.isfinite(flow.flow).all(axis=2)
    u, v = (np.where(known, flow.flow[..., axis], np.float32(0.0)) for axis in (0, 1))
    image = _coloured(u, v, np.hypot(u, v) / np.float32(scale))
    image[~known] = INVALID_RGB
    return image


def flow_wheel(side_px: int = 101) -> UInt8[np.ndarray, "side side 3"]:
    """The wheel itself: the colour at a place is that of a motion from the middle to there; the rim is the scale.

    Args:
        side_px: Height and width.
    """
    place = np.linspace(-1.0, 1.0, side_px, dtype=np.float32)
    u, v = np.meshgrid(place, place)
    radius = np.hypot(u, v)
    wheel = _coloured(u, v, radius)
    wheel[radius > 1.0] = 255
    return wheel


def _coloured(
    u: Float32[np.ndarray, "h w"], v: Float32[np.ndarray, "h w"], speed: Float32[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Colours of directions, at speeds that are shares of the scale."""
    wheel = _wheel()
    turn = np.arctan2(v, u) / np.float32(2.0 * np.pi)
    place = (turn % 1.0) * len(wheel)
    low = np.floor(place).astype(np.int64) % len(wheel)
    share = (place - np.floor(place))[..., None]
    hue = (1.0 - share) * wheel[low] + share * wheel[(low + 1) % len(wheel)]
    fast = (speed > 1.0)[..., None]
    shade = np.where(fast, hue * _TOO_FAST, 1.0 - np.minimum(speed, 1.0)[..., None] * (1.0 - hue))
    return np.floor(255.0 * shade + 0.5).astype(np.uint8)


def _wheel() -> Float64[np.ndarray, "55 3"]:
    """The 55 hues in [0, 1], from red over yellow, green, cyan, blue and magenta back to red."""
    arcs = [
        np.array(_PURE[ends[0]]) + np.arange(count)[:, None] / count * (np.array(_PURE[ends[1]]) - _PURE[ends[0]])
        for ends, count in _STEPS
    ]
    return np.concatenate(arcs) / 255.0
