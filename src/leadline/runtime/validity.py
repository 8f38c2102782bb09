"""Pixels that no camera recorded: the black borders of a rectification, blown-out windows and blank areas."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from leadline.geometry.flow import landing
from leadline.maps import DisparityMap, FlowMap

_BLACK: Final = 8
"""Largest sample of a border without content; JPEG's rounding makes up to this much of black."""
_TRULY_BLACK: Final = 1
_TRULY_BLACK_SHARE: Final = 0.6
_LEAST_BORDER: Final = 0.0005
"""Share of the image below which a black spot at its edge is content."""
_SATURATED: Final = 250
_BAND_ROWS: Final = 256
_LOOKED_AT_PX: Final = 800
"""Width to which larger images are reduced, by the least and greatest of each block."""
_FLAT_RANGE: Final = 3
"""Grey levels within which a smoothed area has no texture; a lens and a sensor leave more on any real surface."""
_DISTRUST: Final = np.float32(0.2)
"""Largest confidence where the image says nothing of the distance: below what becomes a point of a cloud."""

Image = UInt8[np.ndarray, "h w *c"]
Mask = Bool[np.ndarray, "h w"]


def unseen_border(image: Image) -> Mask:
    """Black areas at the image's edge: no camera looked there, as at the borders of a rectified image.

    Args:
        image: RGB or grey.
    Example:
        >>> image = np.full((4, 6, 3), 100, np.uint8)
        >>> image[:, :2] = 0
        >>> unseen_border(image).sum(axis=0).tolist()
        [4, 4, 0, 0, 0, 0]
    """
    black = _within(image, 0, _BLACK)
    truly = _within(image, 0, _TRULY_BLACK)
    edges = (np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1])
    if not any(bool(truly[edge].any()) for edge in edges):
        return np.zeros(black.shape, dtype=bool)
    found = cv2.connectedComponentsWithStats(black, connectivity=4)
    labels, stats = np.asarray(found[1], dtype=np.int32), np.asarray(found[2], dtype=np.int32)
    step = max(1, black.shape[1] // _LOOKED_AT_PX)
    sampled, count = labels[::step, ::step], len(stats)
    areas = np.bincount(sampled.ravel(), minlength=count)
    blackest = np.bincount(sampled[truly[::step, ::step] > 0], minlength=count)
    keep = (stats[:, cv2.CC_STAT_AREA] >= _LEAST_BORDER * black.size) & (blackest >= _TRULY_BLACK_SHARE * areas)
    touching = np.zeros(count, dtype=bool)
    for edge in edges:
        touching[labels[edge]] = True
    keep &= touching
    keep[0] = False
    return keep[labels] if keep.any() else np.zeros(black.shape, dtype=bool)


def _within(image: Image, low: int, high: int) -> UInt8[np.ndarray, "h w"]:
    """255 where all samples of a pixel are in a range, else 0."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    return np.asarray(cv2.inRange(image, (low,) * channels, (high,) * channels), dtype=np.uint8)


def untextured(image: Image) -> Mask:
    """Blown-out areas, and the inner part of areas so even that nothing in them can be matched.

    Args:
        image: RGB or grey.
    """
    grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    height, width = grey.shape
    step = max(1, width // _LOOKED_AT_PX)
    smooth, block = cv2.blur(grey, (3, 3)), np.ones((step, step), np.uint8)
    low, high = cv2.erode(smooth, block)[::step, ::step], cv2.dilate(smooth, block)[::step, ::step]
    blown = (cv2.erode(_within(image, _SATURATED, 255), block)[::step, ::step] > 0).astype(np.uint8)
    spot, window = max(15, width // 30 // step | 1), max(21, width // 16 // step | 1)
    blown = cv2.morphologyEx(blown, cv2.MORPH_OPEN, np.ones((spot, spot), np.uint8))
    kernel = np.ones((window, window), np.uint8)
    spread = cv2.subtract(cv2.dilate(high, kernel), cv2.erode(low, kernel))
    blank = ((blown > 0) | (np.asarray(spread) <= _FLAT_RANGE)).astype(np.uint8)
    return np.asarray(cv2.resize(blank, (width, height), interpolation=cv2.INTER_NEAREST)).view(bool)


def judged(found: DisparityMap, left: Image, right: Image, seen: tuple[Mask, Mask] | None = None) -> DisparityMap:
    """Disparity of a method, invalid where no camera looked, distrusted where there is nothing to match.

    Disparities stay as they are; invalid pixels have confidence 0. Without confidences `valid` shows the distrust.

    Args:
        found: What the method says.
        left: The left image.
        right: The right image.
        seen: Where each image shows what its camera saw, if known; else black borders tell.
    """
    unseen = [unseen_border(view) if seen is None else ~seen[side] for side, view in enumerate((left, right))]
    hidden = unseen[0] | _pointing_into(found, unseen[1])
    result = found.without(hidden) if hidden.any() else found
    blank = untextured(left)
    if not blank.any():
        return result
    if result.confidence is None:
        return DisparityMap(result.disparity, result.valid & ~blank)
    confidence = np.where(blank, np.minimum(result.confidence, _DISTRUST), result.confidence)
    return DisparityMap(result.disparity, result.valid, confidence)


def judged_flow(found: FlowMap, first: Image, second: Image) -> FlowMap:
    """Flow of a method, invalid where no camera looked, distrusted where there is nothing to match.

    Of one image twice the flow is 0. Otherwise the flow stays as it is; pixels in black borders, or that land in one,
    are invalid and have confidence 0. Without confidences `valid` shows the distrust.

    Args:
        found: What the method says.
        first: The first frame.
        second: The second frame.
    """
    flow, valid, confidence = found.flow, found.valid, found.confidence
    if np.array_equal(first, second):
        flow, valid = np.zeros_like(flow), np.ones_like(valid)
    hidden = unseen_border(first)
    if (border := unseen_border(second)).any():
        x, y, _ = landing(np.where(np.isfinite(flow), flow, np.float32(0.0)))
        hidden |= np.asarray(cv2.remap(border.view(np.uint8), x, y, cv2.INTER_NEAREST)) > 0
    blank = untextured(first)
    if confidence is None:
        return FlowMap(flow, valid & ~hidden & ~blank)
    confidence = np.where(blank, np.minimum(confidence, _DISTRUST), confidence)
    return FlowMap(flow, valid & ~hidden, np.where(hidden, np.float32(0.0), confidence))


def _pointing_into(found: DisparityMap, mask: Mask) -> Mask:
    """Pixels whose match lies on the mask of the right image."""
    pointing = np.zeros(mask.shape, dtype=bool)
    if not mask.any():
        return pointing
    height, width = mask.shape
    columns = np.arange(width, dtype=np.float32)
    for top in range(0, height, _BAND_ROWS):
        rows = slice(top, min(top + _BAND_ROWS, height))
        if not mask[rows].any():
            continue
        band = found.disparity[rows]
        across = columns - np.where(np.isfinite(band), band, np.float32(0.0))
        down = np.repeat(np.arange(band.shape[0], dtype=np.float32)[:, None], width, axis=1)
        # Outside of the image nothing is on the mask.
        hit = cv2.remap(mask[rows].view(np.uint8), across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
        pointing[rows] = np.asarray(hit) > 0
    return pointing
