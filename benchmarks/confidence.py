"""How far the confidence of a network can be trusted, against what stereo knows without one.

    python benchmarks/confidence.py --scenes FOLDER --scenes KITTI --rendered SHARDS --diagram reliability.png
    python benchmarks/confidence.py --scenes FOLDER --scenes KITTI --degraded

Motorcycle is always among the scenes; FOLDER holds scenes in Middlebury's layout, KITTI is a development kit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import cv2
import cyclopts
import numpy as np
from confidence_tables import Curves, Pixels, RegionScores, draw_reliability, print_degraded, reliability_of
from groups import REMARKS, find_groups, scene_progress
from rich.console import Console
from rich.table import Table

from leadline.classical import ClassicalStereo
from leadline.loading import load_model
from leadline.maps import DisparityMap
from leadline.metrics.reduce import masked_values
from leadline.metrics.uncertainty import expected_calibration_error
from leadline.protocols.metric import Metric
from leadline.protocols.report import Score
from leadline.protocols.stereo.confidence import CONFIDENCE
from leadline.protocols.stereo.evaluate import StereoMethod, evaluate
from leadline.protocols.stereo.scored import ScoredPixels, score_pixels
from leadline.runtime import DEFAULT_MODEL
from leadline.samples import StereoSample

PROMISES = ("ECE-1px", "in-80", "expected")
"""What only a probability can be held to."""
KEPT_SHARE = 0.8
TABLE_WIDTH = 140
ABOUT = f"""\
AUSE and AURG: px, in the form of Poggi 2020 (CVPR): the mean error of what is left after the least
certain 0, 2, ... 98 % are removed, then 0; area over the removed share by trapezoids; AUSE against the oracle's order,
AURG against the constant of a random one. AUC: of error > 2 px. ECE-1px: 10 bins, P(error < 1 px). in-80: share of
true disparities within the interval that should hold 80 % of them. expected: mean of the errors that the confidence
stands for; both by Laplace's distribution. These three of networks only.
EPE-kept: EPE of the most certain {KEPT_SHARE:.0%} over that of all pixels. All pixels with truth, mean over scenes.
left-right: the network's disparity, ranked by -|d_L(x) - d_R(x - d_L)|, d_R from the mirrored and swapped pair; what
leaves the right view comes last. validity: SGBM's filled disparity; 1 where both views agreed before filling, else 0.
AUSE, AURG and EPE-kept hang on the errors as well: between methods of different disparity compare the AUC."""


@final
@dataclass(frozen=True)
class LeftRightConsistency:
    """A method with its left-right consistency in place of its confidence.

    Source: LRC in Hu and Mordohai, A Quantitative Evaluation of Confidence Measures for Stereo Vision, TPAMI 2012.
    """

    method: StereoMethod

    def __call__(self, left: np.ndarray, right: np.ndarray) -> DisparityMap:
        from_left = self.method(left, right)
        # Mirrored, the right view is the left one of a pair.
        from_right = self.method(right[:, ::-1], left[:, ::-1]).disparity[:, ::-1]
        rows, columns = np.indices(from_left.disparity.shape, dtype=np.float32)
        seen_at = columns - from_left.disparity
        back = cv2.remap(from_right, seen_at, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        difference = np.where(seen_at >= 0, np.abs(from_left.disparity - back), np.float32(np.inf))
        # In the order of -difference, and in [0, 1] as a confidence must be.
        return replace(from_left, confidence=1.0 / (1.0 + difference))


def sgbm_validity(left: np.ndarray, right: np.ndarray) -> DisparityMap:
    """SGBM, dense, certain where it was valid before filling."""
    found = ClassicalStereo("sgbm-3way")(left, right)
    return DisparityMap(found.disparity, np.ones_like(found.valid), found.valid.astype(np.float32))


def _kept(pixels: ScoredPixels) -> float | None:
    if pixels.confidence is None:
        return None
    errors, confidence = masked_values(pixels.error, pixels.mask), masked_values(pixels.confidence, pixels.mask)
    # Pixels of equal confidence in random order.
    order = np.lexsort((np.random.default_rng(0).random(errors.size), -confidence))
    mean = float(errors.mean())
    return float(errors[order[: max(1, round(KEPT_SHARE * errors.size))]].mean()) / mean if mean > 0.0 else None


def _mean_error(pixels: ScoredPixels) -> float:
    return float(pixels.error[pixels.mask].mean())


PROTOCOL = replace(
    CONFIDENCE,
    metrics=(*CONFIDENCE.metrics, Metric("EPE", "px", _mean_error), Metric("EPE-kept", "1", _kept)),
    masks=("all",),
)


def main(
    *,
    models: str = DEFAULT_MODEL,
    scenes: list[Path] | None = None,
    rendered: Path | None = None,
    pairs: int = 40,
    degraded: bool = False,
    diagram: Path | None = None,
) -> None:
    """Scores confidences on groups of scenes.

    Args:
        models: Methods with a confidence: bundled networks and ONNX files of ours, separated by commas.
        scenes: Folders of scenes with truth, as for `leadline eval stereo`.
        rendered: Folder of shards that `leadline render` wrote.
        pairs: How many rendered pairs to score.
        degraded: Score the networks on images that both cameras see worse (blur, motion blur, saturation, noise)
            instead of all methods on the images as they are.
        diagram: File for the reliability diagrams of the networks, one for each group.
    """
    networks = {name: load_model(name, "stereo") for name in models.split(",")}
    if degraded:
        print_degraded(networks, find_groups(scenes or [], rendered, pairs))
        return
    curves: Curves = {}
    baselines = {f"{name}, left-right": LeftRightConsistency(method) for name, method in networks.items()}
    methods = {**networks, **baselines, "sgbm-3way, validity": sgbm_validity}
    groups = find_groups(scenes or [], rendered, pairs)
    console = Console(width=max(Console().width, TABLE_WIDTH))
    console.print(f"{ABOUT}\nSource: {PROTOCOL.source}", highlight=False)
    with scene_progress() as progress:
        for group, loaders in groups.items():
            task = progress.add_task(group, total=len(loaders))
            scored: dict[str, list[Pixels]] = {name: [] for name in networks}
            by_region = RegionScores(tuple(networks))

            def observe(
                scene: StereoSample,
                maps: Mapping[str, DisparityMap],
                _: Sequence[Score],
                task=task,
                scored=scored,
                by_region=by_region,
            ) -> None:
                for name, found in scored.items():
                    pixels = score_pixels(scene, maps[name], "all", "sparse")
                    if isinstance(pixels, ScoredPixels) and pixels.confidence is not None:
                        found.append((pixels.error[pixels.mask], pixels.confidence[pixels.mask]))
                        by_region.add(name, scene, pixels)
                progress.advance(task)

            report = evaluate((load() for load in loaders), methods, PROTOCOL, observe)
            # The baselines rank, but promise no probability.
            rows = (row for row in report.rows if row.metric not in PROMISES or row.method in networks)
            for table in replace(report, rows=tuple(rows)).tables():
                table.title = f"{group}: {table.title}"
                console.print(table)
            for name, pixels in scored.items():
                console.print(_reliability(f"{group}: {name}", pixels))
                curves.setdefault(group, {})[name] = reliability_of(pixels)
            console.print(by_region.table(group))
            if group in REMARKS:
                console.print(REMARKS[group])

    if diagram is not None:
        draw_reliability(curves, diagram)


def _reliability(title: str, scored: Sequence[Pixels]) -> Table:
    """Promised and observed share of right pixels, over the pixels of all scenes together."""
    bins = reliability_of(scored)
    ece = expected_calibration_error(bins)
    table = Table(title=f"{title}, pixels pooled, ECE {ece:.3f}", title_justify="left")
    for label in ("bin", "confidence", "share right", "pixels"):
        table.add_column(label, justify="right")
    for b in bins:
        table.add_row(f"{b.lower:.1f} to {b.upper:.1f}", f"{b.confidence:.3f}", f"{b.correct:.3f}", f"{b.count}")
    return table


if __name__ == "__main__":
    cyclopts.run(main)
