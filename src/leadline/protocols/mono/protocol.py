"""What a published protocol for depth from a single image is made of."""

from dataclasses import dataclass
from typing import Literal

from leadline.errors import InputError
from leadline.maps import DISTANCE_KINDS, DepthKind
from leadline.metrics.align import ACCEPTED_KINDS, AlignmentName
from leadline.metrics.depth import abs_rel, delta, delta_outliers, log10, rmse, rmse_log, silog_kitti, sq_rel
from leadline.protocols.metric import Metric
from leadline.protocols.mono.scored import ClampOrder, DepthRule, Range, ScoredDepth
from leadline.protocols.rules import Crop

DepthMetric = Metric[ScoredDepth]


@dataclass(frozen=True)
class DepthProtocol:
    """How a published benchmark turns depth maps into numbers.

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

    def __post_init__(self) -> None:
        """Refuses a clamp that has no meaning."""
        shifting = [name for name in self.alignments if not set(ACCEPTED_KINDS[name]) <= set(DISTANCE_KINDS)]
        if self.clamp == "before-alignment" and shifting:
            raise InputError(
                f"expected alignments by a scale alone where predictions are clamped before, got {', '.join(shifting)}"
                "; clamp after-alignment"
            )

    def alignment_for(self, kind: DepthKind, wanted: AlignmentName | None = None) -> AlignmentName:
        """How this protocol aligns depth of a kind.

        Args:
            kind: What the prediction's numbers mean.
            wanted: An alignment to take instead of the protocol's first choice.
        Raises:
            InputError: If the protocol does not have the wanted alignment, or none for this kind.
        """
        if wanted is not None and wanted not in self.alignments:
            raise InputError(f"expected an alignment out of {', '.join(self.alignments)} for {self.name}, got {wanted}")
        candidates = self.alignments if wanted is None else (wanted,)
        for name in candidates:
            if kind in ACCEPTED_KINDS[name]:
                return name
        raise InputError(
            f"expected depth of a kind that {self.name} can align by {' or '.join(candidates)}, got {kind}; "
            "take another alignment or protocol"
        )


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
