"""Error of depth that zones and leadline-mono give together, as the closed loop's model of it needs it.

    python benchmarks/fused_error.py --cache rooms [--scenes 40]

Rendered rooms that leadline-mono was not trained on, zones of the simulated sensor, `fuse_depth`. Printed are standard
deviations of log(depth / true depth), of which the model of `FusedEye` has one: the part that is smooth over the image
(the mean of each of 5x3 cells), within the field of the zones and outside of it, and what is left within the cells.
"""

from pathlib import Path

import cyclopts
import numpy as np
from tof_scenes import Scene, rendered_rooms, simulated_frame

from leadline.errors import InputError
from leadline.robotics.tof_fusion import fuse_depth
from leadline.robotics.tof_match import FusionView
from leadline.robotics.tof_zones import TofZones

ROWS, COLUMNS = 3, 5


def cell_errors(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean log error of each cell, whether zones look at it, and deviations from the mean of all pixels."""
    zones = TofZones()
    fused = fuse_depth(scene.relative, simulated_frame(scene, rng), FusionView(scene.camera, zones), image=scene.image)
    use = scene.scored & fused.depth.valid
    error = np.where(use, np.log(np.where(use, fused.depth.depth, 1.0) / np.where(use, scene.depth, 1.0)), np.nan)
    across = np.abs((np.arange(error.shape[1]) - scene.camera.center_x_px) / scene.camera.focal_x_px)
    means, inside, rest = [], [], []
    for rows in np.array_split(np.arange(error.shape[0]), ROWS):
        for columns in np.array_split(np.arange(error.shape[1]), COLUMNS):
            cell = error[np.ix_(rows, columns)]
            if np.isfinite(cell).mean() > 0.5:
                means.append(np.nanmean(cell))
                inside.append(across[columns].mean() < zones.edges[-1])
                rest.append((cell - means[-1])[np.isfinite(cell)])
    return np.array(means), np.array(inside), np.concatenate(rest)


def main(*, cache: Path, scenes: int = 40, first: int = 900_000) -> None:
    """Prints the figures.

    Args:
        cache: Folder that keeps rendered rooms.
        scenes: How many.
        first: Seed of the first.
    """
    rng, found, left_out = np.random.default_rng(0), [], 0
    for scene in rendered_rooms(first, scenes, cache):
        try:
            found.append(cell_errors(scene, rng))
        except InputError:
            left_out += 1
    means, inside, rest = (np.concatenate(parts) for parts in zip(*found, strict=True))
    print(f"{len(found)} rooms, {left_out} without enough zones")
    print(f"smooth part, where zones look: {means[inside].std():.3f} of {inside.sum()} cells")
    print(f"smooth part, beside the zones: {means[~inside].std():.3f} of {(~inside).sum()} cells")
    print(f"within the cells: {rest.std():.3f} (median of |error| {np.median(np.abs(rest)):.3f})")


if __name__ == "__main__":
    cyclopts.run(main)
