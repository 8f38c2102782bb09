"""What a published stereo protocol is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from leadline.metrics.disparity import avgerr, bad, error_quantile, rms
from leadline.protocols.scored import Mask, Rule, ScoredPixels

Unit = Literal["%", "px", "m", "1"]

SceneAveraging = Literal["mean-over-scenes", "pixel-pooled"]
"""mean-over-scenes: each scene weighs the same. pixel-pooled: each scored pixel weighs the same."""


PixelsT = TypeVar("PixelsT")
"""What a metric is given: the scored pixels of one scene."""


@dataclass(frozen=True)
class Metric(Generic[PixelsT]):
    """One number of a protocol.

    Args:
        name: As the protocol publishes it.
        unit: Of the value; "1" has none.
        score: The value on one scene; None where it is undefined there and the scene must be left out.
    """

    name: str
    unit: Unit
    score: Callable[[PixelsT], float | None]


@dataclass(frozen=True)
class StereoProtocol:
    """How a published benchmark turns disparity maps into numbers.

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


def bad_metric(threshold_px: float, prefix: str = "bad") -> Metric[ScoredPixels]:
    """Per cent of pixels with an error above a threshold, e.g. bad-2 or bad-0.5."""
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
