"""Distances that someone measured in an image: points of a tape or laser, zones of a time-of-flight sensor."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError
from leadline.io.text import read_lines

ZONES: Final = 8
"""Rows and columns of the multi-zone time-of-flight sensors that robots carry."""

LengthUnit = Literal["m", "cm", "mm"]

UNIT_M: Final[Mapping[LengthUnit, float]] = MappingProxyType({"m": 1.0, "cm": 0.01, "mm": 0.001})
"""Metres that one unit stands for."""
_NAMES: Final[Mapping[LengthUnit, str]] = MappingProxyType({"m": "metres", "cm": "centimetres", "mm": "millimetres"})
_UNIT_WORDS: Final[Mapping[str, LengthUnit]] = MappingProxyType(
    {
        **dict.fromkeys(("m", "metre", "metres", "meter", "meters", "depth_m", "distance_m", "z_m"), "m"),
        **dict.fromkeys(("cm", "centimetres", "centimeters", "depth_cm", "distance_cm", "z_cm"), "cm"),
        **dict.fromkeys(("mm", "millimetres", "millimeters", "depth_mm", "distance_mm", "z_mm"), "mm"),
    }
)
_UNITLESS_WORDS: Final = ("depth", "distance", "z")
_COLUMN_WORDS: Final = (("x", "u", "column", "col"), ("y", "v", "row"))
_TOF_MEDIAN_M: Final = 10.0
"""Such chips reach about 4 m, a little more at bright walls: a frame whose median is beyond is in mm or cm."""
_FARTHEST_POINT_M: Final = 1000.0
_LEAST_WHOLE_M: Final = 100.0
"""Points that are all whole numbers from here on are no metres of a tape or laser: they are millimetres."""


@dataclass(frozen=True, eq=False)
class MeasuredPoints:
    """Points with known distances.

    Args:
        points: Column and row in px (pixel centres are integers) and metres along the optical axis.
        unit: What the file's distances were read as.
        stated: Whether the file or the caller said so.
    """

    points: Float64[np.ndarray, "n 3"]
    unit: LengthUnit
    stated: bool


def read_known_points(path: Path | str, height: int, width: int, unit: LengthUnit | None = None) -> MeasuredPoints:
    r"""Points with known distances from a text file of lines x,y,metres.

    Columns are separated by commas, semicolons (then a decimal comma is read, too), tabs or blanks. A first line may
    name them: x,y and metres, meters, m, cm, mm, depth_mm or depth (mm). Comments (#), quotes and the running number
    of pandas in a first column without a heading are passed over.

    Args:
        path: The file.
        height: Rows of the image.
        width: Its columns.
        unit: Of the distances; what the first line says, else metres, if absent.
    Raises:
        InputError: If it is missing, a line has another form, a point lies outside of the image, a distance is not
            positive and finite or cannot be in that unit, or the first line says another unit or order.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "tape.csv").write_text("x,y,cm\n10,20,150\n")
        ...     read_known_points(f"{folder}/tape.csv", height=480, width=640).points.tolist()
        [[10.0, 20.0, 1.5]]
    """
    rows = _rows(path, "a CSV file of points")
    header = rows[0][1] if rows and all(_is_word(cell) for cell in rows[0][1]) else None
    said = None if header is None else _header_unit(header, path)
    if unit is not None and said is not None and unit != said:
        raise InputError(f"expected distances in {unit} as asked for, got the heading {said} in {path}; correct one")
    chosen: LengthUnit = unit or said or "m"
    points: list[list[float]] = []
    for number, cells in rows[0 if header is None else 1 :]:
        points.append(_point(number, cells, path, height, width))
    if not points:
        raise InputError(f"expected lines x,y,metres, got none in {path}")
    found = np.array(points)
    _refuse_shares(found[:, :2], path, height, width)
    stated = unit is not None or said is not None
    require_reach(found[:, 2], chosen, stated, path, ", or mm as the heading of the third column")
    found[:, 2] *= UNIT_M[chosen]
    return MeasuredPoints(found, chosen, stated)


def _refuse_shares(places: Float64[np.ndarray, "n 2"], path: Path | str, height: int, width: int) -> None:
    """Refuses places that are shares of the image's sides: all of them would lie in its first corner."""
    if len(places) > 1 and bool((places <= 1.0).all()) and bool((places != np.rint(places)).any()):
        raise InputError(
            f"expected places in pixels of the image, got numbers from 0 to 1 in {path}; multiply x by {width} and y "
            f"by {height}"
        )


def _point(number: int, cells: list[str], path: Path | str, height: int, width: int) -> list[float]:
    values = [_number(cell) for cell in cells]
    if len(values) != 3 or not np.isfinite(values).all():
        raise InputError(
            f"expected three numbers x,y,metres in line {number} of {path}, got {','.join(cells)!r}; separate them by "
            "commas, or by semicolons or tabs"
        )
    x, y, distance = values
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        turned = "; x is the column, y the row: are they exchanged?" if x <= height and y <= width else ""
        raise InputError(
            f"expected a point within the image of {width}x{height}, got {x:g},{y:g} in line {number} of {path}; "
            f"measure it in this image{turned}"
        )
    if distance <= 0:
        raise InputError(f"expected a distance above 0 m, got {distance:g} in line {number} of {path}")
    return values


def require_reach(
    distances: Float64[np.ndarray, " n"], unit: LengthUnit, stated: bool, path: Path | str, or_else: str = ""
) -> None:
    """Refuses distances that are farther than anything that is measured in an image.

    Args:
        distances: As the file has them.
        unit: What they are taken for.
        stated: Whether the file or the user said so.
        path: The file, for the message.
        or_else: Another place where the unit can be stated, for the message.
    Raises:
        InputError: If half of them are beyond 1000 m, or they are whole numbers from 100 on of no stated unit.
    """
    whole = bool((distances == np.rint(distances)).all()) and float(distances.min()) >= _LEAST_WHOLE_M
    if float(np.median(distances)) * UNIT_M[unit] > _FARTHEST_POINT_M or (whole and not stated):
        middle = float(np.median(distances))
        raise InputError(
            f"expected depth within 1000 m, got none from {path}, or whole numbers of {middle:g} in the median; "
            f"if they are millimetres ({middle / 1000:g} m), say so: unit mm{or_else}"
        )


def _header_unit(cells: list[str], path: Path | str) -> LengthUnit | None:
    words = [_plain_heading(cell) for cell in cells]
    if len(words) == 3 and words[0] in _COLUMN_WORDS[1] and words[1] in _COLUMN_WORDS[0]:
        raise InputError(f"expected the columns x,y,metres, got {','.join(cells)} in {path}; exchange the first two")
    fits = len(words) == 3 and words[0] in _COLUMN_WORDS[0] and words[1] in _COLUMN_WORDS[1]
    if not fits or (words[2] not in _UNIT_WORDS and words[2] not in _UNITLESS_WORDS):
        raise InputError(f"expected the heading x,y,metres (or m, cm, mm), got {','.join(cells)!r} in {path}")
    return _UNIT_WORDS.get(words[2])


def _plain_heading(cell: str) -> str:
    """A heading without its unit in brackets, which pixels need not have and a distance is named by: `depth (mm)`."""
    found = re.fullmatch(r"(\w+)\s*[(\[]\s*(\w+)\s*[)\]]", cell.lower())
    if found is None:
        return cell.lower()
    word, unit = found.groups()
    return word if unit in ("px", "pixel", "pixels") else unit if word in _UNITLESS_WORDS else cell.lower()


def read_tof_zones(path: Path | str, unit: LengthUnit = "m") -> Float64[np.ndarray, "8 8"]:
    """A frame of an 8x8 time-of-flight sensor from a text file of 8 rows with 8 columns.

    Args:
        path: The file; its first row is the image's top, its first column the left. Columns as for
            `read_known_points`.
        unit: Of the distances.
    Returns:
        Metres along the optical axis; NaN where the file has nothing or 0, or more than 10 m, as 65535 for no return.
    Raises:
        InputError: If it is missing, has another form, a distance is negative or not finite, or most zones are farther
            than such a sensor reaches.
    """
    rows = [cells for _, cells in _rows(path, "a CSV file of 8x8 zones")]
    if len(rows) != ZONES or any(len(cells) != ZONES for cells in rows):
        widths = sorted({len(cells) for cells in rows})
        got = f"{len(rows)} rows of {' or '.join(map(str, widths)) or 'no'}"
        raise InputError(f"expected {ZONES} rows of {ZONES} distances, got {got} in {path}; export a whole frame")
    distances = np.array([[_number(cell) if cell else 0.0 for cell in cells] for cells in rows])
    if not (np.isfinite(distances).all() and (distances >= 0).all()):
        raise InputError(f"expected distances in {_NAMES[unit]}, empty or 0 without a return, got others in {path}")
    metres = np.where(distances > 0, distances * UNIT_M[unit], np.nan)
    returned = distances[distances > 0]
    middle = float(np.median(returned)) if returned.size else 0.0
    if middle * UNIT_M[unit] > _TOF_MEDIAN_M:
        likely: LengthUnit = "cm" if middle * UNIT_M["cm"] <= _TOF_MEDIAN_M / 2.0 else "mm"
        raise InputError(
            f"expected zones of a sensor that reaches about 4 m, got {middle * UNIT_M[unit]:g} m in the median of "
            f"{path}; they look like {likely} ({middle * UNIT_M[likely]:g} m): say so by the unit {likely}"
        )
    return np.where(metres > _TOF_MEDIAN_M, np.nan, metres)


def _rows(path: Path | str, expected: str) -> list[tuple[int, list[str]]]:
    """Line numbers and cells of the lines that hold anything; the first of them tells what separates columns.

    Lines that begin with # are passed over, quotes taken off, and so is the first column where its heading is empty:
    the running number that pandas writes.
    """
    every = enumerate(read_lines(path, expected), start=1)
    lines = [(number, line) for number, line in every if line.strip() and not line.lstrip().startswith("#")]
    first = lines[0][1] if lines else ""
    separator = next((mark for mark in (";", "\t", ",") if mark in first), None)
    rows = [(number, [cell.strip().strip('"').strip() for cell in line.split(separator)]) for number, line in lines]
    if rows and rows[0][1][0] == "" and len(rows[0][1]) > 1 and [cells[0] for _, cells in rows[1:]] == _counted(rows):
        rows = [(number, cells[1:]) for number, cells in rows]
    if separator == ";":
        rows = [(number, [cell.replace(",", ".") for cell in cells]) for number, cells in rows]
    return rows


def _counted(rows: list[tuple[int, list[str]]]) -> list[str]:
    return [str(index) for index in range(len(rows) - 1)]


def _is_word(cell: str) -> bool:
    return bool(cell) and not cell[0].isdigit() and _number(cell) != _number(cell)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
