"""Pixels that move by themselves, told by how a stereo camera's measurements and images deviate from its own motion.

A small network (20 numbers, 16 hidden units) rates each pixel; guided filters carry the rating within a surface. Its
weights, moving_mask.json, are fitted to rendered pairs by `benchmarks/fit_moving_mask.py`; no real image takes part.
"""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.geometry.camera_motion import CameraMotion, Observed, deviations, read_between, rigid_prediction
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap

WEIGHTS_FILE: Final = "moving_mask.json"
EVIDENCE: Final = (
    *("flow off", "disparity off", "deviation", "flow error", "disparity error", "expected", "known", "inside"),
    *("difference, still", "difference, measured", "difference around, still", "difference around, measured"),
    *("nearer there", "farther there", "farther around", "nearer around", "texture", "deviation around"),
    *("flow known", "speed, still"),
)
"""What each of the network's numbers is, in order: see `moving_evidence`."""

_MOST: Final = 100.0
_LEAST: Final = 0.1
_STEP_PX: Final = 1.0
_FINE_PX: Final = 2.0
_AROUND_PX: Final = 6.0
_BRIGHTNESS_PX: Final = 5.0
_RATED: Final = 6.0
_FILTER_PX: Final = 12
_FILTER_EPSILON: Final = 1e-3
_MOVES: Final = 1.0
"""Rating from which a pixel moves by itself: chosen on pairs that the weights were not fitted to."""
_LEAST_AREA: Final = 4e-4
"""Share of the image that a moving area has at least."""

Mask = Bool[np.ndarray, "h w"]
Layer = Float32[np.ndarray, "h w"]
Image = UInt8[np.ndarray, "h w 3"]


def moving_mask(
    lefts: tuple[Image, Image],
    seen: Observed,
    known: tuple[Mask, Mask],
    then: DisparityMap,
    motion: CameraMotion,
    rig: StereoRig,
) -> Mask:
    """Pixels of the first left image that move by themselves.

    Args:
        lefts: The left images at both times.
        seen: What was measured of all pixels of the first.
        known: Where all measurements stand, and where the flow does.
        then: Disparity of the second left image.
        motion: The camera's.
        rig: The cameras.
    Returns:
        The mask; where a pixel that stood still would leave the second image, it is false.
    """
    evidence = moving_evidence(lefts, seen, known, then, motion, rig)
    height, width = known[0].shape
    rating = np.clip(_rated(np.stack([layer.ravel() for layer in evidence], axis=1)), -_RATED, _RATED)
    rating = rating.reshape(height, width).astype(np.float32)
    grey = np.asarray(cv2.cvtColor(lefts[0], cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255.0)
    depth = np.log1p(np.maximum(seen.disparity, 0.0)).astype(np.float32)
    smooth = 0.5 * (_guided(rating, grey) + _guided(rating, depth))
    # Where the second image would not show it, nothing says that a pixel has moved by itself.
    smooth[evidence[EVIDENCE.index("inside")] == 0] = -_RATED
    return _large_areas(np.asarray(cv2.medianBlur((smooth > _MOVES).astype(np.uint8), 5), np.uint8))


def moving_evidence(
    lefts: tuple[Image, Image],
    seen: Observed,
    known: tuple[Mask, Mask],
    then: DisparityMap,
    motion: CameraMotion,
    rig: StereoRig,
) -> tuple[Layer, ...]:
    """The numbers that tell what moves by itself, one layer for each of `EVIDENCE`.

    Deviations of the measurements from the camera's motion, alone and in units of the errors that are expected; how
    the images differ along that motion and along the measured flow; and whether the second pair shows something nearer
    or farther where the pixel would be if it stood still: what is farther there says that it has gone.

    Args:
        lefts: As of `moving_mask`, as all others.
        seen: Likewise.
        known: Likewise.
        then: Likewise.
        motion: Likewise.
        rig: Likewise.
    """
    off, expected = deviations(seen, motion.second_from_first, rig)
    off = np.clip(np.nan_to_num(off, posinf=_MOST, neginf=-_MOST), -_MOST, _MOST)
    deviation = np.sqrt(((off / expected) ** 2).sum(axis=0))
    u, v, disparity, ahead = rigid_prediction(seen.x, seen.y, seen.disparity, motion.second_from_first, rig)
    height, width = known[0].shape
    x, y = (np.asarray(layer, np.float32) for layer in (seen.x + u, seen.y + v))
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1) & ahead
    differences = _differences(lefts, (x, y), seen)
    differences[0][~inside] = 0.0
    nearer = np.where(inside, read_between(then.disparity, x, y, _STEP_PX) - disparity, 0.0)
    log_deviation = np.log(_LEAST + deviation)
    sure = known[0].astype(np.float32)
    around = _smooth(log_deviation * sure, 4.0) / np.maximum(_smooth(sure, 4.0), 0.05)
    layers = (
        np.log(_LEAST + np.hypot(off[0], off[1])), np.log(_LEAST + np.abs(off[2])), log_deviation,
        np.log(seen.flow_error_px), np.log(seen.disparity_error_px), np.log(expected[0] + expected[1]), sure, inside,
        *(np.log1p(_smooth(layer, sigma)) for sigma in (_FINE_PX, _AROUND_PX) for layer in differences),
        np.log1p(np.maximum(nearer, 0.0)), np.log1p(np.maximum(-nearer, 0.0)),
        np.log1p(_smooth(np.maximum(-nearer, 0.0), 3.0)), np.log1p(_smooth(np.maximum(nearer, 0.0), 3.0)),
        np.log1p(_smooth(_texture(lefts[0]), 3.0)), around, known[1], np.log1p(np.hypot(u, v)),
    )  # fmt: skip
    return tuple(np.asarray(layer, np.float32) for layer in layers)


def _differences(lefts: tuple[Image, Image], still: tuple[Layer, Layer], seen: Observed) -> tuple[Layer, Layer]:
    """Difference of the first left image from the second, fetched where a pixel would stand still and where it went."""
    first, second = (_without_brightness(image) for image in lefts)
    measured = np.asarray(seen.x + seen.u, np.float32), np.asarray(seen.y + seen.v, np.float32)
    found = [np.abs(first - np.asarray(cv2.remap(second, *at, cv2.INTER_LINEAR))) for at in (still, measured)]
    return np.asarray(found[0], np.float32), np.asarray(found[1], np.float32)


def _without_brightness(image: Image) -> Layer:
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
    return grey - np.asarray(cv2.GaussianBlur(grey, (0, 0), _BRIGHTNESS_PX), np.float32)


def _texture(image: Image) -> Layer:
    grey = _without_brightness(image)
    slopes = [np.asarray(cv2.Sobel(grey, cv2.CV_32F, *order), np.float32) / 8.0 for order in ((1, 0), (0, 1))]
    return np.asarray(np.hypot(*slopes), np.float32)


def _smooth(layer: np.ndarray, sigma_px: float) -> Layer:
    return np.asarray(cv2.GaussianBlur(layer.astype(np.float32), (0, 0), sigma_px), np.float32)


def _guided(layer: Layer, guide: Layer) -> Layer:
    """The layer smoothed within the surfaces of a guide.

    Source: He, Sun and Tang 2013, Guided Image Filtering, equations 5, 6 and 8.

    >>> flat = np.full((40, 40), 2.0, np.float32)
    >>> bool(np.allclose(_guided(flat, np.eye(40, dtype=np.float32)), 2.0, atol=1e-5))
    True
    """
    side = 2 * _FILTER_PX + 1

    def mean(values: np.ndarray) -> Layer:
        return np.asarray(cv2.blur(values, (side, side)), np.float32)

    mean_guide, mean_layer = mean(guide), mean(layer)
    variance = mean(guide * guide) - mean_guide * mean_guide + np.float32(_FILTER_EPSILON)
    slope = (mean(guide * layer) - mean_guide * mean_layer) / variance
    return mean(slope) * guide + mean(mean_layer - slope * mean_guide)


def _rated(numbers: Float32[np.ndarray, "n k"]) -> Float32[np.ndarray, " n"]:
    mean, deviation, first, first_bias, second, second_bias = _weights()
    hidden = np.maximum((numbers - mean) / deviation @ first + first_bias, 0.0)
    return hidden @ second + second_bias


@lru_cache(maxsize=1)
def _weights() -> tuple[np.ndarray, ...]:
    told = json.loads((files("leadline.runtime") / WEIGHTS_FILE).read_text())
    names = ("mean", "deviation", "first", "first_bias", "second", "second_bias")
    return tuple(np.array(told[name], np.float32) for name in names)


def _large_areas(mask: UInt8[np.ndarray, "h w"]) -> Mask:
    found = cv2.connectedComponentsWithStats(mask, connectivity=4)
    labels, stats = np.asarray(found[1], np.int32), np.asarray(found[2], np.int32)
    keep = stats[:, cv2.CC_STAT_AREA] >= _LEAST_AREA * mask.size
    keep[0] = False
    return keep[labels]
