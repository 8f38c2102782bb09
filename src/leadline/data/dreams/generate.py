"""Render many pairs into shards, with several processes."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.data.dreams.stereo import dream_stereo
from leadline.data.samples import StereoSample
from leadline.data.stereo_shards import write_stereo_shard

_Task = tuple[Path, int, int, tuple[int, int], bool]


def generate_stereo(
    count: int, seed: int, output: Path | str, workers: int = 2, size: tuple[int, int] = (320, 640),
    shard_size: int = 100, sensor: bool = True,
) -> list[Path]:
    """Render ``count`` pairs; finished shards are kept, so an interrupted run goes on where it stopped.

    Args:
        count: How many pairs.
        seed: Seed of the first pair; the others follow one by one.
        output: Folder for the shards.
        workers: How many processes; 0 renders in this one.
        size: Height and width.
        shard_size: Pairs a shard.
        sensor: Whether to add the faults of real cameras.
    Returns:
        All shards, finished before or now.
    """
    folder = Path(output)
    starts = range(0, count, shard_size)
    paths = [folder / f"stereo-{seed + s:08d}.tar" for s in starts]
    tasks: list[_Task] = [
        (p, seed + s, min(shard_size, count - s), size, sensor)
        for p, s in zip(paths, starts, strict=True)
        if not p.exists()
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("rendering pairs", total=count, completed=count - sum(t[2] for t in tasks))
        for done in _run(tasks, workers):
            progress.advance(bar, done)
    return paths


def _run(tasks: list[_Task], workers: int) -> Iterator[int]:
    if workers == 0:
        yield from map(_render_shard, tasks)
        return
    # Spawned, not forked: the progress display runs a thread.
    with multiprocessing.get_context("spawn").Pool(min(workers, max(len(tasks), 1))) as pool:
        yield from pool.imap_unordered(_render_shard, tasks)


def _render_shard(task: _Task) -> int:
    path, first, count, size, sensor = task
    cv2.setNumThreads(1)
    write_stereo_shard(path, _pairs(range(first, first + count), size, sensor))
    return count


def _pairs(seeds: range, size: tuple[int, int], sensor: bool) -> Iterator[tuple[str, StereoSample, dict[str, object]]]:
    for seed in seeds:
        sample, rig = dream_stereo(seed, size, sensor)
        yield f"{seed:08d}", sample, asdict(rig)


def contact_sheet(
    seeds: list[int], size: tuple[int, int] = (320, 640), sensor: bool = True
) -> UInt8[np.ndarray, "h w 3"]:
    """Left, right, disparity and occlusion of some seeds, a row each."""
    rows = []
    for seed in seeds:
        sample, rig = dream_stereo(seed, size, sensor)
        top = float(np.quantile(sample.disparity, 0.995))
        scaled = (np.clip(sample.disparity / max(top, 1e-3), 0, 1) * 255).astype(np.uint8)
        plasma = cv2.applyColorMap(scaled, cv2.COLORMAP_PLASMA)[..., ::-1].copy()
        title = f"{seed} {rig.world} {top:.0f}px"
        cv2.putText(plasma, title, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
        hidden = np.repeat(sample.occluded[..., None].astype(np.uint8) * 255, 3, -1)
        rows.append(np.concatenate([sample.left, sample.right, plasma, hidden], 1))
    return np.concatenate(rows)
