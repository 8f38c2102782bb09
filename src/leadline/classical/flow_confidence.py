"""Confidence of classical flow: how well two frames and the way there and back support it.

The probability is a logistic function of seven logarithms. Its weights are fitted to rendered pairs by
`benchmarks/fit_flow_confidence.py`, for each method by itself; no real image takes part.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.geometry.flow import landing, round_trip

EVIDENCE: Final = ("1", "trip", "trip around", "speed", "difference", "texture", "unevenness", "outside")
"""What each weight is for, in order: see `evidence`."""

WEIGHTS: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "dis-ultrafast": (-0.860, 0.049, -0.757, -0.081, -0.880, 0.596, -1.079, -1.019),
        "dis-fast": (-1.208, 0.348, -1.304, -0.117, -1.193, 0.657, -0.966, -0.488),
        "dis-medium": (-1.366, 0.225, -1.229, -0.153, -0.610, 0.410, -0.994, -0.087),
        "farneback": (-2.965, 0.160, -1.326, 0.423, -1.806, 2.011, 0.040, 1.371),
    }
)
"""Method -> weights of `EVIDENCE`."""

_LEAST_PX: Final = 0.05
_SMOOTH_PX: Final = 2.0
_AROUND_PX: Final = 4.0
_WINDOW_PX: Final = 9

_Grey = UInt8[np.ndarray, "h w"]
_Layer = Float32[np.ndarray, "h w"]


def flow_confidence(
    name: str,
    first: _Grey,
    second: _Grey,
    forward: Float32[np.ndarray, "h w 2"],
    backward: Float32[np.ndarray, "h w 2"],
) -> _Layer:
    """Probability that the error of a method's flow, filled where the check fails, is below 1 px.

    Args:
        name: The method, one of `WEIGHTS`.
        first: The first frame, grey.
        second: The second frame, likewise.
        forward: Flow of the first frame's pixels, not filled.
        backward: Flow of the second frame's pixels towards the first.
    Returns:
        In [0, 1].
    """
    layers = evidence(first, second, forward, backward)
    score = np.full(first.shape, WEIGHTS[name][0], np.float32)
    for weight, layer in zip(WEIGHTS[name][1:], layers, strict=True):
        score += np.float32(weight) * layer
    return 1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0)))


def evidence(
    first: _Grey, second: _Grey, forward: Float32[np.ndarray, "h w 2"], backward: Float32[np.ndarray, "h w 2"]
) -> tuple[_Layer, ...]:
    """The numbers behind the probability, one layer for each of `EVIDENCE` but the constant.

    Args:
        first: The first frame, grey.
        second: The second frame, likewise.
        forward: Flow of the first frame's pixels.
        backward: Flow of the second frame's pixels towards the first.
    Returns:
        Logarithms of the distance after the way there and back, at the pixel and around it; of the speed; of the
        difference between the first frame and the second one fetched along the flow; of the texture; of the flow's
        spread around the pixel; and 1 where the pixel leaves the frame.

    >>> blank, still = np.zeros((20, 30), np.uint8), np.zeros((20, 30, 2), np.float32)
    >>> [round(float(layer[9, 9]), 2) for layer in evidence(blank, blank, still, still)]
    [-3.0, -3.0, 0.0, 0.0, 0.0, -3.0, 0.0]
    """
    x, y, inside = landing(forward)
    grey = first.astype(np.float32)
    fetched = cv2.remap(second, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = _smooth(np.abs(grey - fetched), _SMOOTH_PX)
    slopes = [np.asarray(cv2.Sobel(grey, cv2.CV_32F, *order)) / 8.0 for order in ((1, 0), (0, 1))]
    texture = _smooth(np.hypot(*slopes), _SMOOTH_PX)
    window = (_WINDOW_PX, _WINDOW_PX)
    apart = forward - np.asarray(cv2.blur(forward, window))
    # Running sums round below 0.
    unevenness = np.sqrt(np.maximum(np.asarray(cv2.blur(apart * apart, window)).sum(axis=2), 0.0))
    trip = np.log(_LEAST_PX + round_trip(forward, backward))
    return tuple(
        np.asarray(layer, np.float32)
        for layer in (
            trip,
            _smooth(trip, _AROUND_PX),
            np.log1p(np.hypot(forward[..., 0], forward[..., 1])),
            np.log1p(difference),
            np.log1p(texture),
            np.log(_LEAST_PX + unevenness),
            ~inside,
        )
    )


def _smooth(layer: np.ndarray, sigma_px: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma_px))
