"""`leadline simulate`: robots that avoid obstacles in simulated worlds, by sensor and policy."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from leadline.apps.cli.batch import say
from leadline.apps.cli.eval import scene_progress
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.io.film_writing import can_write_films
from leadline.loading import load_model
from leadline.results.request import SUMMARY_FILE
from leadline.results.simulation import (
    RUNS_FILE,
    SETTINGS_FILE,
    Settings,
    kept_flights,
    named_methods,
    run_flights,
    summarize_flights,
)
from leadline.results.simulation_page import CHART_FILE, PAGE_FILE, Film, film_run, worst_runs, write_page
from leadline.results.stereo import refuse_existing, remove_files, versions, write_json
from leadline.robotics.simulation.learned_eye import LoopErrors

if TYPE_CHECKING:
    from leadline.data.synthetic.flight_worlds import FlightCameras

_FUSED_NOTE = (
    "fused: learned depth is simulated by a model of its error (a smooth factor of 12 %, no sight of glass), not by a "
    "network on rendered images"
)


def simulate(
    *,
    worlds: int = 40,
    seed: int = 0,
    sensor: str = "tof,fused,stereo,oracle",
    policy: str = "straight,avoid",
    robot: Literal["quadrotor", "ground"] = "quadrotor",
    speed: float = 1.0,
    rate: float = 15.0,
    latency: float = 0.08,
    longest: float = 30.0,
    camera_rate: float = 15.0,
    films: int = 2,
    output: Path = Path("leadline-simulation"),
    json: Annotated[Path | None, Parameter(name="--json")] = None,
    overwrite: bool = False,
) -> None:
    """Robots that avoid obstacles in simulated worlds: how often they collide, by sensor and policy.

    Worlds are seeded: poles, rooms, corridors, doors, walking people and glass take turns, each with a way of at
    least 0.7 m to a goal 10 m ahead. Every method flies through the same worlds, with the same wind. Flights that the
    output folder has from a run of the same settings are kept: an interrupted run goes on, and more worlds can be
    added.

    The output folder gets index.html with films of the worst flights (leadline[video]), collisions.png, runs.csv,
    settings.json and summary.json.

    Args:
        worlds: How many.
        seed: Of the worlds.
        sensor: tof (8x8 zones), fused (zones and learned depth, by a model of its error), network (zones and
            leadline-mono on rendered images: 0.15 s of a core an image), stereo, oracle (perfect depth); separated by
            commas.
        policy: straight (whatever is in the way; flown once, without a sensor), avoid; separated by commas.
        robot: A quadrotor with attitude lag and wind, or a ground robot that cannot move sideways.
        speed: Fastest speed, m/s.
        rate: Frames a second.
        latency: From light on the sensor until the command is taken, seconds.
        longest: Seconds after which a flight ends.
        camera_rate: Images a second of the camera of fused and network.
        films: Worst flights of each sensor that are shown.
        output: Output folder.
        json: File for the summary alone.
        overwrite: Delete the flights that the output folder has.
    """
    if not 0 <= films <= 100:
        raise InputError(f"expected from 0 to 100 films, got {films}")
    methods = named_methods(sensor, policy)
    settings = Settings(seed, speed, rate, latency, robot, longest, camera_rate)
    if json is not None:
        refuse_existing(json.parent, [json.name], overwrite)
    make_output_folder(output)
    if overwrite:
        remove_files(output, (SUMMARY_FILE, RUNS_FILE, SETTINGS_FILE, PAGE_FILE, CHART_FILE))
    kept_flights(worlds, settings, output)
    errors = LoopErrors()
    with scene_progress() as progress:
        task = progress.add_task("flying", total=worlds * len(methods))
        runs = run_flights(
            worlds, methods, settings, output, lambda count: progress.advance(task, count), _cameras(errors)
        )
        shown = worst_runs(runs, films)
        filming = progress.add_task("filming", total=len(shown))
        shots: list[Film] = []
        for run in shown:
            shots.append(film_run(run, settings, output, _cameras(LoopErrors())))
            progress.advance(filming)
    rows = summarize_flights(runs, methods)
    notes = [_FUSED_NOTE] if any(row["sensor"] == "fused" for row in rows) else []
    if errors.images:
        notes.append(f"network: {errors.line()}")
    if shown and not can_write_films():
        notes.append("films need PyAV: pip install 'leadline[video]'; last images are shown instead")
    write_page(output, rows, shots, settings, notes)
    summary = {"settings": settings.__dict__, "methods": rows, "notes": notes, "versions": versions()}
    write_json(output / SUMMARY_FILE, summary)
    if json is not None:
        write_json(json, summary)
    _print(rows)
    say(f"note: {note}" for note in notes)
    print(f"{output}: {PAGE_FILE}, {CHART_FILE}, {RUNS_FILE}, {SUMMARY_FILE}")


def _cameras(errors: LoopErrors) -> Callable[[Sequence[int]], "FlightCameras"]:
    """What makes cameras with leadline-mono for numbers of worlds; the network is loaded when the first is made."""

    def make(numbers: Sequence[int]) -> "FlightCameras":
        from leadline.data.synthetic.flight_worlds import FlightCameras  # Embree and textures, for this sensor only

        return FlightCameras(numbers, load_model("leadline-mono", "mono", threads=1), errors)

    return make


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(title=f"Flights in {rows[0]['worlds']} worlds")
    for head in (
        "sensor",
        "policy",
        "collided",
        "95 % interval",
        "reached",
        "out of time",
        "path m",
        "speed m/s",
        "blind",
    ):
        table.add_column(head, justify="left" if head in ("sensor", "policy") else "right", no_wrap=True)
    for row in rows:
        means = ["-" if row[name] is None else f"{row[name]:.2f}" for name in ("path_m", "speed_m_s")]
        interval = f"{100 * row['collision_low']:.1f} to {100 * row['collision_high']:.1f} %"
        counts = [str(row["reached"]), str(row["out_of_time"])]
        rate, blind = f"{100 * row['collision_rate']:.1f} %", f"{100 * row['blind_share']:.1f} %"
        table.add_row(row["sensor"], row["policy"], rate, interval, *counts, *means, blind)
    Console(width=max(Console().width, 110)).print(table)
