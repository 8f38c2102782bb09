"""Lines that time-of-flight boards print and log, turned into frames: one parser for files and for serial ports."""

import json
import re
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, cast

from leadline.io.known_depths import LengthUnit
from leadline.robotics.tof_frame import NO_TARGET, SIZES
from leadline.robotics.tof_raw import COUNTS, KEYS, RawFrame, are_states, is_time, time_unit_of, unit_of
from leadline.robotics.tof_records import RecordFault, raw_of_record

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ZONE: Final = re.compile(r"Zone\s*:\s*(\d+)\s*,\s*Status\s*:\s*(\d+)\s*,\s*Distance\s*:\s*(-?\d+)\s*(mm)?", re.I)
_TARGETS: Final = re.compile(r"Zone\s+(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*,\s*\d+\s*,\s*Target\[")
_TARGET: Final = re.compile(r"Target\[\d\]\s*:\s*(\d+)\s*,\s*(-?\d+)\s*,\s*\d+\s*,\s*(\d+)")
_CELL: Final = re.compile(r"\|\s*(-?\d+|X)\s*:\s*(\d+|X)\s*(?=\|)", re.I)
_RULE: Final = re.compile(r"^[-\s]*-{8,}[-\s]*$")
_FORMAT: Final = re.compile(r"(Distance|Signal)\s*\[[^\]]*\]\s*:", re.I)
_SPLIT: Final = re.compile(r"\s*[;,\t]\s*|\s+")
_SEMICOLONS: Final = re.compile(r";")
_FLAT: Final = re.compile(
    r"^(d|dist|distance|zone|z|mm|range|s|st|status|target_status)[_\[ ]?(\d+)\]?(?:_?(mm|cm|m))?$", re.I
)

_Numbers = list[float]


@dataclass
class TofLines:
    """A parser that takes lines one by one; what it cannot use it lists as a fault, and goes on.

    It knows: grids of 4 or 8 rows (as SparkFun's examples print); a frame a line, of 16 or 64 distances, with a time
    before them, as many statuses after them, or a heading that says which is which; a zone a line with a heading;
    points x;y;z; ST's `Zone : 0, Status : 5, Distance : 1234 mm` and its lines of several targets; tables of cells
    `| distance : status |` whose legend says what the lines of a row are; and JSON objects (`raw_of_record`).

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
    _table: "_Table" = field(default_factory=lambda: _Table())

    @property
    def number(self) -> int:
        """Lines that were taken."""
        return self._number

    def feed(self, line: str) -> list[RawFrame]:
        """Takes a line.

        Args:
            line: Without its end.
        Returns:
            Frames that it completed: mostly none or one.
        """
        self._number += 1
        return self._sound(self._fed(line))

    def _fed(self, line: str) -> list[RawFrame]:
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
        if _TARGETS.search(text):
            return self._targets_line(text)
        if _RULE.match(text):
            self._table.begin_row()
            return []
        if _FORMAT.search(text):
            self._table.tell(text)
            return []
        cells = _CELL.findall(text)
        if cells:
            return self._table_row(cells)
        return self._numbers(text)

    def close(self) -> list[RawFrame]:
        """Frames that the end completes; a part of one is a fault."""
        return self._sound([*self._ended_grid(), *self._ended_zones()])

    def _sound(self, raws: list[RawFrame]) -> list[RawFrame]:
        """Frames of which nothing is wrong; the others are faults."""
        faults = {id(raw): raw.fault() for raw in raws}
        for words in filter(None, faults.values()):
            self._fault(words)
        return [raw for raw in raws if not faults[id(raw)]]

    def _fault(self, words: str) -> list[RawFrame]:
        self.faults.append((self._number, words))
        return []

    def _numbers(self, text: str) -> list[RawFrame]:
        separator = _SEMICOLONS if ";" in text else _SPLIT
        cells = [cell.strip().strip('"') for cell in separator.split(text)]
        if cells and cells[-1] == "" and len(cells) - 1 in (*SIZES, *COUNTS):
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
        for count in COUNTS:
            for timed in (0, 1):
                body = values[timed:]
                if len(body) == count:
                    return self._flat_frame(values[0] if timed else None, body, None)
                if len(body) == 2 * count:
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
        what = self._table.next_line()
        if what is None:
            return self._fault(
                "a second line of a row of cells, expected the legend (Cell Format) that says what it is"
            )
        if what == "signal":
            return []
        distances = [_number(distance) for distance, _ in cells]
        status = [float(NO_TARGET) if state.upper() == "X" else float(state) for _, state in cells]
        if what == "second":
            self._table.seconds += [(distances, status)]
            return self._ended_grid() if self._is_full() else []
        return self._row(distances, status)

    def _row(self, distances: _Numbers, status: _Numbers) -> list[RawFrame]:
        done: list[RawFrame] = []
        if self._grid and len(self._grid[0][0]) != len(distances):
            done = self._ended_grid()
        self._grid.append((distances, status))
        return [*done, *(self._ended_grid() if self._is_full() else [])]

    def _is_full(self) -> bool:
        """Whether all rows are there, and those of second targets where the legend tells of them."""
        whole = bool(self._grid) and len(self._grid) == len(self._grid[0][0])
        return whole and (not self._grid[0][1] or not self._table.has_seconds() or self._has_seconds())

    def _has_seconds(self) -> bool:
        return len(self._table.seconds) == len(self._grid)

    def _ended_grid(self) -> list[RawFrame]:
        rows, self._grid = self._grid, []
        seconds, self._table.seconds = self._table.seconds, []
        if not rows:
            return []
        width = len(rows[0][0])
        if len(rows) != width:
            return self._fault(f"a grid of {len(rows)} rows, expected {width} of {width} distances")
        distances, status = _chained(rows)
        layers = {"status": status} if len(status) == len(distances) else {}
        if len(seconds) == width:
            layers["second"], layers["second_status"] = _chained(seconds)
        # A table of cells is what ST's programs print, in millimetres.
        return [RawFrame(distances, layers, "mm" if layers else None, None, None, self._number)]

    def _under_heading(self, values: _Numbers) -> list[RawFrame]:
        heading = self._heading or []
        if len(values) != len(heading):
            return self._fault(f"{len(values)} columns, expected the {len(heading)} of the heading")
        time, time_unit = self._time(values)
        if sum(bool(_FLAT.match(word)) for word in heading) >= min(COUNTS):
            return self._flat_by_name(heading, values, time, time_unit)
        row = dict(zip(heading, values, strict=True))
        if "x" in row and "y" in row and "z" in row:
            return self._point(row)
        zone = row.get("zone", row.get("index", float("nan")))
        if not (isfinite(zone) and zone == round(zone)):
            return self._fault("no whole number as the zone")
        found: dict[str, float] = {}
        for name in KEYS:
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
        if len(distances) not in COUNTS or len(status) not in (0, len(distances)):
            return self._fault(f"{len(distances)} distances and {len(status)} statuses, expected 16 or 64")
        if status and not are_states(status):
            return self._fault("a status that is no number from 0 to 255")
        layers = {"status": status} if status else {}
        return [RawFrame(distances, layers, unit, time, time_unit, self._number)]

    def _targets_line(self, text: str) -> list[RawFrame]:
        """A zone with its targets, as ST's example of several targets prints it."""
        head, targets = _TARGETS.search(text), _TARGET.findall(text)
        if head is None or not targets:
            return self._fault(f"{text[:60]!r} is a torn line of a zone")
        found = {"targets": float(head[2]), "ambient": float(head[3])}
        for layer, place in (("status", 0), ("distances", 1), ("sigma", 2)):
            found[layer] = float(targets[0][place])
        if len(targets) > 1:
            found["second_status"], found["second"] = float(targets[1][0]), float(targets[1][1])
        return self._zone_line(int(head[1]), found, "mm", None)

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
        if not 0 <= zone < max(COUNTS):
            return [*done, *self._fault(f"zone {zone}, expected 0 to {max(COUNTS) - 1}")]
        if "status" in found and not are_states([found["status"]]):
            return [*done, *self._fault("a status that is no number from 0 to 255")]
        self._zones[zone] = {**found, **({} if time is None else {"time": time})}
        self._zone_key, self._zone_unit, self._zone_time_unit = key, unit, time_unit
        return [*done, *(self._ended_zones() if len(self._zones) == max(COUNTS) else [])]

    def _ended_zones(self) -> list[RawFrame]:
        zones, self._zones, self._zone_key = self._zones, {}, None
        if not zones:
            return []
        if sorted(zones) != list(range(len(zones))) or len(zones) not in COUNTS:
            return self._fault(f"a frame of {len(zones)} zones, expected 16 or 64")
        names = [name for name in zones[0] if all(name in zone for zone in zones.values())]
        columns = {name: [zones[place][name] for place in range(len(zones))] for name in names}
        time = columns.pop("time")[0] if "time" in columns else None
        distances = columns.pop("distances", [])
        unit = self._zone_unit
        return [RawFrame(distances, columns, unit, time, self._zone_time_unit, self._number)]

    def _column(self, names: tuple[str, ...]) -> int | None:
        words = [word for name in names for word in KEYS[name]]
        return next((place for place, word in enumerate(self._heading or []) if word in words), None)

    def _distance_unit(self) -> LengthUnit | None:
        place = self._column(("distances",))
        return None if place is None else unit_of((self._heading or [])[place])

    def _time(self, values: _Numbers) -> tuple[float | None, str | None]:
        for word, value in zip(self._heading or [], values, strict=True):
            if is_time(word):
                return value, time_unit_of(word)
        return None, None

    def _json(self, text: str) -> list[RawFrame]:
        try:
            record = json.loads(text)
        except ValueError:
            return self._fault(f"{text[:40]!r} is no whole JSON object")
        return self._record(record)

    def take(self, record: Any) -> list[RawFrame]:  # noqa: ANN401 - what JSON holds
        """Takes a JSON object that is decoded already; it counts as a line.

        Args:
            record: As of `raw_of_record`.
        """
        self._number += 1
        return self._sound(self._record(record))

    def _record(self, record: Any) -> list[RawFrame]:  # noqa: ANN401 - what JSON holds
        try:
            found = raw_of_record(record, self._number)
        except RecordFault as fault:
            return self._fault(str(fault))
        return [] if found is None else [found]


@dataclass
class _Table:
    """What the lines of a row of cells are, in ST's tables, by the legend above the table.

    Args:
        legend: What each line of a row is: distance, second, signal or other.
        line: Lines of this row so far.
        ruled: Whether rules part the rows.
        seconds: Distances and statuses of second targets, row by row.
    """

    legend: list[str] = field(default_factory=lambda: list[str]())
    line: int = 0
    ruled: bool = False
    seconds: list[tuple[_Numbers, _Numbers]] = field(default_factory=lambda: list[tuple[_Numbers, _Numbers]]())

    def tell(self, text: str) -> None:
        """Takes a line of the legend; one after a table begins a new legend."""
        if self.line:
            self.legend, self.line, self.ruled = [], 0, False
        if _FORMAT.findall(text)[0].lower() == "signal":
            self.legend.append("signal")
        else:
            known = sum(each != "signal" for each in self.legend)
            self.legend.append(("distance", "second")[known] if known < 2 else "signal")

    def begin_row(self) -> None:
        """Takes a rule."""
        self.line, self.ruled = 0, True

    def next_line(self) -> str | None:
        """What the next line of cells is; None where nothing says so."""
        legend, at = self.legend or ["distance"], self.line
        self.line += 1
        if not self.ruled:
            return legend[at % len(legend)]
        return legend[at] if at < len(legend) else None

    def has_seconds(self) -> bool:
        """Whether the legend tells of second targets."""
        return "second" in self.legend


def _chained(rows: list[tuple[_Numbers, _Numbers]]) -> tuple[_Numbers, _Numbers]:
    """Distances and statuses of all rows, one after the other."""
    return [value for row, _ in rows for value in row], [value for _, row in rows for value in row]


def _is_word(cell: str) -> bool:
    return bool(cell) and not isfinite(_number(cell)) and cell.lower() not in ("nan", "x", "-", "inf")


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
