"""Logs of time-of-flight sensors: frames in the order of the file, and what is wrong with it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.known_depths import ZONES, LengthUnit, read_tof_zones
from leadline.io.npz import read_npz
from leadline.io.text import read_lines
from leadline.robotics.tof_frame import STATUS_CONFIDENCE, STATUS_WORDS, TofFrame
from leadline.robotics.tof_lines import TofLines
from leadline.robotics.tof_raw import RawFrame, seconds_of, split_targets

RATE_HZ: Final = 15.0
"""Rate of an 8x8 sensor, which a log without times is taken to have."""
_EXPECTED: Final = "a log of 8x8 or 4x4 time-of-flight frames"
_SHOWN: Final = 3
_LEFT_OUT: Final = 0.5
_MOST_SECONDS: Final = 5.0
_MOST_MS: Final = 5000.0
_SAME_TIME_S: Final = 0.1
_TORN: Final = 0.1
"""Share of frames of another size that are taken for torn lines."""
_LOST: Final = 0.01
"""Share of zones without a distance although their status is valid from which it is told."""


@dataclass(frozen=True, eq=False)
class TofLog:
    """Frames of a recording.

    Args:
        frames: In the order of the file, all of one size; at least one.
        notes: What a user must know: left-out lines, assumed units, faults of the clock, unknown statuses.
        timed: Whether the file has times; else they follow from 15 Hz.
        grid: Whether it is a bare grid of 8x8 numbers without anything else.
        stated: Whether the unit of the distances was said.
    """

    frames: Sequence[TofFrame]
    notes: tuple[str, ...] = ()
    timed: bool = True
    grid: bool = False
    stated: bool = True

    @property
    def rate_hz(self) -> float:
        """Frames per second from the median step of the clock; 0 for a single frame."""
        steps = np.diff([frame.time_s for frame in self.frames])
        steps = steps[steps > 0]
        return float(1.0 / np.median(steps)) if len(steps) else 0.0

    def turned(self, quarter_turns: int = 0, flip: bool = False) -> "TofLog":
        """The log of a sensor that is mounted otherwise, see `TofFrame.turned`."""
        if quarter_turns % 4 == 0 and not flip:
            return self
        return replace(self, frames=[frame.turned(quarter_turns, flip) for frame in self.frames])

    def at(self, time_s: float) -> int:
        """Number of the frame nearest to a time.

        Args:
            time_s: By the log's clock.
        Raises:
            InputError: If the clock went back, and the log has that time twice.
        """
        away = np.array([abs(frame.time_s - time_s) for frame in self.frames])
        found = int(away.argmin())
        near = self.near(found, 2.0 * _SAME_TIME_S)
        twice = np.flatnonzero(away <= max(_SAME_TIME_S, float(away.min())))
        if not all(near.start <= number < near.stop for number in twice.tolist()):
            raise InputError(
                f"expected a time that the log has once, got {time_s:g} s, which it has at frames {found} and "
                f"{int(twice[(twice < near.start) | (twice >= near.stop)][0])}, as its clock goes back; split the log"
            )
        return found

    def near(self, number: int, span_s: float) -> range:
        """Numbers of the frames around one, within half of a span of its time without a break.

        Args:
            number: Of the frame.
            span_s: Seconds.
        """
        number %= len(self.frames)
        time = self.frames[number].time_s
        first = last = number
        while first > 0 and abs(self.frames[first - 1].time_s - time) <= span_s / 2.0:
            first -= 1
        while last + 1 < len(self.frames) and abs(self.frames[last + 1].time_s - time) <= span_s / 2.0:
            last += 1
        return range(first, last + 1)

    def around(self, time_s: float, span_s: float) -> list[TofFrame]:
        """Frames within half of a span of a time, the nearest one at least.

        Args:
            time_s: By the log's clock.
            span_s: Seconds.
        Raises:
            InputError: As for `at`.
        """
        middle = self.at(time_s)
        near = [self.frames[i] for i in self.near(middle, 2.0 * span_s)]
        return [frame for frame in near if abs(frame.time_s - time_s) <= span_s / 2.0] or [self.frames[middle]]


def read_tof_log(path: Path | str, unit: LengthUnit | None = None) -> TofLog:
    r"""Frames of a log, by what is in the file: see `TofLines` for lines; also JSON arrays and .npz archives.

    An .npz archive has t_ms, mm, targets and status, each with the frames as its first axis; mm and status may have the
    targets of a zone as their last. Millimetres are assumed
    where nothing says the unit and the median number is above 10; a bare grid of 8x8 numbers is in metres unless the
    caller says otherwise.

    Args:
        path: The file.
        unit: Of the distances, where the caller knows it.
    Raises:
        InputError: If it is missing, holds no frame, most of its lines are unusable, the frames' sizes differ, or a
            stated unit contradicts the file's.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lines = [f"{i / 10}," + ",".join(["1500"] * 64) for i in range(3)]
        ...     written = Path(folder, "log.csv").write_text("\n".join(lines))
        ...     log = read_tof_log(f"{folder}/log.csv")
        >>> len(log.frames), round(log.rate_hz, 3), float(log.frames[0].distances_m[0, 0])
        (3, 10.0, 1.5)
    """
    if Path(path).suffix.lower() == ".npz":
        return _from_archive(path)
    raws, faults, bare = _read(path)
    if bare:
        metres = read_tof_zones(path, unit or "m")
        frame = TofFrame.from_status(np.nan_to_num(metres), np.where(np.isnan(metres), 255, 5))
        return TofLog([frame], (), timed=False, grid=True, stated=unit is not None)
    if not raws:
        shown = "; ".join(f"line {number}: {words}" for number, words in faults[:_SHOWN]) or "no numbers"
        raise InputError(
            f"expected {_EXPECTED}, got none in {path} ({shown}); see docs/tof.md for the forms that are read"
        )
    if len(faults) > len(raws) and len(faults) > _LEFT_OUT * (len(raws) + len(faults)):
        number, words = faults[0]
        raise InputError(
            f"expected {_EXPECTED}, got {len(faults)} unusable lines and {len(raws)} frames in {path} (line {number}: "
            f"{words}); record it again"
        )
    return _log(path, raws, faults, unit)


def _read(path: Path | str) -> tuple[list[RawFrame], list[tuple[int, str]], bool]:
    """Raw frames, faults, and whether the file is a bare grid of 8x8 numbers, which has its own reader."""
    lines = TofLines()
    text = read_bytes(path, _EXPECTED)[:4096].lstrip()
    if text.startswith(b"["):
        return _from_json(path, lines)
    rows = read_lines(path, _EXPECTED)
    raws: list[RawFrame] = []
    for row in rows:
        raws += lines.feed(row)
    raws += lines.close()
    used = [row for row in rows if row.strip() and not row.lstrip().startswith("#")]
    plain = all(_is_plain(row) for row in used)
    bare = (
        len(used) == ZONES
        and len(raws) == 1
        and plain
        and len(raws[0].distances) == ZONES * ZONES
        and not raws[0].layers
    )
    torn = not raws and plain and 1 < len(used) <= ZONES + 1
    return raws, lines.faults, bare or torn


def _is_plain(row: str) -> bool:
    return all(letter in '0123456789.,;+-eE \t"naifNAIF\r' for letter in row)


def _from_json(path: Path | str, lines: TofLines) -> tuple[list[RawFrame], list[tuple[int, str]], bool]:
    try:
        records = json.loads(read_bytes(path, _EXPECTED))
    except ValueError as error:
        raise InputError(f"expected {_EXPECTED}, got damaged JSON in {path}: {error}; record it again") from None
    raws: list[RawFrame] = []
    for record in cast("list[Any]", records):
        raws += lines.take(record)
    return raws, lines.faults, False


def _log(
    path: Path | str, raws: Sequence[RawFrame], faults: Sequence[tuple[int, str]], unit: LengthUnit | None
) -> TofLog:
    raws, torn = _of_one_size(path, raws)
    faults = [*faults, *torn]
    said: LengthUnit | None = next((raw.unit for raw in raws if raw.unit is not None), None)
    if unit is not None and said is not None and unit != said:
        raise InputError(f"expected distances in {unit} as asked for, got {said} in {path}; correct one")
    guesses: list[LengthUnit] = [raw.guessed_unit() for raw in raws]
    chosen: LengthUnit = unit or said or ("mm" if 2 * guesses.count("mm") >= len(guesses) else "m")
    metres = sum(raw.is_in_metres() for raw in raws)
    if chosen != "m" and unit is None and said is None and metres:
        raise InputError(
            f"expected distances in one unit, got {metres} frames that look like metres among {len(raws)} in {path}, "
            "the others like millimetres; split the log, or give the unit"
        )
    times, timed, notes = _times(path, raws)
    frames = [raw.frame(chosen, time) for raw, time in zip(raws, times, strict=True)]
    notes = [*_left_out(path, faults), *notes, *_odd_states(path, frames), *_lost_zones(path, frames, chosen)]
    if unit is None and said is None:
        notes.append(f"{path}: no unit is stated, its distances are taken for {_NAMES[chosen]}")
    if all(frame.blind for frame in frames):
        notes.append(f"warning: {path}: no zone of any frame has a distance: the sensor is blind")
    return TofLog(frames, tuple(notes), timed, stated=unit is not None or said is not None)


_NAMES: Final[Mapping[LengthUnit, str]] = {"m": "metres", "cm": "centimetres", "mm": "millimetres"}


def _of_one_size(path: Path | str, raws: Sequence[RawFrame]) -> tuple[Sequence[RawFrame], Sequence[tuple[int, str]]]:
    """Frames without the few of another size, which are torn lines."""
    sizes = Counter(len(raw.distances) for raw in raws)
    usual, count = sizes.most_common(1)[0]
    if len(raws) - count > _TORN * len(raws):
        counts = " and ".join(f"{count} of {size} zones" for size, count in sizes.items())
        raise InputError(f"expected frames of one size, got {counts} in {path}; split the log")
    torn = [
        (raw.line, f"{len(raw.distances)} zones among frames of {usual}") for raw in raws if len(raw.distances) != usual
    ]
    return [raw for raw in raws if len(raw.distances) == usual], torn


def _left_out(path: Path | str, faults: Sequence[tuple[int, str]]) -> list[str]:
    if not faults:
        return []
    shown = "; ".join(f"line {number}: {words}" for number, words in faults[:_SHOWN])
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return [f"warning: {path}: left out {len(faults)} unusable line{'s' * (len(faults) > 1)} ({shown}{more})"]


def _odd_states(path: Path | str, frames: Sequence[TofFrame]) -> list[str]:
    states = Counter(int(state) for frame in frames for state in frame.status.ravel())
    odd = {state: count for state, count in sorted(states.items()) if state not in STATUS_WORDS}
    if not odd:
        return []
    listed = ", ".join(f"{state} ({count} zones)" for state, count in odd.items())
    return [f"warning: {path}: statuses that the manual does not know count as invalid: {listed}"]


def _lost_zones(path: Path | str, frames: Sequence[TofFrame], unit: LengthUnit) -> list[str]:
    """A warning of zones whose status is valid and whose distance is none: another unit, or damage."""
    good = [np.isin(frame.status, list(STATUS_CONFIDENCE)) for frame in frames]
    lost = sum(int((mask & ~frame.valid).sum()) for mask, frame in zip(good, frames, strict=True))
    every = sum(int(mask.sum()) for mask in good)
    if not lost or lost <= _LOST * every:
        return []
    return [
        f"warning: {path}: {lost} of {every} zones with a valid status have no distance above 0 and up to 10 m in "
        f"{_NAMES[unit]}, and count as invalid; is that the unit?"
    ]


def _times(path: Path | str, raws: Sequence[RawFrame]) -> tuple[list[float], bool, list[str]]:
    """Seconds of each frame, whether the file has them, and faults of its clock."""
    if any(raw.time is None for raw in raws):
        without = sum(raw.time is None for raw in raws)
        some = f"warning: {path}: {without} of {len(raws)} frames have no time"
        words = f"{path}: no times" if without == len(raws) else some
        notes = [] if len(raws) == 1 else [f"{words}: {RATE_HZ:g} frames per second are assumed"]
        return [i / RATE_HZ for i in range(len(raws))], False, notes
    written = np.array([raw.time for raw in raws], np.float64)
    unit = next((raw.time_unit for raw in raws if raw.time_unit is not None), None)
    notes: list[str] = []
    if unit is None and len(written) > 1:
        step = float(np.median(np.abs(np.diff(written))))
        unit = "s" if step <= _MOST_SECONDS else "ms" if step <= _MOST_MS else "us"
        if unit != "s":
            notes.append(f"{path}: no unit of the times is stated, they are taken for {unit}")
    seconds = written * seconds_of(unit or "s")
    return seconds.tolist(), True, [*notes, *clock_faults(path, seconds.tolist())]


def clock_faults(path: Path | str, times_s: Sequence[float]) -> list[str]:
    """What is wrong with a clock, in words: it goes backwards, stands, or misses frames.

    Args:
        path: Of the log, for the words.
        times_s: Of each frame.
    """
    steps = np.diff(np.asarray(times_s, np.float64))
    if len(steps) == 0:
        return []
    found: list[str] = []
    back, still = np.flatnonzero(steps < 0), int((steps == 0).sum())
    if len(back):
        first = int(back[0])
        found.append(
            f"warning: {path}: the clock goes backwards {len(back)} time{'s' * (len(back) > 1)}, first by "
            f"{-steps[first]:.3g} s at frame {first + 1}; was the board reset?"
        )
    if still:
        found.append(f"{path}: {still} frames have the time of the frame before")
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    gaps = int((steps > 3.5 * usual).sum()) if usual > 0 else 0
    if gaps:
        found.append(f"{path}: {gaps} gaps of more than three frames, the longest {float(steps.max()):.3g} s")
    return found


def _from_archive(path: Path | str) -> TofLog:
    found = read_npz(path, ("t_ms", "mm", "targets", "status"), "an .npz archive with t_ms, mm, targets and status")
    times, mm, targets, status = (np.asarray(found[name]) for name in ("t_ms", "mm", "targets", "status"))
    whole = mm.ndim in (3, 4) and mm.shape[1] == mm.shape[2] and mm.size > 0
    if not whole or times.shape != mm.shape[:1] or status.shape != mm.shape or targets.shape != mm.shape[:3]:
        shapes = ", ".join(f"{name} {np.shape(found[name])}" for name in ("t_ms", "mm", "targets", "status"))
        raise InputError(
            f"expected t_ms of n and mm, targets and status of n x 8 x 8 (mm and status x targets) in {path}, "
            f"got {shapes}"
        )
    raws: list[RawFrame] = []
    faults: list[tuple[int, str]] = []
    for i in range(len(mm)):
        raw = _raw_of_arrays(float(times[i]), mm[i], targets[i], status[i])
        words = raw.fault()
        raws += [] if words else [raw]
        faults += [(i, words)] if words else []
    if not raws:
        raise InputError(f"expected {_EXPECTED}, got none in {path} (frame {faults[0][0]}: {faults[0][1]})")
    return _log(path, raws, faults, None)


def _raw_of_arrays(time_ms: float, mm: np.ndarray, targets: np.ndarray, status: np.ndarray) -> RawFrame:
    zones = targets.size
    layers = split_targets("distances", mm.ravel().astype(np.float64).tolist(), zones)
    layers |= split_targets("status", status.ravel().astype(np.float64).tolist(), zones)
    layers["targets"] = targets.ravel().astype(np.float64).tolist()
    return RawFrame(layers.pop("distances"), layers, "mm", time_ms, "ms")
