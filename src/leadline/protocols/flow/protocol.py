"""Parts of a published flow protocol."""

from dataclasses import dataclass

from leadline.maps import FlowMap
from leadline.metrics.flow import angular_error, epe, fl
from leadline.metrics.reduce import masked_mean
from leadline.protocols.flow.scored import FlowPixels, score_flow
from leadline.protocols.metric import Metric, SceneAveraging
from leadline.protocols.rules import Region, Rule
from leadline.samples import FlowSample


@dataclass(frozen=True)
class FlowProtocol:
    """Rules by which a published benchmark turns flow into numbers.

    Args:
        name: Short name that every score carries.
        metrics: What is measured.
        regions: On which pixels with truth.
        rules: Under which treatments of missing predictions.
        averaging: How pairs become one number. Pooled metrics must be means over pixels.
        source: Where the protocol is published.
    """

    name: str
    metrics: tuple[Metric[FlowPixels], ...]
    regions: tuple[Region, ...]
    rules: tuple[Rule, ...]
    averaging: SceneAveraging
    source: str

    @property
    def settings(self) -> list[tuple[Region, Rule]]:
        """Regions under rules, in the order of tables."""
        return [(region, rule) for rule in self.rules for region in self.regions]

    def size(self, sample: FlowSample) -> tuple[int, int]:
        """Height and width of the first frame."""
        return sample.first.shape[0], sample.first.shape[1]

    def score_pixels(self, sample: FlowSample, prediction: FlowMap, region: Region, rule: Rule) -> FlowPixels | str:
        """The errors that count, as of `leadline.protocols.flow.scored.score_flow`."""
        return score_flow(sample, prediction, region, rule)


def epe_metric(name: str = "EPE") -> Metric[FlowPixels]:
    """Mean endpoint error in pixels."""
    return Metric(name, "px", lambda pixels: epe(pixels.error, pixels.mask))


def fl_metric() -> Metric[FlowPixels]:
    """Per cent of pixels with an error above 3 px and above 5 % of the true motion."""
    return Metric("Fl", "%", lambda pixels: 100.0 * fl(pixels.outlier_error, pixels.truth, pixels.mask))


def out_metric(threshold_px: float, prefix: str = "out") -> Metric[FlowPixels]:
    """Per cent of pixels with an error above a threshold, e.g. out-3.

    Example:
        >>> out_metric(3.0).name, out_metric(0.5, "R").name
        ('out-3', 'R-0.5')
    """
    name = f"{prefix}-{threshold_px:g}"
    return Metric(name, "%", lambda pixels: 100.0 * masked_mean(pixels.outlier_error > threshold_px, pixels.mask))


def ae_metric() -> Metric[FlowPixels]:
    """Mean angle in degrees between (u, v, 1) of prediction and truth."""
    return Metric("AE", "deg", lambda pixels: masked_mean(angular_error(pixels.flow, pixels.truth), pixels.mask))
