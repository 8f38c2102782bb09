"""Horizontal bars with error bars, in groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.visual.text import INK_RGB, draw_text, fitted, text_size

_ROW = 24
_HEAD = 30
_TITLE = 36
_MARGIN = 12
_LABELS = 190
_VALUES = 110
_SCALE = 0.42
_BAR_RGB = (90, 140, 200)
_GUIDE_RGB = (200, 60, 40)
_SPREAD_RGB = (40, 40, 40)


@dataclass(frozen=True)
class Bar:
    """One row.

    Args:
        label: ASCII; cut if it is too long.
        value: Length, at least 0; None draws no bar but says so.
        spread: Half the length of the error bar, if there is one.
    """

    label: str
    value: float | None
    spread: float | None = None


def bar_chart(
    groups: Mapping[str, Sequence[Bar]], title: str, guide: float | None = None, width: int = 760
) -> UInt8[np.ndarray, "chart_h {width} 3"]:
    """Bars from 0 to the right, one row each, under the name of their group, with a column of values at the right.

    Args:
        groups: Name -> rows.
        title: One line at the top: what the bars mean, and their unit.
        guide: Value of a vertical line to compare with, if any.
        width: Pixels.
    Returns:
        RGB.
    Raises:
        InputError: If there is no bar with a value, or one is negative or not finite.
    Example:
        >>> bar_chart({"scenes": [Bar("a", 1.0), Bar("b", 2.0, 0.5)]}, "error, px").shape
        (126, 760, 3)
    """
    bars = [bar for rows in groups.values() for bar in rows]
    values = [bar.value for bar in bars if bar.value is not None]
    if not values or not np.isfinite(values).all() or min(values) < 0:
        raise InputError(f"expected bars of finite lengths of at least 0, got {values or 'none'}")
    longest = max([bar.value + (bar.spread or 0.0) for bar in bars if bar.value is not None] + [guide or 0.0, 1e-9])
    height = _TITLE + len(groups) * _HEAD + len(bars) * _ROW + _MARGIN
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    draw_text(canvas, fitted(title, 0.55, width - 2 * _MARGIN), (_MARGIN, _TITLE - 12), 0.55)
    start, length = _MARGIN + _LABELS, width - 2 * _MARGIN - _LABELS - _VALUES
    scale = length / longest
    row = _TITLE
    for name, rows in groups.items():
        draw_text(canvas, fitted(name, 0.5, width - 2 * _MARGIN), (_MARGIN, row + _HEAD - 9), 0.5)
        row += _HEAD
        for bar in rows:
            _draw(canvas, bar, row, start, scale, start + length + 8)
            row += _ROW
    if guide is not None:
        column = start + round(guide * scale)
        cv2.line(canvas, (column, _TITLE), (column, height - _MARGIN), _GUIDE_RGB, 1)
    return canvas


def _draw(canvas: UInt8[np.ndarray, "h w 3"], bar: Bar, row: int, start: int, scale: float, column: int) -> None:
    base = row + _ROW - 8
    label = fitted(bar.label, _SCALE, _LABELS - 8)
    draw_text(canvas, label, (start - 8 - text_size(label, _SCALE)[0], base), _SCALE)
    if bar.value is None:
        draw_text(canvas, "none", (column, base), _SCALE, INK_RGB)
        return
    end, middle = start + round(bar.value * scale), row + _ROW // 2
    cv2.rectangle(canvas, (start, row + 4), (end, row + _ROW - 5), _BAR_RGB, cv2.FILLED)
    text = f"{bar.value:.2f}"
    if bar.spread is not None:
        low, reach = start + round(max(bar.value - bar.spread, 0.0) * scale), end + round(bar.spread * scale)
        cv2.line(canvas, (low, middle), (reach, middle), _SPREAD_RGB, 1)
        for side in (low, reach):
            cv2.line(canvas, (side, middle - 4), (side, middle + 4), _SPREAD_RGB, 1)
        text += f" +- {bar.spread:.2f}"
    draw_text(canvas, text, (column, base), _SCALE)
