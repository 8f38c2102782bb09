"""Masks of what a matcher cannot know in a film's frame: sky, and text that was laid over the image."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

_Image = UInt8[np.ndarray, "h w 3"]
_Mask = Bool[np.ndarray, "h w"]

_SKY_STEP: Final = 10
"""Change of brightness over three pixels above which there is texture, in levels of 255."""
_SKY_LEAST: Final = 70
_SKY_SHARE: Final = 0.01
_TEXT_BRIGHT: Final = 180
_TEXT_DARKER: Final = 70
"""Letters are at least so bright, and by so much brighter than what is around their strokes."""
_TEXT_COLOUR: Final = 60
"""Greatest saturation of white letters; yellow ones have no blue."""
_LINE_SHARE: Final = 0.12
"""A line of text has letters in at least this share of its box."""


def sky_mask(image: _Image) -> _Mask:
    """The sky, as far as colour and smoothness tell.

    Those are areas without texture that reach the upper edge and are bright, and bluish or grey.

    Args:
        image: RGB, without a letter box.
    Example:
        >>> image = np.full((40, 60, 3), (140, 180, 230), np.uint8)
        >>> image[20:] = np.random.default_rng(0).integers(0, 255, (20, 60, 3))
        >>> mask = sky_mask(image)
        >>> bool(mask[:16].all()), bool(mask[24:].any())
        (True, False)
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    window = np.ones((3, 3), np.uint8)
    change = cv2.subtract(cv2.dilate(grey, window), cv2.erode(grey, window))
    red, blue = image[..., 0].astype(np.int16), image[..., 2].astype(np.int16)
    smooth = (np.asarray(change) < _SKY_STEP) & (grey > _SKY_LEAST) & (blue >= red - 8)
    opened = cv2.morphologyEx(smooth.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    labels = np.asarray(cv2.connectedComponents(opened, connectivity=4)[1])
    touching = np.unique(labels[:3])
    found = np.isin(labels, touching[touching > 0])
    if found.mean() < _SKY_SHARE:
        return np.zeros(grey.shape, bool)
    grown = cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.asarray(grown) & (np.asarray(change) < 3 * _SKY_STEP)


def text_mask(image: _Image) -> _Mask:
    """Lines of bright text, such as subtitles and credits, each as a box with a margin.

    Letters are thin, white or yellow and much brighter than what is around them; enough of them beside each other are
    a line.

    Args:
        image: RGB.
    Example:
        >>> image = np.full((120, 320, 3), 90, np.uint8)
        >>> drawn = cv2.putText(image, "Where are they now?", (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (250,) * 3, 2)
        >>> mask = text_mask(image)
        >>> bool(mask[90:100, 60:200].all()), bool(mask[:70].any())
        (True, False)
    """
    height, width = image.shape[:2]
    bright = image[..., :2].min(axis=2)
    stroke = max(5, round(height / 28) | 1)
    around = cv2.morphologyEx(bright, cv2.MORPH_TOPHAT, np.ones((stroke, stroke), np.uint8))
    spread = image[..., :2].max(axis=2).astype(np.int16) - bright
    letters = (bright > _TEXT_BRIGHT) & (np.asarray(around) > _TEXT_DARKER) & (spread < _TEXT_COLOUR)
    # Letters of a line are closer to each other than they are high.
    joined = cv2.morphologyEx(letters.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, max(9, height // 10)), np.uint8))
    found = np.zeros((height, width), bool)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    counts = np.bincount(np.asarray(labels)[letters], minlength=len(stats))
    for (left, top, across, down, _), count in zip(np.asarray(stats)[1:], counts[1:], strict=True):
        is_line = across >= 3 * down and 5 <= down <= height // 6 and count >= _LINE_SHARE * across * down
        if is_line and _is_lettered(letters[top : top + down, left : left + across]):
            margin = max(3, down // 2)
            found[max(0, top - margin) : top + down + margin, max(0, left - margin) : left + across + margin] = True
    return found


def _is_lettered(line: Bool[np.ndarray, "h w"]) -> bool:
    """Whether a box holds many upright strokes with gaps between them, as writing does and a bright bar does not."""
    height, width = line.shape
    middle = line[height // 4 : max(height // 4 + 1, 3 * height // 4)]
    changes = np.abs(np.diff(middle.astype(np.int8), axis=1)).sum(axis=1)
    # Two changes a stroke, and at least a stroke for each height of the letters.
    return bool(np.median(changes) >= max(6.0, 2.0 * width / height))
