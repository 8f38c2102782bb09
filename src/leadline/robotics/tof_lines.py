"""Lines that time-of-flight boards print and log, turned into frames: one parser for files and for serial ports."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isqrt
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np

from leadline.io.known_depths import UNIT_M, LengthUnit
from leadline.robotics.tof_frame import NO_TARGET, SIZES, TofFrame

_COUNTS: Final = tuple(size * size for size in SIZES)
_WHOLE_MM: Final = 10.0
"""Median distance from which a number without a unit cannot be metres of such a sensor."""
_FARTHEST_M: Final = 10.0
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ZONE: Final = re.compile(r"Zone\s*:\s*(\d+)\s*,\s*Status\s*:\s*(\d+)\s*,\s*Distance\s*:\s*(-?\d+)\s*(mm)?", re.I)
_CELL: Final = re.compile(r"\|\s*(-?\d+|X)\s*:\s*(\d+|X)\s*(?=\|)", re.I)
_SPLIT: Final = re.compile(r"\s*[;,\t]\s*|\s+")
_SEMICOLONS: Final = re.compile(r";")

_Numbers = list[float]

_KEYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "distances": ("distance_mm", "distances_mm", "distance", "distances", "distances_m", "distance_m", "mm", "z"),
        "status": ("target_status", "status", "statuses"),
        "sigma": ("range_sigma_mm", "sigma_mm", "sigma", "sigma_m"),
        "reflectance": ("reflectance", "reflectance_percent"),
        "ambient": ("ambient_per_spad", "ambient"),
        "targets": ("nb_target_detected", "targets", "nb_targets"),
    }
)
_TIMES: Final = re.compile(r"^(?:t|time|timestamp|millis|micros|ts)(?:_?(s|ms|us|ns))?$", re.I)
_FLAT: Final = re.compile(
    r"^(d|dist|distance|zone|z|mm|range|s|st|status|target_status)[_\[ ]?(\d+)\]?(?:_?(mm|cm|m))?$", re.I
)
_SECONDS: Final[Mapping[str, float]] = MappingProxyType({"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9})


@dataclass(frozen=True)
class RawFrame:
    """A frame before its units are known.

    Args:
        distances: n * n numbers, row by row.
        layers: status, sigma, reflectance, ambient and targets, as far as there are; sigma in the distances' unit,
            reflectance in per cent.
        unit: Of the distances; None if nothing says so.
        time: As written; None if there is none.
        time_unit: Of the time; None if nothing says so.
        line: Number of the line that completed it.
    """

    distances: Sequence[float]
    layers: Mapping[str, Sequence[float]]
    unit: LengthUnit | None
    time: float | None = None
    time_unit: str | None = None
    line: int = 0

    def guessed_unit(self) -> LengthUnit:
        """The stated unit, or millimetres where the numbers are too large for metres."""
        if self.unit is not None:
            return self.unit
        known = [value for value in self.distances if isfinite(value) and value > 0]
        return "mm" if known and float(np.median(known)) > _WHOLE_MM else "m"

    def frame(self, unit: LengthUnit, time_s: float) -> TofFrame:
        """The frame in metres. Distances beyond 10 m, such as 65535, are not valid.

        Args:
            unit: Of the distances.
            time_s: Of the frame.
        """
        size = isqrt(len(self.distances))
        metres = np.array(self.distances, np.float64).reshape(size, size) * UNIT_M[unit]
        metres[~((metres > 0) & (metres <= _FARTHEST_M))] = np.nan
        layers = {name: np.array(values, np.float64).reshape(size, size) for name, values in self.layers.items()}
        status = layers.pop("status", np.where(np.isfinite(metres), 5, NO_TARGET))
        if "sigma" in layers:
            layers["sigma_m"] = layers.pop("sigma") * UNIT_M[unit]
        if "reflectance" in layers:
            layers["reflectance"] = layers["reflectance"] / 100.0
        return TofFrame.from_status(metres, status, time_s=time_s, **layers)


@dataclass
class TofLines:
    """A parser that takes lines one by one; what it cannot use it lists as a fault, and goes on.

    It knows: grids of 4 or 8 rows (as SparkFun's examples print); a frame a line, of 16 or 64 distances, with a time
    before them, as many statuses after them, or a heading that says which is which; a zone a line with a heading;
    points x;y;z; ST's `Zone : 0, Status : 5, Distance : 1234 mm`; tables of cells `| distance : status |`; and JSON
    objects, alone or as the `v` of a record.

    Args:
        faults: Line numbers and what is wrong with each line that was left out.
    Example:
        >>> lines = TofLines()
        >>> for text in ["0.1," + ",".join(["1500"] * 16)]:
        ...     raw = lines.feed(text)
        >>> raw[0].time, raw[0].guessed_unit(), len(raw[0].distances)
        (0.1, 'mm', 16)
    """

    faults: list[tuple[int, str]] = field(default_factory=lambda: list[tuple[int, str]]())
    _number: int = 0
    _heading: list[str] | None = None
    _grid: list[tuple[_Numbers, _Numbers]] = field(default_factory=lambda: list[tuple[_Numbers, _Numbers]]())
    _zones: dict[int, dict[str, float]] = field(default_factory=lambda: dict[int, dict[str, float]]())
    _zone_key: tuple[object, ...] | None = None
    _zone_unit: LengthUnit | None = None
    _zone_time_unit: str | None = None

    def feed(self, line: str) -> list[RawFrame]:
        """Takes a line.

        Args:
            line: Without its end.
        Returns:
            Frames that it completed: mostly none or one.
        """
        self._number += 1
        text = _ANSI.sub("", line).strip().strip("\x00")
        if not text:
            return self._ended_grid() if self._grid and len(self._grid) in SIZES else []
        if text.startswith("#"):
            return []
        if text.startswith("{"):
            return self._json(text)
        zone = _ZONE.search(text)
        if zone is not None:
            return self._zone_line(int(zone[1]), {"distances": float(zone[3]), "status": float(zone[2])}, "mm", None)
        cells = _CELL.findall(text)
        if cells:
            return self._table_row(cells)
        return self._numbers(text)

    def close(self) -> list[RawFrame]:
        """Frames that the end completes; a part of one is a fault."""
        return [*self._ended_grid(), *self._ended_zones()]

    def _fault(self, words: str) -> list[RawFrame]:
        self.faults.append((self._number, words))
        return []

    def _numbers(self, text: str) -> list[RawFrame]:
        separator = _SEMICOLONS if ";" in text else _SPLIT
        cells = [cell.strip().strip('"') for cell in separator.split(text)]
        if cells and cells[-1] == "" and len(cells) - 1 in (*SIZES, *_COUNTS):
            cells = cells[:-1]  # boards print a separator after the last number, too
        if self._heading is None and any(_is_word(cell) for cell in cells):
            return self._words(cells, text)
        if self._heading is not None and [cell.lower() for cell in cells] == self._heading:
            return []  # the heading once more: the board was reset
        values = [_number(cell) for cell in cells]
        if self._heading is not None:
            return self._under_heading(values)
        # A grid may have empty cells; a line of many numbers that are none is a torn one.
        if len(values) in SIZES:
            return self._grid_row(values)
        return self._flat(values, text)

    def _words(self, cells: list[str], text: str) -> list[RawFrame]:
        lower = [cell.lower() for cell in cells]
        if (
            any(word in lower for word in ("zone", "index", "x"))
            or sum(bool(_FLAT.match(word)) for word in lower) >= 16
        ):
            self._heading = lower
            if (
                not any(_FLAT.match(word) for word in lower)
                and self._column(("distances",)) is None
                and "z" not in lower
            ):
                self._heading = None
                return self._fault(f"a heading without distances: {text[:60]!r}")
            return []
        # Greetings of a board are no fault; a torn line of numbers is.
        torn = sum(not _is_word(cell) for cell in cells) >= max(SIZES)
        return self._fault(f"{text[:60]!r} is no line of numbers") if torn else []

    def _flat(self, values: _Numbers, text: str) -> list[RawFrame]:
        for count in _COUNTS:
            for timed in (0, 1):
                body = values[timed:]
                if len(body) == count:
                    return self._flat_frame(values[0] if timed else None, body, None)
                if len(body) == 2 * count and all(0 <= v <= 255 and v == round(v) for v in body[count:]):
                    return self._flat_frame(values[0] if timed else None, body[:count], body[count:])
        return self._fault(f"{len(values)} numbers, expected 4 or 8 of a row, or 16 or 64 of a frame")

    def _flat_frame(self, time: float | None, distances: _Numbers, status: _Numbers | None) -> list[RawFrame]:
        if sum(isfinite(value) for value in distances) < len(distances) // 2:
            return self._fault("most of its cells are no numbers")
        layers = {} if status is None else {"status": status}
        return [RawFrame(distances, layers, None, time, None, self._number)]

    def _grid_row(self, values: _Numbers) -> list[RawFrame]:
        return self._row(values, [])

    def _table_row(self, cells: list[tuple[str, str]]) -> list[RawFrame]:
        if len(cells) not in SIZES:
            return self._fault(f"{len(cells)} cells, expected 4 or 8")
        distances = [_number(distance) for distance, _ in cells]
        status = [float(NO_TARGET) if state.upper() == "X" else float(state) for _, state in cells]
        return self._row(distances, status)

    def _row(self, distances: _Numbers, status: _Numbers) -> list[RawFrame]:
        done: list[RawFrame] = []
        if self._grid and len(self._grid[0][0]) != len(distances):
            done = self._ended_grid()
        self._grid.append((distances, status))
        return [*done, *(self._ended_grid() if len(self._grid) == len(distances) else [])]

    def _ended_grid(self) -> list[RawFrame]:
        rows, self._grid = self._grid, []
        if not rows:
            return []
        width = len(rows[0][0])
        if len(rows) != width:
            return self._fault(f"a grid of {len(rows)} rows, expected {width} of {width} distances")
        distances = [value for row, _ in rows for value in row]
        status = [value for _, row in rows for value in row]
        layers = {"status": status} if len(status) == len(distances) else {}
        # A table of cells is what ST's programs print, in millimetres.
        return [RawFrame(distances, layers, "mm" if layers else None, None, None, self._number)]

    def _under_heading(self, values: _Numbers) -> list[RawFrame]:
        heading = self._heading or []
        if len(values) != len(heading):
            return self._fault(f"{len(values)} columns, expected the {len(heading)} of the heading")
        time, time_unit = self._time(values)
        if sum(bool(_FLAT.match(word)) for word in heading) >= min(_COUNTS):
            return self._flat_by_name(heading, values, time, time_unit)
        row = dict(zip(heading, values, strict=True))
        if "x" in row and "y" in row and "z" in row:
            return self._point(row)
        zone = row.get("zone", row.get("index", float("nan")))
        if not (isfinite(zone) and zone == round(zone)):
            return self._fault("no whole number as the zone")
        found: dict[str, float] = {}
        for name in _KEYS:
            place = self._column((name,))
            if place is not None:
                found[name] = values[place]
        key = (row.get("frame"), time)
        return self._zone_line(int(zone), found, self._distance_unit(), key, time, time_unit)

    def _flat_by_name(
        self, heading: list[str], values: _Numbers, time: float | None, time_unit: str | None
    ) -> list[RawFrame]:
        found: dict[bool, dict[int, float]] = {False: {}, True: {}}
        unit: LengthUnit | None = None
        for word, value in zip(heading, values, strict=True):
            match = _FLAT.match(word)
            if match is not None:
                is_status = match[1].lower() in ("s", "st", "status", "target_status")
                found[is_status][int(match[2])] = value
                unit = unit or cast("LengthUnit | None", match[3]) or ("mm" if match[1].lower() == "mm" else None)
        distances = [found[False][place] for place in sorted(found[False])]
        status = [found[True][place] for place in sorted(found[True])]
        if len(distances) not in _COUNTS or len(status) not in (0, len(distances)):
            return self._fault(f"{len(distances)} distances and {len(status)} statuses, expected 16 or 64")
        if status and not _are_states(status):
            return self._fault("a status that is no number from 0 to 255")
        layers = {"status": status} if status else {}
        return [RawFrame(distances, layers, unit, time, time_unit, self._number)]

    def _point(self, row: dict[str, float]) -> list[RawFrame]:
        """A point of a zone, row by row; the distance is its z, in mm, and c tells several sensors apart."""
        key = (row.get("c", row.get("frame")),)
        done = self._ended_zones() if self._zone_key not in (None, key) else []
        place = len(self._zones)
        return [*done, *self._zone_line(place, {"distances": row["z"]}, "mm", key)]

    def _zone_line(
        self,
        zone: int,
        found: dict[str, float],
        unit: LengthUnit | None,
        key: tuple[object, ...] | None,
        time: float | None = None,
        time_unit: str | None = None,
    ) -> list[RawFrame]:
        done = self._ended_zones() if zone in self._zones or (self._zones and key != self._zone_key) else []
        if not 0 <= zone < max(_COUNTS):
            return [*done, *self._fault(f"zone {zone}, expected 0 to {max(_COUNTS) - 1}")]
        if "status" in found and not _are_states([found["status"]]):
            return [*done, *self._fault("a status that is no number from 0 to 255")]
        self._zones[zone] = {**found, **({} if time is None else {"time": time})}
        self._zone_key, self._zone_unit, self._zone_time_unit = key, unit, time_unit
        return [*done, *(self._ended_zones() if len(self._zones) == max(_COUNTS) else [])]

    def _ended_zones(self) -> list[RawFrame]:
        zones, self._zones, self._zone_key = self._zones, {}, None
        if not zones:
            return []
        if sorted(zones) != list(range(len(zones))) or len(zones) not in _COUNTS:
            return self._fault(f"a frame of {len(zones)} zones, expected 16 or 64")
        names = [name for name in zones[0] if all(name in zone for zone in zones.values())]
        columns = {name: [zones[place][name] for place in range(len(zones))] for name in names}
        time = columns.pop("time")[0] if "time" in columns else None
        distances = columns.pop("distances", [])
        unit = self._zone_unit
        return [RawFrame(distances, columns, unit, time, self._zone_time_unit, self._number)]

    def _column(self, names: tuple[str, ...]) -> int | None:
        words = [word for name in names for word in _KEYS[name]]
        return next((place for place, word in enumerate(self._heading or []) if word in words), None)

    def _distance_unit(self) -> LengthUnit | None:
        place = self._column(("distances",))
        return None if place is None else _unit_of((self._heading or [])[place])

    def _time(self, values: _Numbers) -> tuple[float | None, str | None]:
        for word, value in zip(self._heading or [], values, strict=True):
            match = _TIMES.match(word)
            if match is not None and isfinite(value):
                return value, _time_unit_of(word)
        return None, None

    def _json(self, text: str) -> list[RawFrame]:
        try:
            record = json.loads(text)
        except ValueError:
            return self._fault(f"{text[:40]!r} is no whole JSON object")
        return self.take(record)

    def take(self, record: Any) -> list[RawFrame]:  # noqa: ANN401 - what JSON holds
        """Takes a JSON object that is decoded already.

        Args:
            record: With distances under a usual name, or in `v`, where `t` is microseconds.
        """
        if not isinstance(record, dict):
            return self._fault("no JSON object")
        found = cast("dict[str, Any]", record)
        inner = found.get("v")
        if isinstance(inner, dict):
            found = {**cast("dict[str, Any]", inner), "timestamp_us": found.get("t")}
        lower: dict[str, Any] = {key.lower(): value for key, value in found.items()}
        name = next((key for key in _KEYS["distances"] if key in lower), None)
        if name is None:
            return []  # a header, or a record of another sensor
        distances = _listed(lower[name])
        if distances is None or len(distances) not in _COUNTS:
            count = "no list" if distances is None else f"{len(distances)} distances"
            return self._fault(f"{count}, expected 16 or 64")
        layers: dict[str, _Numbers] = {}
        for layer in ("status", "sigma", "reflectance", "ambient", "targets"):
            key = next((key for key in _KEYS[layer] if key in lower), None)
            values = None if key is None else _listed(lower[key])
            if values is not None and len(values) != len(distances):
                return self._fault(f"{len(values)} values of {key}, expected {len(distances)}")
            if values is not None:
                layers[layer] = values
        if "status" in layers and not _are_states(layers["status"]):
            return self._fault("a status that is no number from 0 to 255")
        clocks = [(float(value), _time_unit_of(key)) for key, value in lower.items() if _is_clock(key, value)]
        time, time_unit = clocks[0] if clocks else (None, None)
        return [RawFrame(distances, layers, _unit_of(name), time, time_unit, self._number)]


def _is_clock(key: str, value: Any) -> bool:  # noqa: ANN401 - what JSON holds
    return _TIMES.match(key) is not None and _is_real(value)


def _time_unit_of(word: str) -> str | None:
    match = _TIMES.match(word)
    if match is None:
        return None
    return {"millis": "ms", "micros": "us"}.get(word.lower(), match[1].lower() if match[1] else None)


def seconds_of(unit: str) -> float:
    """Seconds that one s, ms, us or ns stands for."""
    return _SECONDS[unit]


def _unit_of(word: str) -> LengthUnit | None:
    return next((unit for unit in UNIT_M if word == unit or word.endswith(f"_{unit}")), None)


def _listed(value: object) -> _Numbers | None:
    """Numbers of a list, or of a list of rows; None becomes NaN."""
    if not isinstance(value, list):
        return None
    flat: _Numbers = []
    for each in cast("list[object]", value):
        if isinstance(each, list):
            inner = _listed(cast("list[object]", each))
            if inner is None:
                return None
            flat += inner
        else:
            flat.append(float(cast("float", each)) if _is_real(each) else float("nan"))
    return flat


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_states(values: Sequence[float]) -> bool:
    return all(isfinite(value) and 0 <= value <= 255 and value == round(value) for value in values)


def _is_word(cell: str) -> bool:
    return bool(cell) and not isfinite(_number(cell)) and cell.lower() not in ("nan", "x", "-", "inf")


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
