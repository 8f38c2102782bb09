"""Render many pairs or single images into shards or scene folders, with several workers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.data.engine import Engine, run_tasks
from leadline.data.flow.shards import write_flow_shard
from leadline.data.mono.shards import write_depth_shard
from leadline.data.stereo.scenes import write_stereo_scene
from leadline.data.stereo.shards import write_stereo_shard
from leadline.data.synthetic.flow import render_flow
from leadline.data.synthetic.mono import render_mono
from leadline.data.synthetic.stereo import RenderedRig, Worlds, render_stereo
from leadline.errors import InputError, OutputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.atomic import make_output_folder
from leadline.io.shards import ShardReader
from leadline.samples import DepthSample, FlowSample, StereoSample
from leadline.visual.colormap import plasma
from leadline.visual.flow import colour_scale, flow_colours
from leadline.visual.sheet import Panel, sheet

_FIRST_IMAGES: Final = ("left.png", "image.png", "first.png")
_HIDDEN_RGB: Final = (220, 60, 60)
_MOVING_RGB: Final = (60, 200, 60)
_SCENE_FILES: Final = ("im0.png", "im1.png", "disp0.pfm", "calib.txt")


@dataclass(frozen=True)
class _Task:
    """Pairs or images that become one shard, or one pair that becomes a scene folder."""

    path: Path
    first: int
    count: int
    size: tuple[int, int]
    sensor: bool
    worlds: Worlds = "first"


def generate_stereo(
    count: int,
    seed: int,
    output: Path | str,
    workers: int = 2,
    size: tuple[int, int] = (320, 640),
    shard_size: int = 100,
    sensor: bool = True,
    worlds: Worlds = "first",
    engine: Engine = "processes",
) -> list[Path]:
    """Render ``count`` pairs; finished shards are kept, so an interrupted run goes on where it stopped.

    Args:
        count: How many pairs.
        seed: Seed of the first pair; the others follow one by one.
        output: Folder for the shards.
        workers: How many shards are rendered at once, each by one process; 0 renders in this one.
        size: Height and width.
        shard_size: Pairs a shard.
        sensor: Whether to add the faults of real cameras.
        worlds: Which set of worlds the scenes are drawn from.
        engine: Where the workers are, as for `run_tasks`.
    Returns:
        All shards, finished before or now.
    Raises:
        OutputError: If the folder cannot be written.
        InputError: If a shard of an earlier run is damaged or of another size.
    """
    tasks = _shard_tasks("stereo", count, seed, output, size, shard_size, sensor, worlds)
    _run(_render_shard, _unfinished(tasks), workers, engine, count, "rendering pairs")
    return [task.path for task in tasks]


def generate_mono(
    count: int,
    seed: int,
    output: Path | str,
    workers: int = 2,
    size: tuple[int, int] = (288, 384),
    shard_size: int = 100,
    sensor: bool = True,
    engine: Engine = "processes",
) -> list[Path]:
    """Render ``count`` images with metric depth; finished shards are kept, as by ``generate_stereo``.

    Args:
        count: How many images.
        seed: Seed of the first image; the others follow one by one.
        output: Folder for the shards.
        workers: How many shards are rendered at once, each by one process; 0 renders in this one.
        size: Height and width.
        shard_size: Images a shard.
        sensor: Whether to add the faults of real cameras.
        engine: Where the workers are, as for `run_tasks`.
    Returns:
        All shards, finished before or now.
    Raises:
        OutputError: If the folder cannot be written.
        InputError: If a shard of an earlier run is damaged or of another size.
    """
    tasks = _shard_tasks("mono", count, seed, output, size, shard_size, sensor)
    _run(_render_mono_shard, _unfinished(tasks), workers, engine, count, "rendering images")
    return [task.path for task in tasks]


def generate_flow(
    count: int,
    seed: int,
    output: Path | str,
    workers: int = 2,
    size: tuple[int, int] = (320, 640),
    shard_size: int = 100,
    sensor: bool = True,
    engine: Engine = "processes",
) -> list[Path]:
    """Render ``count`` pairs of frames with motion; finished shards are kept, as by ``generate_stereo``.

    Args:
        count: How many pairs.
        seed: Seed of the first pair; the others follow one by one.
        output: Folder for the shards.
        workers: How many shards are rendered at once, each by one process; 0 renders in this one.
        size: Height and width.
        shard_size: Pairs a shard.
        sensor: Whether to add motion blur and the faults of real cameras.
        engine: Where the workers are, as for `run_tasks`.
    Returns:
        All shards, finished before or now.
    Raises:
        OutputError: If the folder cannot be written.
        InputError: If a shard of an earlier run is damaged or of another size.
    """
    tasks = _shard_tasks("flow", count, seed, output, size, shard_size, sensor)
    _run(_render_flow_shard, _unfinished(tasks), workers, engine, count, "rendering frames")
    return [task.path for task in tasks]


def _shard_tasks(
    stem: str,
    count: int,
    seed: int,
    output: Path | str,
    size: tuple[int, int],
    shard_size: int,
    sensor: bool,
    worlds: Worlds = "first",
) -> list[_Task]:
    folder = make_output_folder(output)
    return [
        _Task(
            folder / f"{stem}-{seed + start:08d}.tar",
            seed + start,
            min(shard_size, count - start),
            size,
            sensor,
            worlds,
        )
        for start in range(0, count, shard_size)
    ]


def _unfinished(tasks: Sequence[_Task]) -> list[_Task]:
    unfinished = list[_Task]()
    for task in tasks:
        reader = ShardReader([task.path]) if task.path.exists() else None
        if reader is not None and len(reader):
            name = next((one for one in _FIRST_IMAGES if one in reader.names(0)), None)
            if name is not None:
                _require_size(reader.read(0, [name])[name], task)
        # The last shard of a shorter run holds fewer samples.
        if reader is None or len(reader) != task.count:
            unfinished.append(task)
    return unfinished


def _unfinished_scenes(tasks: Sequence[_Task]) -> list[_Task]:
    for task in tasks:
        if not task.path.exists():
            continue
        if absent := [name for name in _SCENE_FILES if not (task.path / name).is_file()]:
            raise InputError(f"expected a whole scene in {task.path}, {absent[0]} is missing; delete the folder")
        _require_size((task.path / _SCENE_FILES[0]).read_bytes(), task)
    return [task for task in tasks if not task.path.exists()]


def _require_size(png: bytes, task: _Task) -> None:
    """Refuses what an earlier run rendered at another size; a PNG states width and height after 16 bytes."""
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    if (height, width) != task.size:
        raise InputError(
            f"expected {task.size[1]}x{task.size[0]} px in {task.path} of an earlier run, got {width}x{height}; choose "
            "another output folder, or delete it"
        )


def generate_stereo_scenes(
    count: int,
    seed: int,
    output: Path | str,
    workers: int = 2,
    size: tuple[int, int] = (320, 640),
    sensor: bool = True,
    worlds: Worlds = "first",
    engine: Engine = "processes",
) -> list[Path]:
    """Render ``count`` pairs into folders in Middlebury's layout, to evaluate on; finished ones are kept.

    Args:
        count: How many pairs.
        seed: Seed of the first pair; the others follow one by one.
        output: Folder for the scene folders, which are named by their seeds.
        workers: How many scenes are rendered at once, each by one process; 0 renders in this one.
        size: Height and width.
        sensor: Whether to add the faults of real cameras.
        worlds: Which set of worlds the scenes are drawn from.
        engine: Where the workers are, as for `run_tasks`.
    Returns:
        All scene folders, finished before or now.
    Raises:
        OutputError: If the folder cannot be written.
    """
    folder = make_output_folder(output)
    tasks = [_Task(folder / f"{one:08d}", one, 1, size, sensor, worlds) for one in range(seed, seed + count)]
    _run(_render_scene, _unfinished_scenes(tasks), workers, engine, count, "rendering pairs")
    return [task.path for task in tasks]


def _run(
    render: Callable[[_Task], _Task], tasks: Sequence[_Task], workers: int, engine: Engine, count: int, title: str
) -> None:
    if engine == "ray":  # whose workers are in other folders
        tasks = [replace(task, path=task.path.absolute()) for task in tasks]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        finished = count - sum(task.count for task in tasks)
        bar = progress.add_task(title, total=count, completed=finished)
        for task in run_tasks(render, tasks, workers, engine):
            if not task.path.exists():
                raise OutputError(
                    f"expected {task.path}, which a worker has written, got no such file here; choose another output "
                    "folder, on a disk that all machines of the cluster share"
                )
            progress.advance(bar, task.count)


def _render_shard(task: _Task) -> _Task:
    write_stereo_shard(task.path, _pairs(task))
    return task


def _pairs(task: _Task) -> Iterator[tuple[StereoSample, dict[str, object]]]:
    for seed in range(task.first, task.first + task.count):
        sample, rig = render_stereo(seed, task.size, task.sensor, worlds=task.worlds)
        yield sample, asdict(rig)


def _render_mono_shard(task: _Task) -> _Task:
    write_depth_shard(task.path, _images(task))
    return task


def _images(task: _Task) -> Iterator[tuple[DepthSample, dict[str, object]]]:
    for seed in range(task.first, task.first + task.count):
        sample, view = render_mono(seed, task.size, task.sensor)
        yield sample, asdict(view)


def _render_flow_shard(task: _Task) -> _Task:
    write_flow_shard(task.path, _frames(task))
    return task


def _frames(task: _Task) -> Iterator[tuple[FlowSample, dict[str, object]]]:
    for seed in range(task.first, task.first + task.count):
        sample, _, notes = render_flow(seed, task.size, task.sensor)
        yield sample, asdict(notes)


def _render_scene(task: _Task) -> _Task:
    sample, rig = render_stereo(task.first, task.size, task.sensor, worlds=task.worlds)
    write_stereo_scene(task.path, sample, _cameras(rig, task.size))
    return task


def _cameras(rig: RenderedRig, size: tuple[int, int]) -> StereoRig:
    camera = Pinhole(rig.focal_px, rig.focal_px, *rig.centre_px, *size)
    return StereoRig(camera, camera, rig.baseline_m)


def contact_sheet(
    seeds: Sequence[int], size: tuple[int, int] = (320, 640), sensor: bool = True, worlds: Worlds = "first"
) -> UInt8[np.ndarray, "h w 3"]:
    """Left, right, disparity and occlusion of some seeds, a row each."""
    rows: list[list[Panel]] = []
    for seed in seeds:
        sample, rig = render_stereo(seed, size, sensor, worlds=worlds)
        assert sample.occluded is not None, "the renderer knows it"
        hidden = np.repeat(sample.occluded[..., None].astype(np.uint8) * 255, 3, -1)
        top = float(np.quantile(sample.disparity, 0.995))
        rows.append(
            [
                Panel(f"{seed}, {rig.world}: left", sample.left, photo=True),
                Panel("right", sample.right, photo=True),
                Panel(f"disparity, up to {top:.0f} px", plasma(sample.disparity, sample.valid)),
                Panel("hidden from the right view (white)", hidden),
            ]
        )
    return sheet(rows, panel_width=min(size[1], 480))


def mono_contact_sheet(
    seeds: Sequence[int], size: tuple[int, int] = (288, 384), sensor: bool = True, across: int = 3
) -> UInt8[np.ndarray, "h w 3"]:
    """Images of some seeds, each beside its inverse depth (bright is near, black is unknown), some across."""
    panels: list[Panel] = []
    for seed in seeds:
        sample, view = render_mono(seed, size, sensor)
        inverse = np.where(sample.valid, 1.0 / np.where(sample.valid, sample.depth, 1.0), 0.0)
        near, far = np.quantile(sample.depth[sample.valid], [0.01, 0.99])
        panels.append(Panel(f"{seed}, {view.world}", sample.image, photo=True))
        panels.append(Panel(f"{near:.1f} to {far:.1f} m", plasma(inverse, sample.valid)))
    rows = [panels[i : i + 2 * across] for i in range(0, len(panels), 2 * across)]
    return sheet(rows, panel_width=min(size[1], 320))


def flow_contact_sheet(
    seeds: Sequence[int], size: tuple[int, int] = (320, 640), sensor: bool = True
) -> UInt8[np.ndarray, "h w 3"]:
    """Both frames, flow, and occlusion with what moves by itself, of some seeds, a row each."""
    rows: list[list[Panel]] = []
    for seed in seeds:
        sample, truth, notes = render_flow(seed, size, sensor)
        assert sample.truth is not None, "the renderer knows it"
        assert sample.occluded is not None, "the renderer knows it"
        scale = colour_scale(sample.truth)
        marks = np.where(truth.moving[0][..., None], _MOVING_RGB, sample.first // 3).astype(np.uint8)
        marks[sample.occluded] = _HIDDEN_RGB
        rows.append(
            [
                Panel(f"{seed}, {notes.world}, {notes.path}: first", sample.first, photo=True),
                Panel("second", sample.second, photo=True),
                Panel(f"flow, full colour at {scale:.0f} px", flow_colours(sample.truth, scale)),
                Panel("hidden in the second (red), moves by itself (green)", marks),
            ]
        )
    return sheet(rows, panel_width=min(size[1], 480))
