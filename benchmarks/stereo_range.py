"""How accurate stereo methods are on the same scenes in smaller and in larger images, as a ratio to SGBM.

    python benchmarks/stereo_range.py --scenes FOLDER --scenes KITTI --scales 0.5,1,2

Motorcycle is always among the scenes; FOLDER holds scenes in Middlebury's layout, KITTI is a development kit. At a
scale of 8 Motorcycle has 24 megapixels.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import final

import cv2
import cyclopts
import numpy as np
from groups import find_groups, scene_progress
from rich.console import Console
from rich.table import Table

from leadline.loading import load_model
from leadline.maps import DisparityMap
from leadline.protocols.report import Report
from leadline.protocols.stereo.evaluate import StereoMethod, evaluate
from leadline.protocols.stereo.protocol import StereoProtocol, avgerr_metric, bad_metric

REFERENCE = "sgbm-3way"
REACH_PX = 192
"""Largest disparity looked for in images as they are; it grows with them."""

PROTOCOL = StereoProtocol(
    name="stereo-range",
    metrics=(avgerr_metric("EPE"), bad_metric(2.0)),
    masks=("all",),
    rules=("dense",),
    averaging="mean-over-scenes",
    source="Middlebury stereo evaluation 3 (EPE is its avgerr)",
)
ABOUT = f"""\
{PROTOCOL.name}: the images are resized, matched with a range of {REACH_PX} px times the scale, and the disparity is
resized back: errors are in pixels of the image as it is. All pixels with truth, dense rule, mean over scenes. In
brackets: the ratio to {REFERENCE} at the same scale. Source: {PROTOCOL.source}"""


@final
@dataclass(frozen=True)
class AtScale:
    """A method that sees images of another size than they are given in."""

    method: StereoMethod
    scale: float

    def __call__(self, left: np.ndarray, right: np.ndarray) -> DisparityMap:
        height, width = left.shape[:2]
        size = max(round(width * self.scale), 1), max(round(height * self.scale), 1)
        how = cv2.INTER_AREA if self.scale < 1.0 else cv2.INTER_CUBIC
        seen = [np.asarray(cv2.resize(view, size, interpolation=how)) for view in (left, right)]
        found = self.method(*seen)
        back = cv2.resize(found.disparity, (width, height), interpolation=cv2.INTER_NEAREST)
        return DisparityMap(np.asarray(back) * np.float32(width / size[0]), np.ones((height, width), dtype=bool))


def main(
    *,
    models: str = "leadline-fast,leadline-accurate",
    scenes: list[Path] | None = None,
    scales: str = "0.5,1,2",
) -> None:
    """Scores methods on groups of scenes in several sizes.

    Args:
        models: As for `leadline stereo`, separated by commas; SGBM in 3 directions is the reference and always among
            them.
        scenes: Folders of scenes with truth, as for `leadline eval stereo`.
        scales: Factors of the images' sides, separated by commas.
    """
    names = list(dict.fromkeys((*models.split(","), REFERENCE)))
    groups = find_groups(scenes or [], None, 0)
    console = Console(width=max(Console().width, 100))
    console.print(ABOUT, highlight=False)
    with scene_progress() as progress:
        for group, loaders in groups.items():
            task = progress.add_task(group, total=len(loaders) * len(scales.split(",")))
            table = Table(title=f"{group}, {len(loaders)} scene{'s' * (len(loaders) > 1)}", title_justify="left")
            for label in ("scale", *names):
                table.add_column(label if label == "scale" else f"{label}: EPE px, bad-2 %", justify="right")
            for factor in map(float, scales.split(",")):
                reach = math.ceil(REACH_PX * factor)
                methods = {name: AtScale(load_model(name, "stereo", max_disparity=reach), factor) for name in names}
                report = evaluate(
                    (load() for load in loaders), methods, PROTOCOL, lambda *_, task=task: progress.advance(task)
                )
                table.add_row(f"{factor:g}", *(_cell(report, name) for name in names))
            console.print(table)


def _cell(report: Report, name: str) -> str:
    """Both scores with their ratios to the reference."""
    cells: list[str] = []
    for metric in ("EPE", "bad-2"):
        value, reference = (report.score(n, metric, "all", "dense").value for n in (name, REFERENCE))
        cells.append(f"{value:.3g}" + (f" ({value / reference:.2f})" if reference > 0.0 else ""))
    return ", ".join(cells)


if __name__ == "__main__":
    cyclopts.run(main)
