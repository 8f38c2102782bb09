"""The page of a set of simulated flights: rates with intervals, collisions by kind of world, films of the worst."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from leadline.io.atomic import atomic_write
from leadline.io.film_writing import can_write_films, write_film
from leadline.io.images import write_image
from leadline.results.simulation import NETWORK, Run, Settings
from leadline.robotics.avoidance import Commands
from leadline.robotics.sight import Sight
from leadline.robotics.simulation.flights import Fleet, make_policy
from leadline.robotics.simulation.learned_eye import ImageDepth
from leadline.robotics.simulation.view import flight_frame, view_from_above
from leadline.robotics.simulation.worlds import FAMILIES, make_world
from leadline.visual.intervals import Interval, interval_chart

PAGE_FILE: Final = "index.html"
CHART_FILE: Final = "collisions.png"
_STYLE: Final = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}"
    "td,th{padding:.25em .7em;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}img,video{max-width:100%;border:1px solid #ddd}"
)


@dataclass(frozen=True)
class Film:
    """A flight that is shown.

    Args:
        run: Which.
        poster: File of its last image.
        film: File of the film; None where films cannot be written.
    """

    run: Run
    poster: str
    film: str | None


def worst_runs(runs: Sequence[Run], most: int) -> list[Run]:
    """Flights of avoiding robots to look at: of each sensor the fastest collisions, then those out of time.

    Args:
        runs: Of all methods.
        most: Of each sensor.
    Example:
        >>> worst_runs([], 3)
        []
    """
    found: list[Run] = []
    for sensor in dict.fromkeys(run.sensor for run in runs if run.policy == "avoid"):
        bad = [run for run in runs if (run.sensor, run.policy) == (sensor, "avoid") and run.outcome != "reached"]
        bad.sort(key=lambda run: (run.outcome != "collided", -run.speed_m_s, run.world))
        # Different kinds of worlds first.
        kinds = list(dict.fromkeys(run.family for run in bad))
        firsts = [next(run for run in bad if run.family == kind) for kind in kinds]
        found += [*firsts, *(run for run in bad if run not in firsts)][:most]
    return found


def film_run(
    run: Run, settings: Settings, folder: Path, depth: Callable[[Sequence[int]], ImageDepth] | None = None
) -> Film:
    """Flies once more and writes the film, and its last image; a flight is the same whenever it is flown.

    Args:
        run: Which flight.
        settings: Of the set.
        folder: Where the files go.
        depth: As for `run_flights`.
    """
    frames: list[UInt8[np.ndarray, "h w 3"]] = []
    rules = settings.rules("oracle" if run.sensor == "none" else run.sensor, run.policy)
    world = make_world(settings.seed, run.world)
    cameras = depth([run.world]) if depth is not None and run.sensor == NETWORK else None
    fleet, policy = Fleet.start([world], [run.world], rules, cameras), make_policy(rules, 1)

    def shoot(sight: Sight, commands: Commands, collided: bool) -> None:
        track = fleet.track(0)
        above = view_from_above(world, fleet.time_s, track, rules.limits.radius_m, run.sensor, collided)
        state = "collided" if collided else "blind: stops" if commands.blind[0] else ""
        ahead, left, turn = (float(each[0]) for each in (commands.ahead_m_s, commands.left_m_s, commands.turn_rad_s))
        caption = (
            f"world {run.world} ({run.family}), {run.sensor}, {fleet.time_s:5.2f} s: ahead {ahead:+.2f} "
            f"left {left:+.2f} m/s, turn {np.degrees(turn):+4.0f} deg/s  {state}"
        )
        frames.append(flight_frame(above, track[-1], sight, policy, 0, caption, run.sensor))

    while fleet.flying.any():
        sight, motion = fleet.observe()
        commands = policy.step(sight, motion)
        shoot(sight, commands, collided=False)
        fleet.advance(np.stack([commands.ahead_m_s, commands.left_m_s, commands.turn_rad_s], axis=1))
        if not fleet.flying.any():
            shoot(sight, commands, collided=bool(fleet.collided[0]))
    name = f"{run.sensor}_{run.policy}_{run.world:05d}"
    write_image(folder / f"{name}.png", frames[-1])
    if not can_write_films():
        return Film(run, f"{name}.png", None)
    write_film(folder / f"{name}.mp4", frames, [index / settings.rate_hz for index in range(len(frames))])
    return Film(run, f"{name}.png", f"{name}.mp4")


def write_page(
    folder: Path, rows: Sequence[Mapping[str, Any]], films: Sequence[Film], settings: Settings, notes: Sequence[str]
) -> None:
    """Writes the chart and the page.

    Args:
        folder: Where.
        rows: As of `summarize_flights`.
        films: Of the worst flights, in the same folder.
        settings: Of the set.
        notes: What a reader must know, one line each.
    Raises:
        OutputError: If they cannot be written.
    """
    chart = [
        Interval(
            f"{row['sensor']}, {row['policy']}", row["collision_rate"], row["collision_low"], row["collision_high"]
        )
        for row in rows
    ]
    title = f"Collisions in {rows[0]['worlds']} worlds (seed {settings.seed}), with 95 % intervals (Wilson)"
    write_image(folder / CHART_FILE, interval_chart(chart, title))
    parts = [
        f"<!doctype html><meta charset=utf-8><title>Simulated flights</title><style>{_STYLE}</style>",
        f"<h1>Simulated flights</h1><p>{rows[0]['worlds']} worlds, seed {settings.seed}; {settings.robot}, "
        f"{settings.speed_m_s:g} m/s, {settings.rate_hz:g} frames a second, "
        f"latency {1000 * settings.latency_s:.0f} ms.</p>",
        f"<p><img src={CHART_FILE} alt='collision rates'></p>",
        _table(_HEAD, [_cells(row) for row in rows]),
        "<h2>Collisions by kind of world</h2>",
        _table(("method", *FAMILIES), [_family_cells(row) for row in rows]),
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>",
        "<h2>The worst flights</h2><p>Red points are what the robot remembers, the wedge is its field of view, orange "
        "bodies walk, light blue is glass.</p>",
        *(_shown(film) for film in films),
    ]
    with atomic_write(folder / PAGE_FILE) as file:
        file.write("\n".join(parts).encode())


_HEAD: Final = (
    "method",
    "collided",
    "95 % interval",
    "reached",
    "out of time",
    "path m",
    "time s",
    "speed m/s",
    "blind",
)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    means = tuple("-" if row[name] is None else f"{row[name]:.2f}" for name in ("path_m", "time_s", "speed_m_s"))
    interval = f"{100 * row['collision_low']:.1f} to {100 * row['collision_high']:.1f} %"
    counts = (str(row["reached"]), str(row["out_of_time"]))
    name, rate = f"{row['sensor']}, {row['policy']}", f"{100 * row['collision_rate']:.1f} %"
    return (name, rate, interval, *counts, *means, f"{100 * row['blind_share']:.1f} %")


def _family_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    known = row["collided_by_family"]
    shares = tuple(f"{known[name][0]} of {known[name][1]}" if name in known else "-" for name in FAMILIES)
    return (f"{row['sensor']}, {row['policy']}", *shares)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return "<table>" + "".join(lines) + "</table>"


def _shown(film: Film) -> str:
    run = film.run
    words = escape(f"{run.sensor}, world {run.world} ({run.family}): {run.outcome} after {run.time_s:.1f} s")
    if film.film is None:
        return f"<h3>{words}</h3><img src={film.poster} alt='{words}'>"
    return f"<h3>{words}</h3><video controls loop muted preload=none poster={film.poster} src={film.film}></video>"
