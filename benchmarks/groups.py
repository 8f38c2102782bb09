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
OFFICIAL = "Middlebury official"
BY_OTHERS = "rendered by others"
GROUPS = (
    "Motorcycle",
    OFFICIAL,
    APPROXIMATE,
    "KITTI 2012",
    "KITTI 2015",
    "ETH3D",
    "other exposure",
    BY_OTHERS,
    "rendered",
)
RENDERED = (BY_OTHERS, "rendered")
"""Groups that are never averaged with real ones."""
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
    found = [files for folder in folders for files in find_scenes(folder)]
    names = {files.name for files in found}
    for files in found:
        if files.truth is None:
            print(f"left out: {files.name} (no truth)")
        elif f"{files.name}_third" in names and _group(files) == APPROXIMATE:
            print(f"left out: {files.name} ({files.name}_third has the official truth)")
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
    notes = json.loads(about.read_text()) if about.is_file() else {}
    if notes.get("group") == "synthetic by others":
        return BY_OTHERS
    data_set = str(notes.get("dataset", ""))
    for start, group in (("ETH3D", "ETH3D"), ("KITTI 2015", "KITTI 2015"), ("MiddEval3", "other exposure")):
        if data_set.startswith(start):
            return group
    return APPROXIMATE if notes.get("truth", "").startswith("approximate") else OFFICIAL
