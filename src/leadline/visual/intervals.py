"""Shares with their intervals, one row each."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.visual.text import draw_text, fitted, text_size

_ROW = 30
_TITLE = 40
_LABELS = 190
_VALUES = 190
_MARGIN = 12
_AXIS = 28
_SCALE = 0.45
_POINT_RGB = (40, 90, 170)
_LINE_RGB = (225, 225, 225)


@dataclass(frozen=True)
class Interval:
    """One row.

    Args:
        label: ASCII; cut if it is too long.
        share: From 0 to 1.
        low: Lower end of its interval.
        high: Upper end.
    """

    label: str
    share: float
    low: float
    high: float


def interval_chart(rows: Sequence[Interval], title: str, width: int = 820) -> UInt8[np.ndarray, "chart_h {width} 3"]:
    """Points with intervals on a scale from 0 to 100 %, and their numbers at the right.

    Args:
        rows: At least one.
        title: One line at the top.
        width: Pixels.
    Returns:
        RGB.
    Raises:
        InputError: If there is no row, or one whose share is outside of its interval or of 0 to 1.
    Example:
        >>> interval_chart([Interval("a", 0.5, 0.4, 0.6)], "share").shape
        (98, 820, 3)
    """
    if not rows or any(not 0.0 <= row.low <= row.share <= row.high <= 1.0 for row in rows):
        raise InputError("expected rows with 0 <= low <= share <= high <= 1, got others or none")
    height = _TITLE + len(rows) * _ROW + _AXIS
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    draw_text(canvas, fitted(title, 0.55, width - 2 * _MARGIN), (_MARGIN, _TITLE - 14), 0.55)
    start, length = _MARGIN + _LABELS, width - 2 * _MARGIN - _LABELS - _VALUES
    for percent in range(0, 101, 20):
        column = start + round(length * percent / 100)
        cv2.line(canvas, (column, _TITLE), (column, height - _AXIS), _LINE_RGB, 1)
        text = f"{percent} %"
        draw_text(canvas, text, (column - text_size(text, 0.4)[0] // 2, height - 9), 0.4)
    for number, row in enumerate(rows):
        middle = _TITLE + number * _ROW + _ROW // 2
        label = fitted(row.label, _SCALE, _LABELS - 10)
        draw_text(canvas, label, (start - 10 - text_size(label, _SCALE)[0], middle + 5), _SCALE)
        low, point, high = (start + round(length * value) for value in (row.low, row.share, row.high))
        cv2.line(canvas, (low, middle), (high, middle), _POINT_RGB, 2)
        for end in (low, high):
            cv2.line(canvas, (end, middle - 5), (end, middle + 5), _POINT_RGB, 2)
        cv2.circle(canvas, (point, middle), 5, _POINT_RGB, cv2.FILLED)
        text = f"{100 * row.share:.1f} % ({100 * row.low:.1f} to {100 * row.high:.1f})"
        draw_text(canvas, text, (start + length + 14, middle + 5), _SCALE)
    return canvas
