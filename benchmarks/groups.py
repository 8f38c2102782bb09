"""The groups of scenes that the accuracy and the confidence benchmark score, and their progress bar."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from leadline.data.stereo.shards import StereoShards
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.protocols.stereo.scenes import SceneFiles, find_scenes
from leadline.samples import StereoSample

APPROXIMATE = "Middlebury approximate"
GROUPS = ("Motorcycle", "Middlebury official", APPROXIMATE, "KITTI 2012", "KITTI 2015", "rendered")
REMARKS = {APPROXIMATE: "the truth is hole-filled or quantised: errors below 4 px mean little"}

SceneLoader = Callable[[], StereoSample]


def find_groups(folders: list[Path], rendered: Path | None, pairs: int) -> dict[str, list[SceneLoader]]:
    """Scenes with truth by group, each loaded when called; says which groups and scenes are left out.

    Args:
        folders: As for `find_scenes`.
        rendered: Folder of shards.
        pairs: How many of its first pairs to take.
    """
    groups: dict[str, list[SceneLoader]] = {name: [] for name in GROUPS}
    groups["Motorcycle"].append(lambda: motorcycle()[0])
    for files in (files for folder in folders for files in find_scenes(folder)):
        if files.truth is None:
            print(f"left out: {files.name} (no truth)")
        else:
            groups[_group(files)].append(files.load)
    if rendered is not None:
        shards = StereoShards(rendered, right_truth=False)
        groups["rendered"] = [partial(shards.__getitem__, index) for index in range(min(pairs, len(shards)))]
    absent = [name for name, loaders in groups.items() if not loaders]
    if absent:
        print(f"left out: {', '.join(absent)} (no scenes given)")
    return {name: loaders for name, loaders in groups.items() if loaders}


def scene_progress() -> Progress:
    """A bar on standard error that counts scenes."""
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _group(files: SceneFiles) -> str:
    if files.layout == "kitti":
        return "KITTI 2015" if files.left.parent.name == "image_2" else "KITTI 2012"
    about = files.left.parent / "scene.json"
    truth = json.loads(about.read_text()).get("truth", "") if about.is_file() else ""
    return APPROXIMATE if truth.startswith("approximate") else "Middlebury official"
