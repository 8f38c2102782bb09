"""KITTI scene flow 2015: outliers of D1, D2, Fl and of any of them (SF), pixels pooled over all images.

An outlier is above 3 px and above 5 % of the truth. SF counts where all three truths are known; D1+Fl, which is ours,
where those of the first disparity and of the flow are, for scenes without a true disparity at the second time (KITTI
2012). The sparse rule is the devkit's figure over estimated pixels only.

>>> [metric.name for metric in SCENE_FLOW.metrics], SCENE_FLOW.averaging
(['D1', 'D2', 'Fl', 'SF', 'D1+Fl'], 'pixel-pooled')
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadline.maps import SceneFlowMap
from leadline.metrics.reduce import masked_mean
from leadline.protocols.metric import Metric, SceneAveraging
from leadline.protocols.rules import NO_TRUTH, Region, Rule
from leadline.protocols.scene_flow.scored import Mask, SceneFlowPixels, score_scene_flow
from leadline.samples import SceneFlowSample


def _metric(name: str, parts: Sequence[int]) -> Metric[SceneFlowPixels]:
    """Per cent of pixels that are wrong in any of some parts, where the truths of all of them are known."""

    def counted(pixels: SceneFlowPixels) -> Mask:
        masks = [pixels.parts[part].counted for part in parts]
        known = [mask for mask in masks if mask is not None]
        return np.logical_and.reduce(known) if len(known) == len(masks) else np.zeros_like(pixels.mask)

    def score(pixels: SceneFlowPixels) -> float | None:
        mask = counted(pixels)
        wrong = np.logical_or.reduce([pixels.parts[part].wrong for part in parts])
        return 100.0 * masked_mean(wrong, mask) if mask.any() else None

    return Metric(name, "%", score, lambda pixels: int(counted(pixels).sum()), NO_TRUTH)


@dataclass(frozen=True)
class SceneFlowProtocol:
    """Rules by which a benchmark turns scene flow into numbers.

    Args:
        name: Short name that every score carries.
        metrics: What is measured.
        regions: On which pixels with truth.
        rules: Under which treatments of missing predictions.
        averaging: How scenes become one number.
        source: Where the protocol is published.
    """

    name: str
    metrics: tuple[Metric[SceneFlowPixels], ...]
    regions: tuple[Region, ...]
    rules: tuple[Rule, ...]
    averaging: SceneAveraging
    source: str

    @property
    def settings(self) -> list[tuple[Region, Rule]]:
        """Regions under rules, in the order of tables."""
        return [(region, rule) for rule in self.rules for region in self.regions]

    def size(self, sample: SceneFlowSample) -> tuple[int, int]:
        """Height and width of the images."""
        return sample.images[0].shape[0], sample.images[0].shape[1]

    def score_pixels(
        self, sample: SceneFlowSample, prediction: SceneFlowMap, region: Region, rule: Rule
    ) -> SceneFlowPixels | str:
        """The outliers that count, as of `leadline.protocols.scene_flow.scored.score_scene_flow`."""
        return score_scene_flow(sample, prediction, region, rule)


SCENE_FLOW = SceneFlowProtocol(
    name="kitti2015",
    metrics=(
        _metric("D1", (0,)),
        _metric("D2", (1,)),
        _metric("Fl", (2,)),
        _metric("SF", (0, 1, 2)),
        _metric("D1+Fl", (0, 2)),
    ),
    regions=("all", "bg", "fg", "noc"),
    rules=("background-interpolated", "sparse"),
    averaging="pixel-pooled",
    source="Menze and Geiger, Object Scene Flow for Autonomous Vehicles, CVPR 2015; "
    "evaluate_scene_flow.cpp of the devkit",
)
