"""Choice between two stereo methods: scores by region of the image, and what their difference over scenes says.

The rule: a method replaces another one if, over all pixels of all scenes together, the 90 % interval of the paired
difference of EPE or bad-2 lies below 0, that of the other one does not lie above 0, and in no region does the mean of
either grow by more than 5 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.metrics.disparity import avgerr, bad
from leadline.metrics.paired import PairedDifference, paired_difference
from leadline.protocols.stereo.regions import REGIONS, StereoRegion, region_masks
from leadline.protocols.stereo.scored import ScoredPixels, score_pixels
from leadline.samples import StereoSample

Part = Literal["all"] | StereoRegion
"""All pixels with truth, or one region of them."""

PARTS: Final[tuple[Part, ...]] = ("all", *REGIONS)
RegionMetric = Literal["EPE", "bad-2"]
METRICS: Final[tuple[RegionMetric, ...]] = ("EPE", "bad-2")
WORSE_SHARE: Final = 0.05
"""Bound on how much worse than before a region may get."""

_OUTLIER_PX: Final = 2.0
_LEAST_PIXELS: Final = 100


@dataclass(frozen=True)
class RegionScores:
    """One method's scores on one scene.

    Attributes:
        values: By part of the image and metric: EPE in px, bad-2 in %; a part of fewer than 100 pixels has none.
        pixels: Pixels of each part.
    """

    values: Mapping[tuple[Part, RegionMetric], float]
    pixels: Mapping[Part, int]


def region_scores(scene: StereoSample, prediction: DisparityMap) -> RegionScores | str:
    """EPE and bad-2 of a prediction by region, dense rule.

    Args:
        scene: An image pair with its truth.
        prediction: Disparity of its left image.
    Returns:
        The scores; a reason if there is no truth.
    Raises:
        InputError: If the prediction is not of the left image's size.
    """
    scored = score_pixels(scene, prediction, "all", "dense")
    if not isinstance(scored, ScoredPixels):
        return scored
    masks: dict[Part, Bool[np.ndarray, "h w"]] = {"all": scored.mask, **region_masks(scene)}
    pixels: dict[Part, int] = {part: int(masks[part].sum()) for part in PARTS}
    values: dict[tuple[Part, RegionMetric], float] = {}
    for part in PARTS:
        if pixels[part] >= _LEAST_PIXELS:
            values[part, "EPE"] = avgerr(scored.error, masks[part])
            values[part, "bad-2"] = 100.0 * bad(scored.outlier_error, masks[part], _OUTLIER_PX)
    return RegionScores(values, pixels)


def compare(
    first: Sequence[RegionScores], second: Sequence[RegionScores]
) -> dict[tuple[Part, RegionMetric], PairedDifference]:
    """Scores of one method minus those of another one, by part and metric, over the scenes that have the part.

    Args:
        first: Scores of one method, a scene each.
        second: Scores of the other method on the same scenes, in the same order.
    Raises:
        InputError: If the numbers of scenes differ, or a score is not finite.
    """
    if len(first) != len(second):
        raise InputError(f"expected scores of both methods on the same scenes, got {len(first)} and {len(second)}")
    found: dict[tuple[Part, RegionMetric], PairedDifference] = {}
    for part in PARTS:
        for metric in METRICS:
            key = (part, metric)
            pairs = [(a.values.get(key), b.values.get(key)) for a, b in zip(first, second, strict=True)]
            told = [(a, b) for a, b in pairs if a is not None and b is not None]
            if told:
                found[part, metric] = paired_difference([a for a, _ in told], [b for _, b in told])
    return found


def objections(difference: Mapping[tuple[Part, RegionMetric], PairedDifference]) -> list[str]:
    """Why a method must not replace another one, in a few words each; nothing if it may.

    Args:
        difference: What `compare` found, of the new method minus the old one, over all scenes.
    Example:
        >>> def scores(epe, bad): return RegionScores({("all", "EPE"): epe, ("all", "bad-2"): bad}, {"all": 1000})
        >>> old, new = [scores(1.0, 10.0), scores(2.0, 20.0)], [scores(0.9, 10.0), scores(1.8, 20.0)]
        >>> objections(compare(new, old)), objections(compare(old, old))
        ([], ['neither EPE nor bad-2 falls for certain'])
    """
    overall = {metric: difference["all", metric] for metric in METRICS}
    reasons = [f"{metric} grows" for metric, found in overall.items() if found.certain and found.mean > 0.0]
    if not any(found.certain and found.mean < 0.0 for found in overall.values()):
        reasons.append("neither EPE nor bad-2 falls for certain")
    for (part, metric), found in difference.items():
        if found.relative > WORSE_SHARE:
            reasons.append(f"{metric} grows by {found.relative:.0%} in {part}")
    return reasons
