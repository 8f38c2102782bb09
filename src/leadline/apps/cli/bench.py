"""`leadline bench`: seconds, memory and work of every method, side by side."""

import json as json_module
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import cv2
import numpy as np
from cyclopts import Parameter
from jaxtyping import UInt8
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from leadline.apps.cli.sizes import parse_size
from leadline.apps.cli.sources import zoo_options
from leadline.classical import MATCHERS
from leadline.classical.flow import FLOW_METHODS
from leadline.errors import InputError, LeadlineError
from leadline.io.atomic import atomic_write
from leadline.loading import is_own, known_models, load_model
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.runtime.card import bundled_cards
from leadline.runtime.onnx_session import default_threads
from leadline.runtime.pyramid import WHOLE_PX
from leadline.tasks import Task, find_task

Image = UInt8[np.ndarray, "_ _ 3"]

_REST_S: Final = 0.05
"""Pause before each timed run: threads of torch and OpenMP wait actively for a while after theirs."""
_MAX_DISPARITY_PX: Final = 96
_CARD_AREA_PX: Final = 640 * 480
_PRODUCT_SIDE: Final = 2048


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A method to be measured, not loaded yet.

    Args:
        name: As for `load_model`.
        task: Likewise.
        options: Likewise.
    """

    name: str
    task: str
    options: Mapping[str, Any]

    def load(self) -> Callable[..., object]:
        """The method."""
        return load_model(self.name, self.task, **self.options)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Settings that all methods share.

    Args:
        max_disparity: Largest disparity that is looked for, px; None for a task without.
        threads: Threads that a method may use.
        repeats: Timed runs of each method, after a first one that is not counted.
    Raises:
        InputError: If there is no repeat.
    """

    max_disparity: int | None
    threads: int
    repeats: int

    def __post_init__(self) -> None:
        """Refuses to measure nothing."""
        if self.repeats < 1:
            raise InputError(f"expected --repeats of at least 1, got {self.repeats}")


@dataclass(frozen=True)
class BenchRow:
    """One method on one size.

    Args:
        model: The method.
        height: Rows of the images.
        width: Columns of the images.
        max_disparity: Largest disparity that was looked for, px; None for single images.
        threads: Threads that it might use.
        seconds_median: Of a warm run.
        seconds_spread: Between the first and the third quartile of the runs.
        peak_mb: Largest resident memory of a process that loads the method and runs it twice, in 1e6 bytes.
        gflop: Work of a run in 1e9 operations, if the method is a network that needs a single pass.
    """

    model: str
    height: int
    width: int
    max_disparity: int | None
    threads: int
    seconds_median: float
    seconds_spread: float
    peak_mb: float
    gflop: float | None


def stereo_bench(
    *,
    sizes: str = "741x500,640x480",
    models: str | None = None,
    max_disparity: int | None = None,
    threads: int | None = None,
    repeats: int = 9,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Seconds, memory and work of every bundled network and classical matcher on one real pair.

    The methods take turns within one run, each after a warm-up, so that they share whatever else the machine does.
    Memory is measured in a process of its own for each.

    Args:
        sizes: WIDTHxHEIGHT of the pair (Middlebury's Motorcycle, resized); several are separated by commas.
        models: Methods, separated by commas, FILE.onnx@CARD for a network of other people; every bundled network and
            classical matcher if absent.
        max_disparity: Largest disparity to look for, px; 96 if absent, or the choice of a method of yours.
        threads: Threads to use; all processors if absent.
        repeats: Timed runs of each method.
        json: File for the rows, as a list.
    """
    reach = _MAX_DISPARITY_PX if max_disparity is None else max_disparity
    used = default_threads() if threads is None else threads
    conditions = Conditions(max_disparity=reach, threads=used, repeats=repeats)
    candidates = [
        Candidate(name=name, task="stereo", options=_given(threads, max_disparity if is_own(name) else reach))
        for name in _names(models, "stereo")
    ]
    _report(measure(candidates, _sizes(sizes), conditions), repeats, json)


def mono_bench(
    *,
    sizes: str = "640x480",
    models: str | None = None,
    source: list[str] | None = None,
    accept_licence: bool = False,
    threads: int | None = None,
    repeats: int = 9,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Seconds, memory and work of every bundled network for single images on one real image.

    The methods take turns within one run, each after a warm-up, so that they share whatever else the machine does.
    Memory is measured in a process of its own for each.

    Args:
        sizes: WIDTHxHEIGHT of the image (Middlebury's Motorcycle, left view, resized); several are separated by
            commas.
        models: Bundled networks, ONNX files of ours, card files (.yaml) of other ONNX networks, or networks of the zoo
            (leadline[zoo]), separated by commas; every bundled network if absent.
        source: Folder with the files of the zoo network; NAME=FOLDER, once for each, if there are several; from the hub
            or its cache if absent.
        accept_licence: Accept the licences of zoo networks, where they restrict their use.
        threads: Threads to use; all processors if absent.
        repeats: Timed runs of each method.
        json: File for the rows, as a list.
    """
    names = _names(models, "mono")
    if not names:
        raise InputError("expected a bundled network for single images, got none; name an ONNX file with --models")
    used = default_threads() if threads is None else threads
    conditions = Conditions(max_disparity=None, threads=used, repeats=repeats)
    zoo = zoo_options(names, source or (), accept_licence)
    candidates = [Candidate(name=name, task="mono", options={**_given(threads), **zoo[name]}) for name in names]
    _report(measure(candidates, _sizes(sizes), conditions), repeats, json)


def flow_bench(
    *,
    sizes: str = "640x480",
    models: str | None = None,
    threads: int | None = None,
    repeats: int = 9,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Seconds, memory and work of every bundled network and classical method for optical flow on one real pair.

    The methods take turns within one run, each after a warm-up, so that they share whatever else the machine does.
    Memory is measured in a process of its own for each.

    Args:
        sizes: WIDTHxHEIGHT of the frames (both views of Middlebury's Motorcycle, resized); several are separated by
            commas.
        models: Methods, separated by commas; every bundled network and classical method if absent.
        threads: Threads to use; all processors if absent.
        repeats: Timed runs of each method.
        json: File for the rows, as a list.
    """
    used = default_threads() if threads is None else threads
    conditions = Conditions(max_disparity=None, threads=used, repeats=repeats)
    candidates = [Candidate(name=name, task="flow", options=_given(threads)) for name in _names(models, "flow")]
    _report(measure(candidates, _sizes(sizes), conditions), repeats, json)


def _names(models: str | None, task: str) -> list[str]:
    """The methods that are named, or every bundled network and classical matcher."""
    if models is not None:
        return [name.strip() for name in models.split(",")]
    return [name for name in known_models(task) if name in bundled_cards() or name in (*MATCHERS, *FLOW_METHODS)]


def _sizes(sizes: str) -> list[tuple[int, int]]:
    return [parse_size(size) for size in sizes.split(",")]


def _given(threads: int | None, max_disparity: int | None = None) -> dict[str, Any]:
    options = {"threads": threads, "max_disparity": max_disparity}
    return {name: value for name, value in options.items() if value is not None}


def _report(rows: Sequence[BenchRow], repeats: int, json: Path | None) -> None:
    Console().print(_table(rows, repeats))
    if json is None:
        return
    shown = [asdict(row) for row in rows]
    for row in shown:
        if row["max_disparity"] is None:
            del row["max_disparity"]
    with atomic_write(json) as stream:
        stream.write((json_module.dumps(shown, indent=1) + "\n").encode())


def measure(
    candidates: Sequence[Candidate], sizes: Sequence[tuple[int, int]], conditions: Conditions
) -> list[BenchRow]:
    """One row for each method and size; the methods take turns.

    Args:
        candidates: The methods, all for one task.
        sizes: Heights and widths.
        conditions: What is the same for all of them.
    Raises:
        InputError: If there is no such method.
    """
    scene, _ = motorcycle()
    views = (scene.left, scene.right)[: find_task(candidates[0].task).images]
    rows: list[BenchRow] = []
    with Progress(*Progress.get_default_columns()[:2], MofNCompleteColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("measuring", total=len(sizes) * len(candidates) * 2)
        for height, width in sizes:
            images = [_resized(view, height, width) for view in views]
            methods = {candidate.name: candidate.load() for candidate in candidates}
            seconds = _interleaved_seconds(methods, images, conditions.repeats)
            progress.advance(bar, len(candidates))
            for candidate in candidates:
                peak_mb = _peak_mb_of_child(candidate, images)
                rows.append(_row(candidate, (height, width), conditions, seconds[candidate.name], peak_mb))
                progress.advance(bar)
    return rows


def _resized(image: Image, height: int, width: int) -> Image:
    shrinks = height * width < image.shape[0] * image.shape[1]
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def _interleaved_seconds(
    methods: Mapping[str, Callable[..., object]], images: Sequence[Image], repeats: int
) -> dict[str, list[float]]:
    """Seconds of each method's runs; the methods take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(repeats + 1):
        for name, method in methods.items():
            time.sleep(_REST_S)
            start = time.perf_counter()
            method(*images)
            if turn > 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _row(
    candidate: Candidate, size: tuple[int, int], conditions: Conditions, seconds: list[float], peak_mb: float
) -> BenchRow:
    first, third = np.percentile(seconds, (25, 75))
    return BenchRow(
        model=candidate.name,
        height=size[0],
        width=size[1],
        max_disparity=conditions.max_disparity,
        threads=conditions.threads,
        seconds_median=statistics.median(seconds),
        seconds_spread=float(third - first),
        peak_mb=peak_mb,
        gflop=network_gflop(find_task(candidate.task), candidate.name, *size, conditions.max_disparity),
    )


def network_gflop(task: Task, name: str, height: int, width: int, max_disparity: int | None = None) -> float | None:
    """Work of a bundled network on an image, from its card.

    It grows with the area. A network that resizes images to a size of its own does its card's work, but for the
    image's shape.

    Returns:
        1e9 operations; None if the method is no bundled network, or runs it more than once (tiles, pyramid).
    """
    card = bundled_cards(task.name).get(name)
    if card is None:
        return None
    if task.fixed_size:
        return card.gflop
    too_far = max_disparity is not None and max_disparity > card.max_disparity
    if too_far or height * width * card.enlarge**2 > WHOLE_PX:
        return None
    return card.gflop * height * width / _CARD_AREA_PX


def _peak_mb_of_child(candidate: Candidate, images: Sequence[Image]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "images.npy"
        np.save(stored, np.stack(images))
        code = f"from {__name__} import peak_mb; import sys; print(peak_mb(*sys.argv[1:]))"
        words = [sys.executable, "-c", code, str(stored), json_module.dumps(asdict(candidate), default=str)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise LeadlineError(
            f"expected a run of {candidate.name} in a process of its own, got: {reason}; free some memory"
        )
    return float(done.stdout)


def peak_mb(stored: str, candidate: str) -> float:
    """Largest resident memory of this process after it has run a method twice, in 1e6 bytes; a child calls it.

    Args:
        stored: A .npy file with its images.
        candidate: The method: a `Candidate` in JSON.
    """
    images = np.load(stored)
    method = Candidate(**json_module.loads(candidate)).load()
    for _ in range(2):
        method(*images)
    return largest_memory_mb()


def largest_memory_mb() -> float:
    """Largest resident memory of this process so far, in 1e6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux's ru_maxrss would start from the size of the process that started this one.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 1e6 if sys.platform == "darwin" else largest * 1024 / 1e6


def _table(rows: Sequence[BenchRow], repeats: int) -> Table:
    reach = "" if rows[0].max_disparity is None else f", disparities up to {rows[0].max_disparity} px"
    table = Table(
        title=f"Motorcycle, {rows[0].threads} threads{reach}, {repeats} runs",
        caption=f"float32 matrix product of numpy ({_PRODUCT_SIDE} squared): {product_gflop_per_s():.0f} GFLOP/s; "
        "spread: between the quartiles",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("model", no_wrap=True)
    for label in ("size", "s median", "s spread", "peak MB", "GFLOP", "GFLOP/s"):
        table.add_column(label, justify="right")
    for row in rows:
        rate = None if row.gflop is None else row.gflop / row.seconds_median
        table.add_row(
            row.model,
            f"{row.width}x{row.height}",
            f"{row.seconds_median:.4f}",
            f"{row.seconds_spread:.4f}",
            f"{row.peak_mb:.0f}",
            "-" if row.gflop is None else f"{row.gflop:.1f}",
            "-" if rate is None else f"{rate:.0f}",
        )
    return table


def product_gflop_per_s() -> float:
    """Arithmetic rate of this machine: a float32 matrix product, 1e9 operations a second."""
    matrix = np.random.default_rng(0).random((_PRODUCT_SIDE, _PRODUCT_SIDE), dtype=np.float32)
    seconds: list[float] = []
    for _ in range(4):
        start = time.perf_counter()
        _ = matrix @ matrix
        seconds.append(time.perf_counter() - start)
    return 2 * _PRODUCT_SIDE**3 / 1e9 / statistics.median(seconds[1:])
