"""Simulated flights as the command line runs them: many worlds, several sensors, resumable, with a summary."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from leadline.errors import InputError, OutputError
from leadline.io.atomic import atomic_write
from leadline.io.files import read_bytes
from leadline.metrics.proportion import wilson_interval
from leadline.results.stereo import write_json
from leadline.robotics.limits import RobotLimits
from leadline.robotics.simulation.flights import EYES, Flight, FlightRules, fly
from leadline.robotics.simulation.learned_eye import ImageDepth
from leadline.robotics.simulation.robots import Quadrotor
from leadline.robotics.simulation.worlds import make_world

RUNS_FILE: Final = "runs.csv"
SETTINGS_FILE: Final = "settings.json"
NETWORK: Final = "network"
"""The sensor with a network in the loop."""
_AT_ONCE: Final = 24
_LARGEST: Final = 100_000
BLIND_POLICY: Final = "straight"
"""The policy for which sensors do not matter; it is flown once."""


@dataclass(frozen=True)
class Settings:
    """What a set of flights has in common; flights of other settings are not mixed with them.

    Args:
        seed: Of the worlds, and of wind and noise in them.
        speed_m_s: Fastest speed.
        rate_hz: Frames a second.
        latency_s: From light on the sensor until the command is taken.
        robot: quadrotor or ground.
        longest_s: After which a flight ends.
        camera_hz: Images a second of the camera of fused and network.
    Raises:
        InputError: If there is no such robot, or a number is out of range.
    """

    seed: int = 0
    speed_m_s: float = 1.0
    rate_hz: float = 15.0
    latency_s: float = 0.08
    robot: str = "quadrotor"
    longest_s: float = 30.0
    camera_hz: float = 15.0

    def __post_init__(self) -> None:
        """Refuses what cannot be flown."""
        if self.robot not in ("quadrotor", "ground"):
            raise InputError(f"expected a robot out of quadrotor, ground, got {self.robot!r}")
        if self.seed < 0:
            raise InputError(f"expected a seed of 0 or more, got {self.seed}")
        if not 1.0 <= self.rate_hz <= 100.0:
            raise InputError(f"expected a rate from 1 to 100 frames a second, got {self.rate_hz:g}")
        self.rules("tof", "avoid")

    def rules(self, sensor: str, policy: str) -> FlightRules:
        """Rules of the flights with one sensor and policy.

        Args:
            sensor: As of `FlightRules`.
            policy: Likewise.
        """
        ground = self.robot == "ground"
        # The policy counts on the delay of the sensor, one frame, and the lag of the robot.
        delay = self.latency_s + 1.0 / self.rate_hz + 0.15
        limits = RobotLimits(speed_m_s=self.speed_m_s, latency_s=delay, sideways=not ground)
        return FlightRules(
            sensor, policy, limits, Quadrotor(ground=ground), self.rate_hz, self.latency_s,
            self.longest_s, self.seed, self.camera_hz,
        )  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One flight of a set, as a row of runs.csv.

    Args:
        sensor: none for flying straight.
        policy: straight or avoid.
        world: Number of the world.
        family: Its kind.
        outcome: reached, collided or out of time.
        time_s: Until then.
        path_m: Length of the way.
        speed_m_s: Mean speed.
        nearest_m: Least distance of the body from anything.
        blind_share: Share of the frames in which nothing was seen.
    """

    sensor: str
    policy: str
    world: int
    family: str
    outcome: str
    time_s: float
    path_m: float
    speed_m_s: float
    nearest_m: float
    blind_share: float


def named_methods(sensors: str, policies: str) -> list[tuple[str, str]]:
    """Pairs of sensor and policy from lists with commas; flying straight comes once, without a sensor.

    Args:
        sensors: Out of tof, fused, network, stereo, oracle.
        policies: Out of straight, avoid.
    Raises:
        InputError: If there is another name, or none.

    >>> named_methods("tof,oracle", "straight,avoid")
    [('none', 'straight'), ('tof', 'avoid'), ('oracle', 'avoid')]
    """
    asked = [
        list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip())) for text in (sensors, policies)
    ]
    for names, known, what in zip(asked, (tuple(EYES), ("straight", "avoid")), ("sensor", "policy"), strict=True):
        wrong = [name for name in names if name not in known]
        if wrong or not names:
            raise InputError(f"expected a {what} out of {', '.join(known)}, got {', '.join(wrong) or 'none'}")
    straight = [("none", BLIND_POLICY)] if BLIND_POLICY in asked[1] else []
    return [*straight, *((sensor, "avoid") for sensor in asked[0] if "avoid" in asked[1])]


def run_flights(
    worlds: int,
    methods: Sequence[tuple[str, str]],
    settings: Settings,
    folder: Path,
    flown: Callable[[int], None] = lambda _: None,
    depth: Callable[[Sequence[int]], ImageDepth] | None = None,
) -> list[Run]:
    """Flies every method through every world, except for flights that the folder has, and keeps its runs.csv.

    Args:
        worlds: How many.
        methods: As of `named_methods`.
        settings: Of all flights.
        folder: Exists; it has no runs of other settings.
        flown: Called with the number of flights that were done.
        depth: Makes cameras and network for numbers of worlds, for the sensor network.
    Returns:
        The flights that were asked for, by method and world.
    Raises:
        InputError: If the number of worlds is out of range, or runs.csv is no such file.
        OutputError: If the folder has runs of other settings, or cannot be written.
    """
    done = kept_flights(worlds, settings, folder)
    write_json(folder / SETTINGS_FILE, asdict(settings))
    for sensor, policy in methods:
        missing = [number for number in range(worlds) if (sensor, policy, number) not in done]
        flown(worlds - len(missing))
        for start in range(0, len(missing), _AT_ONCE):
            numbers = missing[start : start + _AT_ONCE]
            rules = settings.rules("oracle" if sensor == "none" else sensor, policy)
            cameras = depth(numbers) if depth is not None and sensor == NETWORK else None
            worlds_now = [make_world(settings.seed, number) for number in numbers]
            for flight in fly(worlds_now, numbers, rules, depth=cameras):
                done[sensor, policy, flight.world] = _row(sensor, policy, flight)
            _write_runs(folder / RUNS_FILE, sorted(done.values(), key=lambda run: (run.sensor, run.policy, run.world)))
            flown(len(numbers))
    return [done[sensor, policy, number] for sensor, policy in methods for number in range(worlds)]


def summarize_flights(runs: Sequence[Run], methods: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Rates and means of each method.

    Args:
        runs: As of `run_flights`.
        methods: Likewise.
    """
    rows: list[dict[str, Any]] = []
    for sensor, policy in methods:
        own = [run for run in runs if (run.sensor, run.policy) == (sensor, policy)]
        arrived = [run for run in own if run.outcome == "reached"]
        counts = {name: sum(run.outcome == name for run in own) for name in ("reached", "collided", "out of time")}
        low, high = wilson_interval(counts["collided"], len(own))
        by_family: dict[str, list[Run]] = {}
        for run in own:
            by_family.setdefault(run.family, []).append(run)
        rows.append(
            {
                "sensor": sensor,
                "policy": policy,
                "worlds": len(own),
                **{name.replace(" ", "_"): count for name, count in counts.items()},
                "collision_rate": counts["collided"] / len(own),
                "collision_low": low,
                "collision_high": high,
                "path_m": float(np.mean([run.path_m for run in arrived])) if arrived else None,
                "time_s": float(np.mean([run.time_s for run in arrived])) if arrived else None,
                "speed_m_s": float(np.mean([run.speed_m_s for run in arrived])) if arrived else None,
                "blind_share": float(np.mean([run.blind_share for run in own])),
                "collided_by_family": {
                    family: [sum(run.outcome == "collided" for run in some), len(some)]
                    for family, some in by_family.items()
                },
            }
        )
    return rows


def _row(sensor: str, policy: str, flight: Flight) -> Run:
    numbers = {name: round(getattr(flight, name), 4) for name in ("time_s", "path_m", "speed_m_s", "nearest_m")}
    share = round(flight.blind_share, 4)
    return Run(sensor, policy, flight.world, flight.family, flight.outcome, **numbers, blind_share=share)


def kept_flights(worlds: int, settings: Settings, folder: Path) -> dict[tuple[str, str, int], Run]:
    """Flights that a folder has from an earlier run of the same settings, by sensor, policy and world.

    Args:
        worlds: How many are asked for.
        settings: Of the new run.
        folder: Of both.
    Raises:
        InputError: As for `run_flights`.
        OutputError: If the folder has runs of other settings.
    """
    if not 1 <= worlds <= _LARGEST:
        raise InputError(f"expected from 1 to {_LARGEST} worlds, got {worlds}")
    known = folder / SETTINGS_FILE
    if not known.exists():
        return {}
    try:
        before: object = json.loads(read_bytes(known, "settings"))
    except ValueError:
        before = None
    if before != asdict(settings):
        raise OutputError(
            f"expected an output folder without flights of other settings, got {known}; choose another output folder, "
            "or overwrite them"
        )
    path = folder / RUNS_FILE
    if not path.exists():
        return {}
    rows = csv.DictReader(io.StringIO(read_bytes(path, "a table of flights").decode(errors="replace")))
    found: dict[tuple[str, str, int], Run] = {}
    for number, row in enumerate(rows, start=2):
        run = _read_row(row)
        if run is None:
            raise InputError(f"expected a flight on line {number} of {path}, got something else; delete the file")
        found[run.sensor, run.policy, run.world] = run
    return found


def _read_row(row: Mapping[str, str | None]) -> Run | None:
    try:
        run = Run(**{field.name: cast("Any", field.type)(row[field.name]) for field in fields(Run)})
    except (KeyError, TypeError, ValueError):
        return None
    return replace(run, world=int(run.world))


def _write_runs(path: Path, runs: Sequence[Run]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(Run)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(run) for run in runs)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
