"""Depth errors, in float64. Predictions are aligned beforehand; shares are in [0, 1] and comparisons are strict.

Every function refuses what is no depth: NaN, inf, 0 and negative numbers under the mask are errors, never scores.
Throughout, z is the predicted depth and g the true one.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.metrics.disparity import absolute_error
from leadline.metrics.reduce import masked_mean, masked_values

DELTA_BASE = 1.25


def has_depth(prediction: DepthMap) -> Bool[np.ndarray, "h w"]:
    """Mask of the pixels where a dense map has a value: a valid one, or at least a finite guess above 0.

    Args:
        prediction: A method's map.
    Returns:
        True where there is a value to score.
    """
    return prediction.valid | (np.isfinite(prediction.depth) & (prediction.depth > 0))


def relative_error(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"]
) -> Float64[np.ndarray, "*shape"]:
    """|z - g| / g per pixel; anything where either is unknown.

    Args:
        prediction: Depth.
        truth: True depth, in the same unit.
    Returns:
        A ratio.
    """
    target = truth.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.abs(prediction.astype(np.float64) - target) / target


def ratio_error(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"]
) -> Float64[np.ndarray, "*shape"]:
    """max(z / g, g / z) per pixel: 1 is perfect; anything where either is unknown.

    Args:
        prediction: Depth.
        truth: True depth, in the same unit.
    Returns:
        A ratio of at least 1.
    """
    values, target = prediction.astype(np.float64), truth.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.maximum(values / target, target / values)


def abs_rel(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """AbsRel: the mean of |z - g| / g.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
    Returns:
        A ratio; 0 is perfect.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Example:
        >>> everywhere = np.ones(2, dtype=bool)
        >>> abs_rel(np.array([1.5, 4.0]), np.array([1.0, 4.0]), everywhere)
        0.25

    Source: "abs relative difference" of Eigen et al., Depth Map Prediction from a Single Image, NeurIPS 2014.
    """
    _refuse_no_depth(prediction, truth, mask)
    return masked_mean(relative_error(prediction, truth), mask)


def sq_rel(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """SqRel over the depth: the mean of (z - g)^2 / g.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
    Returns:
        In the unit of the depth.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: "squared relative difference" of Eigen et al. 2014, as computed by the evaluators of KITTI's Eigen split.
    """
    _refuse_no_depth(prediction, truth, mask)
    return masked_mean(relative_error(prediction, truth) * absolute_error(prediction, truth), mask)


def sq_rel_over_square(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """SqRel over the depth squared: the mean of ((z - g) / g)^2.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
    Returns:
        A ratio.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: "sqErrorRel" of the KITTI depth prediction benchmark, which gives it in per cent.
    """
    _refuse_no_depth(prediction, truth, mask)
    return masked_mean(np.square(relative_error(prediction, truth)), mask)


def rmse(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """RMSE: the root of the mean of (z - g)^2.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
    Returns:
        In the unit of the depth.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: "RMSE (linear)" of Eigen et al. 2014.
    """
    _refuse_no_depth(prediction, truth, mask)
    return float(np.sqrt(masked_mean(np.square(absolute_error(prediction, truth)), mask)))


def rmse_log(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """RMSE log: the root of the mean of (ln z - ln g)^2.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
    Returns:
        Natural logarithm of a ratio.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: "RMSE (log)" of Eigen et al. 2014.
    """
    return float(np.sqrt(np.square(_log_ratio(prediction, truth, mask)).mean()))


def log10(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """Log10: the mean of |log10 z - log10 g|.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
    Returns:
        Decimal logarithm of a ratio.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: Saxena et al., Make3D: Learning 3D Scene Structure from a Single Still Image, TPAMI 2009.
    """
    return float(np.abs(_log_ratio(prediction, truth, mask)).mean() / np.log(10.0))


def silog_eigen(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """Scale-invariant mean squared log error: mean(e^2) - mean(e)^2, where e = ln z - ln g.

    Args:
        prediction: Depth, > 0; its scale does not matter.
        truth: True depth, > 0.
        mask: Pixels that count.
    Returns:
        Variance of the natural logarithm of a ratio.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: Eigen et al. 2014, equation 3.
    """
    return float(np.var(_log_ratio(prediction, truth, mask)))


def silog_kitti(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """SILog of KITTI: 100 sqrt(mean(e^2) - mean(e)^2), where e = ln z - ln g.

    Args:
        prediction: Depth, > 0; its scale does not matter.
        truth: True depth, > 0.
        mask: Pixels that count.
    Returns:
        100 times the standard deviation of the natural logarithm of a ratio.
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: "SILog [log(m)*100]" of the KITTI depth prediction benchmark.
    """
    return 100.0 * float(np.std(_log_ratio(prediction, truth, mask)))


def delta(
    prediction: Float[np.ndarray, "*shape"],
    truth: Float[np.ndarray, "*shape"],
    mask: Bool[np.ndarray, "*shape"],
    power: int = 1,
) -> float:
    """The share of pixels with max(z / g, g / z) < 1.25^n; more is better.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
        power: n.
    Returns:
        Share in [0, 1].
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Example:
        >>> everywhere = np.ones(4, dtype=bool)
        >>> delta(np.array([1.0, 1.2, 1.3, 3.0]), np.ones(4), everywhere)
        0.5

    Source: Ladicky et al., Pulling Things out of Perspective, CVPR 2014; "threshold" of Eigen et al. 2014.
    """
    _refuse_no_depth(prediction, truth, mask)
    return masked_mean(ratio_error(prediction, truth) < DELTA_BASE**power, mask)


def delta_outliers(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """The share of pixels with max(z / g, g / z) > 1.25; less is better.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0, in the same unit.
        mask: Pixels that count.
    Returns:
        Share in [0, 1].
    Raises:
        InputError: If nothing counts, or a depth that counts is not positive and finite.
    Source: Ranftl et al., Towards Robust Monocular Depth Estimation, TPAMI 2022 (in per cent).
    """
    _refuse_no_depth(prediction, truth, mask)
    return masked_mean(ratio_error(prediction, truth) > DELTA_BASE, mask)


def ordinal_relation(
    first: Float[np.ndarray, " pairs"], second: Float[np.ndarray, " pairs"], tolerance: float
) -> Int[np.ndarray, " pairs"]:
    """Order of the points of each pair by depth: 1 the first, -1 the second, 0 neither by more than the tolerance.

    Args:
        first: Depths, > 0.
        second: Depths, > 0, in the same unit.
        tolerance: tau; the first is farther if first / second > 1 + tau.
    Returns:
        1, 0 or -1 for each pair.
    Raises:
        InputError: If there is no pair, a depth is not positive and finite, or the tolerance is negative.
    Source: Zoran et al., Learning Ordinal Relationships for Mid-Level Vision, ICCV 2015.
    """
    if not tolerance >= 0.0:
        raise InputError(f"expected a tolerance of at least 0, got {tolerance}; 0.02 is two per cent")
    _refuse_no_depth(first, second, np.ones(first.shape, dtype=bool))
    ratio = first.astype(np.float64) / second.astype(np.float64)
    return (ratio > 1.0 + tolerance).astype(np.int64) - (1.0 / ratio > 1.0 + tolerance)


def whdr(
    predicted: Int[np.ndarray, " pairs"],
    judged: Int[np.ndarray, " pairs"],
    weight: Float[np.ndarray, " pairs"] | None = None,
) -> float:
    """WHDR: the weighted share of pairs whose predicted order is not the judged one. Ordinal agreement is 1 - WHDR.

    Args:
        predicted: 1, 0 or -1 for each pair, as `ordinal_relation` gives them.
        judged: What people, or the truth, say.
        weight: How sure the judges are, >= 0; equal if absent.
    Returns:
        Share in [0, 1].
    Raises:
        InputError: If there is no pair, or the weights are negative, not finite or all 0.
    Source: Bell et al., Intrinsic Images in the Wild, SIGGRAPH 2014; for depth, Chen et al., Single-Image Depth
        Perception in the Wild, NeurIPS 2016, with equal weights.
    """
    weights = np.ones(judged.shape) if weight is None else weight.astype(np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise InputError("expected finite weights >= 0 of at least one pair, got others; leave such pairs out")
    return float(np.average(predicted != judged, weights=weights))


def _log_ratio(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> Float64[np.ndarray, " n"]:
    """Ln z - ln g of the pixels that count."""
    _refuse_no_depth(prediction, truth, mask)
    return np.log(masked_values(prediction, mask)) - np.log(masked_values(truth, mask))


def _refuse_no_depth(
    prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> None:
    for values, label in ((prediction, "prediction"), (truth, "truth")):
        lowest = masked_values(values, mask).min()
        if lowest <= 0.0:
            raise InputError(
                f"expected a {label} above 0 under the mask, got {lowest:g}; clamp it or take it out of the mask"
            )
