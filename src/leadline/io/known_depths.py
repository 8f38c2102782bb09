"""Distances that someone measured in an image: points of a tape or laser, zones of a time-of-flight sensor."""

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError
from leadline.io.text import read_lines

ZONES: Final = 8
"""Rows and columns of the multi-zone time-of-flight sensors that robots carry."""
_HEADER: Final = ("x", "y", "metres")


def read_known_points(path: Path | str, height: int, width: int) -> Float64[np.ndarray, "n 3"]:
    """Points with known distances from a CSV file of lines x,y,metres; a first line with those words is passed over.

    Args:
        path: The file.
        height: Rows of the image.
        width: Its columns.
    Returns:
        Column and row in px (pixel centres are integers) and metres along the optical axis.
    Raises:
        InputError: If it is missing, a line has another form, a point lies outside of the image, or a distance is
            not positive and finite.
    """
    points: list[list[float]] = []
    for number, cells in _rows(path, "a CSV file of points"):
        if number == 1 and tuple(cell.lower() for cell in cells) == _HEADER:
            continue
        values = [_number(cell) for cell in cells]
        if len(values) != 3 or not np.isfinite(values).all():
            raise InputError(f"expected three numbers x,y,metres in line {number} of {path}, got {','.join(cells)!r}")
        x, y, metres = values
        if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
            raise InputError(
                f"expected a point within the image of {width}x{height}, got {x:g},{y:g} in line {number} of {path}; "
                "measure it in this image"
            )
        if metres <= 0:
            raise InputError(f"expected a distance above 0 m, got {metres:g} in line {number} of {path}")
        points.append(values)
    if not points:
        raise InputError(f"expected lines x,y,metres, got none in {path}")
    return np.array(points)


def read_tof_zones(path: Path | str) -> Float64[np.ndarray, "8 8"]:
    """A frame of an 8x8 time-of-flight sensor from a CSV file of 8 rows with 8 columns.

    Args:
        path: The file; its first row is the image's top, its first column the left.
    Returns:
        Metres along the optical axis; NaN where the file has nothing or 0.
    Raises:
        InputError: If it is missing, has another form, or a distance is negative or not finite.
    """
    rows = [cells for _, cells in _rows(path, "a CSV file of 8x8 zones")]
    if len(rows) != ZONES or any(len(cells) != ZONES for cells in rows):
        widths = sorted({len(cells) for cells in rows})
        got = f"{len(rows)} rows of {' or '.join(map(str, widths)) or 'no'}"
        raise InputError(f"expected {ZONES} rows of {ZONES} distances, got {got} in {path}; export a whole frame")
    metres = np.array([[_number(cell) if cell else 0.0 for cell in cells] for cells in rows])
    if not (np.isfinite(metres).all() and (metres >= 0).all()):
        raise InputError(f"expected distances in metres, empty or 0 without a return, got others in {path}")
    return np.where(metres > 0, metres, np.nan)


def _rows(path: Path | str, expected: str) -> list[tuple[int, list[str]]]:
    """Line numbers and cells of the lines that hold anything."""
    lines = enumerate(read_lines(path, expected), start=1)
    return [(number, [cell.strip() for cell in line.split(",")]) for number, line in lines if line.strip()]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
