"""Where nothing was seen: the black borders of a rectification, blown-out windows and blank areas."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.maps import DisparityMap

_BLACK: Final = 8
"""Largest sample of a border without content; JPEG's rounding makes up to this much of black."""
_TRULY_BLACK: Final = 1
_TRULY_BLACK_SHARE: Final = 0.6
_LEAST_BORDER: Final = 0.0005
"""Share of the image below which a black spot at its edge is content."""
_SATURATED: Final = 250
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
    brightest = image if image.ndim == 2 else image.max(axis=2)
    unseen = np.zeros(brightest.shape, dtype=bool)
    edges = (brightest[0], brightest[-1], brightest[:, 0], brightest[:, -1])
    if min(int(edge.min()) for edge in edges) > _TRULY_BLACK:
        return unseen
    _, labels, stats, _ = cv2.connectedComponentsWithStats((brightest <= _BLACK).astype(np.uint8), connectivity=4)
    touching = {
        int(label) for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]) for label in np.unique(edge)
    }
    truly = np.bincount(labels[brightest <= _TRULY_BLACK], minlength=len(stats))
    for label in touching - {0}:
        area = int(stats[label, cv2.CC_STAT_AREA])
        if area >= _LEAST_BORDER * brightest.size and truly[label] >= _TRULY_BLACK_SHARE * area:
            unseen |= labels == label
    return unseen


def untextured(image: Image) -> Mask:
    """Blown-out areas, and the inner part of areas so even that nothing in them can be matched.

    Args:
        image: RGB or grey.
    """
    darkest = image if image.ndim == 2 else image.min(axis=2)
    grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    height, width = grey.shape
    step = max(1, width // _LOOKED_AT_PX)
    smooth, block = cv2.blur(grey, (3, 3)), np.ones((step, step), np.uint8)
    low, high = cv2.erode(smooth, block)[::step, ::step], cv2.dilate(smooth, block)[::step, ::step]
    blown = (cv2.erode(darkest, block)[::step, ::step] >= _SATURATED).astype(np.uint8)
    spot, window = max(15, width // 30 // step | 1), max(21, width // 16 // step | 1)
    blown = cv2.morphologyEx(blown, cv2.MORPH_OPEN, np.ones((spot, spot), np.uint8))
    kernel = np.ones((window, window), np.uint8)
    spread = cv2.subtract(cv2.dilate(high, kernel), cv2.erode(low, kernel))
    blank = ((blown > 0) | (np.asarray(spread) <= _FLAT_RANGE)).astype(np.uint8)
    return np.asarray(cv2.resize(blank, (width, height), interpolation=cv2.INTER_NEAREST)) > 0


def judged(found: DisparityMap, left: Image, right: Image, seen: tuple[Mask, Mask] | None = None) -> DisparityMap:
    """What a method found, invalid where no camera looked, distrusted where there is nothing to match.

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


def _pointing_into(found: DisparityMap, mask: Mask) -> Mask:
    """Pixels whose match lies on the mask of the right image."""
    if not mask.any():
        return np.zeros(mask.shape, dtype=bool)
    width = mask.shape[1]
    shift: Float32[np.ndarray, "h w"] = np.rint(np.where(np.isfinite(found.disparity), found.disparity, np.float32(0)))
    columns = np.arange(width, dtype=np.float32) - shift
    inside = (columns >= 0) & (columns < width)
    target = np.clip(columns, 0, width - 1).astype(np.int64)
    return np.take_along_axis(mask, target, axis=1) & inside
