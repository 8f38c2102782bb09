"""Render many pairs or single images into shards or scene folders, with several workers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.data.engine import Engine, run_tasks
from leadline.data.flow.shards import write_flow_shard
from leadline.data.mono.shards import write_depth_shard
from leadline.data.stereo.scenes import write_stereo_scene
from leadline.data.stereo.shards import write_stereo_shard
from leadline.data.synthetic.flow import render_flow
from leadline.data.synthetic.mono import render_mono
from leadline.data.synthetic.moving_worlds import MovingWorlds
from leadline.data.synthetic.stereo import RenderedRig, Worlds, render_stereo
from leadline.data.synthetic.video import Objects, Views, render_video
from leadline.data.video.shards import FIRST_FRAME, SequenceShards, write_sequence_shard
from leadline.errors import InputError, OutputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.atomic import make_output_folder
from leadline.io.shards import ShardReader
from leadline.samples import DepthSample, FlowSample, SequenceSample, StereoSample

_FIRST_IMAGES: Final = ("left.png", "image.png", "first.png", FIRST_FRAME)
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
    sequence: "Sequences | None" = None


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """What sequences of frames show.

    Args:
        frames: How many frames each has.
        objects: Whether bodies move by themselves.
        views: Whether there is a right view of each frame.
    """

    frames: int = 3
    objects: Objects = "still"
    views: Views = "mono"


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
    worlds: MovingWorlds = "first",
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
        worlds: Which set of worlds the pairs are drawn from.
        engine: Where the workers are, as for `run_tasks`.
    Returns:
        All shards, finished before or now.
    Raises:
        OutputError: If the folder cannot be written.
        InputError: If a shard of an earlier run is damaged or of another size.
    """
    tasks = _shard_tasks("flow", count, seed, output, size, shard_size, sensor, worlds)
    _run(_render_flow_shard, _unfinished(tasks), workers, engine, count, "rendering frames")
    return [task.path for task in tasks]


def generate_video(
    count: int,
    seed: int,
    output: Path | str,
    sequence: Sequences,
    workers: int = 2,
    size: tuple[int, int] = (160, 480),
    shard_size: int = 50,
    sensor: bool = True,
    engine: Engine = "processes",
) -> list[Path]:
    """Render ``count`` sequences of frames; finished shards are kept, as by ``generate_stereo``.

    Args:
        count: How many sequences.
        seed: Seed of the first sequence; the others follow one by one.
        output: Folder for the shards.
        sequence: What they show.
        workers: How many shards are rendered at once, each by one process; 0 renders in this one.
        size: Height and width.
        shard_size: Sequences a shard.
        sensor: Whether to add the faults of real cameras.
        engine: Where the workers are, as for `run_tasks`.
    Returns:
        All shards, finished before or now.
    Raises:
        OutputError: If the folder cannot be written.
        InputError: If a shard of an earlier run is damaged, of another size, or shows other sequences.
    """
    tasks = _shard_tasks("video", count, seed, output, size, shard_size, sensor, sequence=sequence)
    _run(_render_video_shard, _unfinished(tasks), workers, engine, count, "rendering sequences")
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
    sequence: Sequences | None = None,
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
            sequence,
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
            if task.sequence is not None:
                _require_sequence(task.path, task.sequence)
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


def _require_sequence(path: Path, wanted: Sequences) -> None:
    """Refuses sequences of an earlier run that show something else than this one's."""
    shards = SequenceShards([path])
    sample, objects = shards[0], shards.notes(0).get("objects")
    came = (len(sample.frames), objects, "stereo" if sample.rights else "mono")
    if came != (wanted.frames, wanted.objects, wanted.views):
        raise InputError(
            f"expected {wanted.frames} frames, objects {wanted.objects}, views {wanted.views} in {path} of an earlier "
            f"run, got {came[0]}, {came[1]}, {came[2]}; choose another output folder, or delete it"
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
        yield sample, rig.notes()


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
        sample, _, notes = render_flow(seed, task.size, task.sensor, "further" if task.worlds == "further" else "first")
        yield sample, asdict(notes)


def _render_video_shard(task: _Task) -> _Task:
    write_sequence_shard(task.path, _sequences(task))
    return task


def _sequences(task: _Task) -> Iterator[tuple[SequenceSample, dict[str, object]]]:
    wanted = task.sequence
    assert wanted is not None, "tasks of sequences say what they show"
    for seed in range(task.first, task.first + task.count):
        sample, notes = render_video(seed, task.size, wanted.frames, wanted.objects, wanted.views, task.sensor)
        yield sample, asdict(notes)


def _render_scene(task: _Task) -> _Task:
    sample, rig = render_stereo(task.first, task.size, task.sensor, worlds=task.worlds)
    write_stereo_scene(task.path, sample, _cameras(rig, task.size))
    return task


def _cameras(rig: RenderedRig, size: tuple[int, int]) -> StereoRig:
    camera = Pinhole(rig.focal_px, rig.focal_px, *rig.centre_px, *size)
    return StereoRig(camera, camera, rig.baseline_m)
