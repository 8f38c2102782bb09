"""`leadline eval video`: steadiness and accuracy of depth over clips, steadied and frame by frame."""

import json as json_text
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from leadline.apps.cli.batch import say
from leadline.apps.cli.eval import scene_progress
from leadline.io.atomic import atomic_write
from leadline.loading import load_model
from leadline.maps import DepthMap
from leadline.protocols.video.clips import Clip, ClipScores, find_clip, first_frames, score_clip
from leadline.runtime.mono import DEFAULT_MONO_MODEL, MonoMethod
from leadline.runtime.steady import SteadyDepth, SteadyOptions
from leadline.samples import DepthSample

_WIDTH: Final = 100


def video_eval(
    clips: list[Path],
    /,
    *,
    models: str = DEFAULT_MONO_MODEL,
    frames: int | None = None,
    depth_unit: str | None = None,
    max_depth: float = 80.0,
    window: int = SteadyOptions.window,
    overlap: int = SteadyOptions.overlap,
    keep: float = SteadyOptions.keep,
    threads: int | None = None,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Score depth over clips: each model frame by frame, and steadied as `leadline video` does.

    One scale and one shift make a whole clip metric. AbsRel and delta1 are means over frames; TAE says how far depth
    moves away from what the camera's true motion makes of it; OPW is its mean change along the optical flow.

    Args:
        clips: Folders with images/, depth/ (16-bit PNG, 0 unknown), K.txt, and poses/ or poses.txt for TAE.
        models: As for `leadline mono`, separated by commas.
        frames: Only so many frames from the start of each clip.
        depth_unit: As for `leadline eval mono`.
        max_depth: Truth beyond does not count, metres.
        window: As for `leadline video`.
        overlap: As for `leadline video`.
        keep: As for `leadline video`.
        threads: Threads to use; all processors if absent.
        json: File for the report.
    """
    found = [first_frames(find_clip(clip, depth_unit), frames) for clip in clips]
    say(f"note: {note}" for clip in found for note in clip.notes)
    methods = {name: load_model(name, "mono", threads=threads) for name in models.split(",")}
    options = SteadyOptions(window=window, overlap=overlap, keep=keep)
    rows = list[dict[str, Any]]()
    with scene_progress() as progress:
        task = progress.add_task("evaluating clips", total=len(found) * len(methods))
        for clip in found:
            samples = [files.load() for files in clip.files]
            for name, method in methods.items():
                rows += _rows(clip, samples, name, method, options, max_depth)
                progress.advance(task)
    _print(rows)
    if json is not None:
        with atomic_write(json) as stream:
            stream.write((json_text.dumps({"options": asdict(options), "scores": rows}, indent=1) + "\n").encode())


def _rows(
    clip: Clip,
    samples: list[DepthSample],
    name: str,
    method: MonoMethod,
    options: SteadyOptions,
    max_depth_m: float,
) -> Iterator[dict[str, Any]]:
    spent = list[float]()

    def timed(image: Any) -> DepthMap:  # noqa: ANN401 - an image
        start = time.perf_counter()
        depth = method(image)
        spent.append(time.perf_counter() - start)
        return depth

    start = time.perf_counter()
    found = list(SteadyDepth(timed, options).steady(sample.image for sample in samples))
    seconds = time.perf_counter() - start
    for mode, maps, total in (
        ("frame by frame", [frame.raw for frame in found], sum(spent)),
        ("steadied", [frame.depth for frame in found], seconds),
    ):
        scores: ClipScores = score_clip(clip, samples, [m for m in maps if isinstance(m, DepthMap)], max_depth_m)
        told = {"clip": clip.name, "frames": len(samples), "model": name, "mode": mode}
        yield {**told, **asdict(scores), "seconds_per_frame": total / len(samples)}


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("clip", "model", "mode", "AbsRel", "delta1 %", "TAE x100", "OPW %", "s a frame")
    for row in rows:
        tae = "-" if row["tae"] is None else f"{100 * row['tae']:.2f}"
        scores = (f"{row['abs_rel']:.4f}", f"{100 * row['delta1']:.1f}", tae, f"{100 * row['opw']:.2f}")
        table.add_row(row["clip"], row["model"], row["mode"], *scores, f"{row['seconds_per_frame']:.3f}")
    Console(width=max(Console().width, _WIDTH)).print(table)
    print(
        "One scale and shift a clip, least squares in inverse depth; OPW of ln depth along DIS flow; TAE without a test"
    )
    print("for occlusion, as published.")
