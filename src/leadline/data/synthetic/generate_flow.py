"""Render many pairs of frames of moving scenes into shards, with several processes."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from leadline.data.synthetic.flow import render_flow
from leadline.data.synthetic.generate import _run, _shard_tasks, _Task, _unfinished  # pyright: ignore[reportPrivateUsage]
from leadline.data.samples import FlowSample
from leadline.data.flow.shards import write_flow_shard


def generate_flow(
    count: int,
    seed: int,
    output: Path | str,
    workers: int = 2,
    size: tuple[int, int] = (320, 640),
    shard_size: int = 100,
    sensor: bool = True,
) -> list[Path]:
    """Render ``count`` pairs of frames; finished shards are kept, as by ``generate_stereo``.

    Args:
        count: How many pairs.
        seed: Seed of the first pair; the others follow one by one.
        output: Folder for the shards.
        workers: How many processes; 0 renders in this one.
        size: Height and width.
        shard_size: Pairs a shard.
        sensor: Whether to add motion blur and the faults of real cameras.
    Returns:
        All shards, finished before or now.
    Raises:
        OutputError: If the folder cannot be written.
        InputError: If a shard of an earlier run is damaged.
    """
    tasks = _shard_tasks("flow", count, seed, output, size, shard_size, sensor)
    _run(_render_shard, _unfinished(tasks), workers, count, "rendering frames")
    return [task.path for task in tasks]


def _render_shard(task: _Task) -> int:
    write_flow_shard(task.path, _samples(task))
    return task.count


def _samples(task: _Task) -> Iterator[tuple[str, FlowSample, dict[str, object]]]:
    for seed in range(task.first, task.first + task.count):
        sample, _, notes = render_flow(seed, task.size, task.sensor)
        yield f"{seed:08d}", sample, asdict(notes)
