"""Histograms as SVG, for pages that need no other file."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

_WIDTH: Final = 360
_HEIGHT: Final = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 12, 12, 30, 40
_BINS: Final = 24
_ROBUST: Final = (0.5, 99.5)


def histogram_svg(
    series: Mapping[str, Sequence[float]],
    title: str,
    unit: str,
    colours: Mapping[str, str],
    logarithmic: bool = False,
) -> str:
    """Distributions of one measure, a line each over common bins, as shares of their own series.

    The bins span the 0.5 % to the 99.5 % quantile of all values; what lies beyond counts at the ends.

    Args:
        series: Name -> values; empty ones are left out.
        title: What is measured.
        unit: Of it.
        colours: Colour of each series, as CSS has it.
        logarithmic: Whether bins grow by factors; values that are not positive are left out then.
    Returns:
        An <svg> element; its text says the smallest, the middle and the largest value.
    Example:
        >>> svg = histogram_svg({"a": [1.0, 2.0, 2.0]}, "depth", "m", {"a": "#000"})
        >>> svg.startswith("<svg"), "depth, m" in svg, "median 2" in svg
        (True, True, True)
    """
    named = {name: np.asarray(values, np.float64) for name, values in series.items()}
    named = {name: values[np.isfinite(values) & ((values > 0) | (not logarithmic))] for name, values in named.items()}
    named = {name: values for name, values in named.items() if values.size}
    scale = np.log10 if logarithmic else np.asarray
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-size="12" '
        'font-family="system-ui,sans-serif">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fafafa" stroke="#ddd"/>',
        f'<text x="{_LEFT}" y="19" font-weight="600">{escape(title)}, {escape(unit)}</text>',
    ]
    if named:
        together = np.concatenate(list(named.values()))
        low, high = (float(value) for value in np.percentile(scale(together), _ROBUST))
        high = high if high > low else low + max(abs(low) * 0.01, 1e-6)
        edges = np.linspace(low, high, _BINS + 1)
        shares = {name: _shares(scale(values), edges) for name, values in named.items()}
        top = max(float(share.max()) for share in shares.values())
        parts += [_line(share / top, colours[name]) for name, share in shares.items()]
        parts.append(_axis(low, high, logarithmic))
        parts.append(
            f'<text x="{_LEFT}" y="{_HEIGHT - 6}" fill="#555">{together.size} values, {together.min():.4g} to '
            f"{together.max():.4g}, median {np.median(together):.4g}</text>"
        )
    return "\n".join((*parts, "</svg>"))


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts / max(len(values), 1)


def _line(shares: np.ndarray, colour: str) -> str:
    """A stepped, filled outline."""
    floor, height = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM - _TOP
    columns = np.linspace(_LEFT, _WIDTH - _RIGHT, len(shares) + 1)
    points = [(columns[0], float(floor))]
    for index, share in enumerate(shares):
        level = floor - height * float(share)
        points += [(columns[index], level), (columns[index + 1], level)]
    points.append((columns[-1], float(floor)))
    outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{outline}" fill="{escape(colour)}" fill-opacity="0.18" stroke="{escape(colour)}"/>'


def _axis(low: float, high: float, logarithmic: bool) -> str:
    floor = _HEIGHT - _BOTTOM
    marks = [f'<line x1="{_LEFT}" y1="{floor}" x2="{_WIDTH - _RIGHT}" y2="{floor}" stroke="#888"/>']
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        value = low + share * (high - low)
        shown = 10.0**value if logarithmic else value
        column = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        marks.append(f'<text x="{column:.0f}" y="{floor + 14}" text-anchor="{anchor}" fill="#555">{shown:.3g}</text>')
    return "\n".join(marks)
