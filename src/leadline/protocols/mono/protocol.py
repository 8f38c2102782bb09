"""Parts of a published protocol for depth from a single image."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float32

from leadline.errors import InputError
from leadline.maps import DISTANCE_KINDS, DepthKind, DepthMap
from leadline.metrics.align import ACCEPTED_KINDS, AlignmentName, align
from leadline.metrics.depth import abs_rel, delta, delta_outliers, has_depth, log10, rmse, rmse_log, silog_kitti, sq_rel
from leadline.metrics.disparity import density
from leadline.protocols.metric import Metric
from leadline.protocols.mono.crops import crop_mask
from leadline.protocols.mono.scored import ClampOrder, DepthRule, Range, ScoredDepth
from leadline.protocols.report import Conditions
from leadline.protocols.rules import NO_PIXEL, NO_TRUTH, NOTHING_PREDICTED, Crop, Region, Rule
from leadline.samples import DepthSample

DepthMetric = Metric[ScoredDepth]

HOLES: Final = "prediction has holes"


@dataclass(frozen=True)
class DepthProtocol:
    """Rules by which a published benchmark turns depth maps into numbers.

    Args:
        name: Short name that every score carries.
        metrics: What is measured.
        crops: On which parts of the image.
        truth_range_m: Pixels count whose truth lies strictly between these.
        clamp_range_m: Predictions outside are moved to the nearer end; the upper end also bounds the alignments in
            disparity.
        alignments: Those allowed, in order of preference: a prediction takes the first that accepts its kind.
        source: Where the protocol is published.
        clamp: Whether predictions are clamped before or after they are aligned.
        rules: Under which treatments of missing predictions.
        averaging: How images become one number.
        samples_per_m: Samples of a 16-bit depth image for one metre, where the benchmark's own files say so.
    Raises:
        InputError: If predictions would be clamped, in metres, before an alignment that takes depth of unknown shift.
    Example:
        >>> generic = DepthProtocol(
        ...     "mine", (abs_rel_metric(),), ("no-crop",), (0.1, 80.0), (0.1, 80.0), ("none", "median"), "unpublished"
        ... )
        >>> generic.alignment_for("up_to_scale"), generic.aligned_by("none").alignments
        ('median', ('none',))
    """

    name: str
    metrics: tuple[DepthMetric, ...]
    crops: tuple[Crop, ...]
    truth_range_m: Range
    clamp_range_m: Range
    alignments: tuple[AlignmentName, ...]
    source: str
    clamp: ClampOrder = "after-alignment"
    rules: tuple[DepthRule, ...] = ("dense",)
    averaging: Literal["mean-over-scenes"] = "mean-over-scenes"
    samples_per_m: float | None = None

    @property
    def settings(self) -> list[tuple[Crop, DepthRule]]:
        """Crops under rules, in the order of tables."""
        return [(crop, rule) for rule in self.rules for crop in self.crops]

    def __post_init__(self) -> None:
        """Refuses a clamp that has no meaning."""
        shifting = [name for name in self.alignments if not set(ACCEPTED_KINDS[name]) <= set(DISTANCE_KINDS)]
        if self.clamp == "before-alignment" and shifting:
            raise InputError(
                f"expected alignments by a scale alone where predictions are clamped before, got {', '.join(shifting)}"
                "; clamp after-alignment"
            )

    def alignment_for(self, kind: DepthKind) -> AlignmentName:
        """Alignment that this protocol gives to depth of a kind.

        Args:
            kind: What the prediction's numbers mean.
        Raises:
            InputError: If the protocol has none for this kind.
        """
        for name in self.alignments:
            if kind in ACCEPTED_KINDS[name]:
                return name
        raise InputError(
            f"expected depth of a kind that {self.name} can align by {' or '.join(self.alignments)}, got {kind}; "
            "take another alignment or protocol"
        )

    def aligned_by(self, alignment: AlignmentName | None) -> "DepthProtocol":
        """Protocol with one alignment only, or unchanged if that is None.

        Raises:
            InputError: If the protocol does not have it.
        """
        if alignment is None:
            return self
        if alignment not in self.alignments:
            raise InputError(
                f"expected an alignment out of {', '.join(self.alignments)} for {self.name}, got {alignment}"
            )
        return replace(self, alignments=(alignment,))

    def size(self, sample: DepthSample) -> tuple[int, int]:
        """Height and width of the image."""
        return sample.image.shape[0], sample.image.shape[1]

    def score_pixels(self, sample: DepthSample, prediction: DepthMap, region: Region, rule: Rule) -> ScoredDepth | str:
        """The depth that counts, aligned and clamped, or in a few words why none does.

        Args:
            sample: An image with truth.
            prediction: What the method says about it; it is aligned on the pixels that count.
            region: Where pixels count, out of the protocol's crops.
            rule: What a missing prediction means.
        Returns:
            The scored pixels; a reason if this image must be left out.
        Raises:
            InputError: If the prediction is not of the image's size, the alignment refuses it, the protocol has no
                such crop, or the truth is not metric.
        """
        alignment = self.alignment_for(prediction.kind)
        if region not in self.crops:
            raise InputError(f"expected a crop out of {', '.join(self.crops)} for {self.name}, got {region}")
        size = self.size(sample)
        if prediction.depth.shape != size:
            raise InputError(
                f"expected depth of the image's (height, width) {size} for scene {sample.key}, "
                f"got {prediction.depth.shape}; resize it"
            )
        if sample.truth is None:
            return NO_TRUTH
        if sample.truth.kind != "metric":
            raise InputError(
                f"expected metric truth for scene {sample.key}, got {sample.truth.kind}; give it in metres"
            )
        truth, (nearest, farthest) = sample.truth.depth, self.truth_range_m
        mask = sample.truth.valid & crop_mask(region, *size) & (truth > nearest) & (truth < farthest)
        if not mask.any():
            return NO_PIXEL
        predicted = prediction.valid if rule == "sparse" else has_depth(prediction)
        share = density(predicted, mask)
        if rule == "dense" and share < 1.0:
            return HOLES
        if share == 0.0:
            return NOTHING_PREDICTED
        return replace(self._aligned(prediction, truth, mask & predicted, share, alignment), moving=sample.moving)

    def _aligned(
        self,
        prediction: DepthMap,
        truth: Float32[np.ndarray, "h w"],
        mask: Bool[np.ndarray, "h w"],
        share: float,
        name: AlignmentName,
    ) -> ScoredDepth:
        low, high = self.clamp_range_m
        if self.clamp == "before-alignment":
            prediction = replace(prediction, depth=np.clip(prediction.depth, low, high))
        aligned = align(prediction, truth, mask, name, high)
        depth = np.clip(aligned.depth, low, high) if self.clamp == "after-alignment" else aligned.depth
        conditions = Conditions(name, self.clamp_range_m, aligned.by.scale, aligned.by.shift)
        return ScoredDepth(depth, truth, mask, share, prediction.confidence, conditions)


def abs_rel_metric() -> DepthMetric:
    """Mean relative error."""
    return Metric("AbsRel", "1", lambda pixels: abs_rel(pixels.depth, pixels.truth, pixels.mask))


def sq_rel_metric() -> DepthMetric:
    """Mean squared error over the depth, in metres."""
    return Metric("SqRel", "m", lambda pixels: sq_rel(pixels.depth, pixels.truth, pixels.mask))


def rmse_metric() -> DepthMetric:
    """Root mean squared error in metres."""
    return Metric("RMSE", "m", lambda pixels: rmse(pixels.depth, pixels.truth, pixels.mask))


def rmse_log_metric() -> DepthMetric:
    """Root mean squared error of the natural logarithm."""
    return Metric("RMSE-log", "1", lambda pixels: rmse_log(pixels.depth, pixels.truth, pixels.mask))


def log10_metric() -> DepthMetric:
    """Mean error of the decimal logarithm."""
    return Metric("log10", "1", lambda pixels: log10(pixels.depth, pixels.truth, pixels.mask))


def silog_metric() -> DepthMetric:
    """KITTI's scale-invariant logarithmic error."""
    return Metric("SILog", "1", lambda pixels: silog_kitti(pixels.depth, pixels.truth, pixels.mask))


def delta_metric(power: int = 1) -> DepthMetric:
    """Share of pixels within a factor of 1.25^n, e.g. delta<1.25^2."""
    name = "delta<1.25" if power == 1 else f"delta<1.25^{power}"
    return Metric(name, "1", lambda pixels: delta(pixels.depth, pixels.truth, pixels.mask, power))


def delta_outliers_metric() -> DepthMetric:
    """Per cent of pixels off by more than a factor of 1.25."""
    return Metric("delta>1.25", "%", lambda pixels: 100.0 * delta_outliers(pixels.depth, pixels.truth, pixels.mask))


EIGEN_METRICS = (
    abs_rel_metric(),
    sq_rel_metric(),
    rmse_metric(),
    rmse_log_metric(),
    *(delta_metric(power) for power in (1, 2, 3)),
)
"""The seven columns of the tables of KITTI's Eigen split."""
