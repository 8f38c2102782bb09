"""Measures of a confidence: ranking (AUSE, AURG, ROC AUC) and calibration (ECE, reliability), in float64."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from leadline.errors import InputError
from leadline.metrics.reduce import masked_values

INTERVALS = 50
"""Steps of the sparsification curves: 2 % of the pixels are removed at each."""


@dataclass(frozen=True)
class Sparsification:
    """Areas between sparsification curves; both are in the unit of the error.

    Args:
        ause: Between the confidence's curve and the oracle's; 0 is perfect.
        aurg: Between the flat curve of random removal and the confidence's; above 0 is better than chance.
    """

    ause: float
    aurg: float


@dataclass(frozen=True)
class ReliabilityBin:
    """Pixels of similar confidence, and how many of them were right.

    Args:
        lower: Lower edge of the bin.
        upper: Upper edge of the bin.
        count: Pixels in it, > 0.
        confidence: Their mean confidence.
        correct: Share of them whose error was below the threshold.
    """

    lower: float
    upper: float
    count: int
    confidence: float
    correct: float


def sparsification(
    error: Float64[np.ndarray, "*shape"], confidence: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> Sparsification:
    """AUSE and AURG of the mean error as in Poggi 2020: 50 steps, after the last of which nothing is left and scores 0.

    Pixels of equal confidence are removed in no particular order: the curve is the expectation over their order.

    Args:
        error: Absolute error in pixels, relative error of a depth, or 0 and 1 for an outlier share such as bad-2.
        confidence: Higher is more certain; only its order matters.
        mask: Pixels that count.
    Returns:
        The two areas over the removed fraction in [0, 1].
    Raises:
        InputError: If nothing counts, or an error or confidence that counts is not finite.
    Source: Poggi et al., On the Uncertainty of Self-Supervised Monocular Depth Estimation, CVPR 2020.
    """
    errors, ranks = masked_values(error, mask), masked_values(confidence, mask)
    return _areas_between(_sparsification_curve(errors, ranks), _sparsification_curve(errors, -errors))


def sparsification_rms(
    error: Float64[np.ndarray, "*shape"], confidence: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> Sparsification:
    """AUSE and AURG of the root of the mean squared error, otherwise as `sparsification`.

    Args:
        error: Absolute error, in pixels or metres.
        confidence: Higher is more certain; only its order matters.
        mask: Pixels that count.
    Returns:
        The two areas over the removed fraction in [0, 1].
    Raises:
        InputError: If nothing counts, or an error or confidence that counts is not finite.
    Source: Poggi et al., On the Uncertainty of Self-Supervised Monocular Depth Estimation, CVPR 2020.
    """
    squares, ranks = np.square(masked_values(error, mask)), masked_values(confidence, mask)
    by_confidence, oracle = _sparsification_curve(squares, ranks), _sparsification_curve(squares, -squares)
    return _areas_between(np.sqrt(by_confidence), np.sqrt(oracle))


def roc_auc(
    outlier: Bool[np.ndarray, "*shape"], confidence: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """Chance that an inlier has a higher confidence than an outlier, ties counting half.

    Args:
        outlier: Which pixels are wrong, e.g. error > 2 px for bad-2.
        confidence: Higher is more certain; only its order matters.
        mask: Pixels that count.
    Returns:
        In [0, 1]; 0.5 is chance, 1 is a perfect separation.
    Raises:
        InputError: If the pixels that count are all outliers or all inliers, or a confidence is not finite.
    Example:
        >>> outlier, confidence = np.array([True, False, False]), np.array([0.2, 0.9, 0.1])
        >>> roc_auc(outlier, confidence, np.ones(3, dtype=bool))
        0.5

    Source: the Mann-Whitney form of the area under the ROC curve.
    """
    values, wrong = masked_values(confidence, mask), masked_values(outlier, mask) > 0
    outliers = int(wrong.sum())
    inliers = wrong.size - outliers
    if outliers == 0 or inliers == 0:
        raise InputError(
            f"expected both outliers and inliers for a ROC curve, got {outliers} and {inliers}; exclude such an image"
        )
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[group]
    return float((ranks[~wrong].sum() - inliers * (inliers + 1) / 2.0) / (inliers * outliers))


def reliability(
    error: Float64[np.ndarray, "*shape"],
    confidence: Float[np.ndarray, "*shape"],
    mask: Bool[np.ndarray, "*shape"],
    threshold_px: float = 1.0,
    bins: int = 10,
) -> tuple[ReliabilityBin, ...]:
    """Confidence, read as P(error < threshold), against how often that came true.

    Args:
        error: Absolute error, pixels; +inf where there is no prediction.
        confidence: Probability in [0, 1].
        mask: Pixels that count.
        threshold_px: What the confidence promises.
        bins: Number of bins of equal width over [0, 1].
    Returns:
        The bins that have pixels, in rising order.
    Raises:
        InputError: If nothing counts, an error is NaN, or a confidence is outside [0, 1].
    """
    values = masked_values(confidence, mask)
    if values.min() < 0.0 or values.max() > 1.0:
        raise InputError(
            f"expected a confidence in [0, 1], got {values.min():g} to {values.max():g}; it is a probability"
        )
    if np.isnan(error[mask]).any():
        raise InputError("expected a number under the mask, got NaN; take unknown pixels out of the mask")
    correct = (error[mask] < threshold_px).astype(np.float64)
    index = np.minimum((values * bins).astype(np.int64), bins - 1)
    counts = np.bincount(index, minlength=bins)
    confidence_sums = np.bincount(index, weights=values, minlength=bins)
    correct_sums = np.bincount(index, weights=correct, minlength=bins)
    return tuple(
        ReliabilityBin(
            lower=i / bins,
            upper=(i + 1) / bins,
            count=int(counts[i]),
            confidence=float(confidence_sums[i] / counts[i]),
            correct=float(correct_sums[i] / counts[i]),
        )
        for i in range(bins)
        if counts[i] > 0
    )


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """ECE: the mean gap between promised and observed share of correct pixels, weighted by the bins' pixels.

    Args:
        bins: As `reliability` gives them.
    Returns:
        In [0, 1]; 0 is calibrated.
    Raises:
        InputError: If there is no bin.
    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    total = sum(b.count for b in bins)
    if total == 0:
        raise InputError("expected at least one reliability bin with pixels, got none; exclude such an image")
    return sum(b.count * abs(b.confidence - b.correct) for b in bins) / total


def _sparsification_curve(
    errors: Float64[np.ndarray, " n"], confidence: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " steps"]:
    """Mean error of what is left after the least confident 0 %, 2 %, ... 98 % are removed; then 0."""
    _, group, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    group_mean = np.bincount(group, weights=errors) / counts
    # From the most certain pixel on; within a tie each pixel has the tie's mean error.
    running_sum = np.cumsum(np.repeat(group_mean, counts))
    removed = np.arange(INTERVALS) / INTERVALS
    kept = np.maximum(np.rint((1.0 - removed) * errors.size).astype(np.int64), 1)
    return np.append(running_sum[kept - 1] / kept, 0.0)


def _areas_between(
    by_confidence: Float64[np.ndarray, " steps"], oracle: Float64[np.ndarray, " steps"]
) -> Sparsification:
    area = _area(by_confidence)
    # Random removal keeps the score of all pixels, with which every curve begins.
    return Sparsification(ause=area - _area(oracle), aurg=float(by_confidence[0]) - area)


def _area(curve: Float64[np.ndarray, " steps"]) -> float:
    """Trapezoidal rule over [0, 1]."""
    return float((curve.sum() - (curve[0] + curve[-1]) / 2.0) / INTERVALS)
