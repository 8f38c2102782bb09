"""What `leadline adapt` is worth: the true error before and after, on scenes whose truth it never reads.

    python benchmarks/adaptation.py --scenes FOLDER --scenes KITTI

FOLDER holds scenes in Middlebury's layout: their images, and Motorcycle's, are what is adapted to. KITTI is a
development kit: its scenes are scored only, as its licence has it.
"""

import tempfile
from pathlib import Path

import cyclopts
import numpy as np
import torch
from groups import REMARKS, SceneLoader, find_groups, scene_progress
from rich.console import Console
from rich.table import Table

from leadline.io.images import write_image
from leadline.io.pair_files import search_pairs
from leadline.models.stereo import StereoInference
from leadline.training.stereo.adapt import AdaptOptions, adapt, load_trainable

ABOUT = "EPE in px, bad-2 in %: all pixels with truth, dense, at the images' size, mean over scenes."
BAD_PX = 2.0


def main(
    *,
    scenes: list[Path] | None = None,
    model: str = "leadline-fast",
    steps: int = AdaptOptions.steps,
    learning_rate: float = AdaptOptions.learning_rate,
    rehearsed: int = AdaptOptions.rehearsed,
    seed: int = AdaptOptions.seed,
) -> None:
    """Adapt, then score.

    Args:
        scenes: Folders of scenes.
        model: As for `leadline adapt`.
        steps: Likewise.
        learning_rate: Likewise.
        rehearsed: Likewise.
        seed: Likewise.
    """
    groups = find_groups(scenes or [], None, 0)
    old = load_trainable(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for group, loaders in groups.items():
            if not group.startswith("KITTI"):
                write_pairs(folder, loaders)
        options = AdaptOptions(steps=steps, learning_rate=learning_rate, rehearsed=rehearsed, seed=seed)
        adapted = adapt(old, search_pairs(folder).pairs, options, folder)
    print(f"unexplained: {adapted.before:.4f} before, {min(adapted.scores.values()):.4f} at best; {ABOUT}")
    table = Table("group", "EPE before", "after", "change", "bad-2 before", "after", "change")
    with scene_progress() as progress:
        for group, loaders in progress.track(groups.items(), description="scoring"):
            before, after = (errors(network, loaders) for network in (old, adapted.inference))
            numbers = [f"{b:.3f}|{a:.3f}|{100.0 * (a / b - 1.0):+.1f} %" for b, a in zip(before, after, strict=True)]
            table.add_row(group, *"|".join(numbers).split("|"))
    Console(width=110).print(table)
    for group, remark in REMARKS.items():
        if group in groups:
            print(f"{group}: {remark}")


def write_pairs(folder: Path, loaders: list[SceneLoader]) -> None:
    """The images of scenes, without their truth."""
    for loader in loaders:
        scene = loader()
        place = folder / scene.key
        place.mkdir()
        write_image(place / "im0.png", scene.left)
        write_image(place / "im1.png", scene.right)


def errors(network: StereoInference, loaders: list[SceneLoader]) -> tuple[float, float]:
    """EPE in px and bad-2 in % of a group of scenes."""
    scores = list[tuple[float, float]]()
    for loader in loaders:
        scene = loader()
        assert scene.truth is not None, "groups hold scenes with truth only"
        with torch.inference_mode():
            disparity = network(torch.from_numpy(scene.left), torch.from_numpy(scene.right))[0].numpy()
        error = np.abs(disparity - scene.truth.disparity)[scene.truth.valid]
        scores.append((float(error.mean()), 100.0 * float((error > BAD_PX).mean())))
    epe, bad = np.mean(scores, axis=0)
    return float(epe), float(bad)


if __name__ == "__main__":
    cyclopts.run(main)
