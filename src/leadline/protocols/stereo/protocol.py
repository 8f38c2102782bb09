"""Parts of a published stereo protocol."""

from dataclasses import dataclass

from leadline.maps import DisparityMap
from leadline.metrics.disparity import avgerr, bad, error_quantile, rms
from leadline.protocols.metric import Metric, SceneAveraging
from leadline.protocols.rules import Mask, Region, Rule
from leadline.protocols.stereo.scored import ScoredPixels, score_pixels
from leadline.samples import StereoSample


@dataclass(frozen=True)
class StereoProtocol:
    """Rules by which a published benchmark turns disparity maps into numbers.

    Args:
        name: Short name that every score carries.
        metrics: What is measured.
        masks: On which pixels with truth.
        rules: Under which treatments of missing predictions.
        averaging: How scenes become one number. Pooled metrics must be means over pixels.
        source: Where the protocol is published.
    """

    name: str
    metrics: tuple[Metric[ScoredPixels], ...]
    masks: tuple[Mask, ...]
    rules: tuple[Rule, ...]
    averaging: SceneAveraging
    source: str

    @property
    def settings(self) -> list[tuple[Region, Rule]]:
        """Masks under rules, in the order of tables."""
        return [(mask, rule) for rule in self.rules for mask in self.masks]

    def size(self, sample: StereoSample) -> tuple[int, int]:
        """Height and width of the left image."""
        return sample.left.shape[0], sample.left.shape[1]

    def score_pixels(
        self, sample: StereoSample, prediction: DisparityMap, region: Region, rule: Rule
    ) -> ScoredPixels | str:
        """The errors that count, as of `leadline.protocols.stereo.scored.score_pixels`."""
        return score_pixels(sample, prediction, region, rule)


def bad_metric(threshold_px: float, prefix: str = "bad") -> Metric[ScoredPixels]:
    """Per cent of pixels with an error above a threshold, e.g. bad-2 or bad-0.5.

    Example:
        >>> bad_metric(0.5).name, bad_metric(3.0, "out").name
        ('bad-0.5', 'out-3')
    """
    return Metric(
        f"{prefix}-{threshold_px:g}", "%", lambda pixels: 100.0 * bad(pixels.outlier_error, pixels.mask, threshold_px)
    )


def avgerr_metric(name: str = "avgerr") -> Metric[ScoredPixels]:
    """Mean absolute error in pixels."""
    return Metric(name, "px", lambda pixels: avgerr(pixels.error, pixels.mask))


def rms_metric() -> Metric[ScoredPixels]:
    """Root mean squared error in pixels."""
    return Metric("rms", "px", lambda pixels: rms(pixels.error, pixels.mask))


def quantile_metric(percent: int) -> Metric[ScoredPixels]:
    """Error quantile in pixels, e.g. A90."""
    return Metric(f"A{percent}", "px", lambda pixels: error_quantile(pixels.error, pixels.mask, percent / 100.0))
