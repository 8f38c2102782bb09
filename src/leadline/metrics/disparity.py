"""Disparity errors, in float64. Shares are in [0, 1]; every comparison with a threshold is strict.

An error of +inf means "no prediction here": an outlier at every threshold, and refused where errors are averaged.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.metrics.reduce import masked_mean, masked_values

D1_ABSOLUTE_PX = 3.0
D1_RELATIVE = 0.05


def has_prediction(prediction: DisparityMap) -> Bool[np.ndarray, "h w"]:
    """Mask of the pixels where a dense map has a value: a valid one, or at least a finite guess above 0.

    Matchers fill their holes with guesses and leave them invalid; 0, NaN and inf on an invalid pixel are no guess.

    Args:
        prediction: A method's map.
    Returns:
        True where there is a value to score.
    """
    return prediction.valid | (np.isfinite(prediction.disparity) & (prediction.disparity > 0))


def absolute_error(
    disparity: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"]
) -> Float64[np.ndarray, "*shape"]:
    """|disparity - truth| per pixel, in float64; NaN where either is unknown.

    Args:
        disparity: Predicted pixels.
        truth: True pixels.
    Returns:
        Pixels.
    """
    with np.errstate(invalid="ignore"):
        return np.abs(disparity.astype(np.float64) - truth.astype(np.float64))


def avgerr(error: Float64[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]) -> float:
    """Mean absolute error, also known as EPE (end-point error).

    Args:
        error: Absolute error, pixels.
        mask: Pixels that count.
    Returns:
        Pixels.
    Raises:
        InputError: If nothing counts or an error that counts is not finite.
    Source: "avgerr" of Middlebury stereo evaluation 3; "Avg" of KITTI 2012.
    """
    return masked_mean(error, mask)


def rms(error: Float64[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]) -> float:
    """Root of the mean squared error.

    Args:
        error: Absolute error, pixels.
        mask: Pixels that count.
    Returns:
        Pixels.
    Raises:
        InputError: If nothing counts or an error that counts is not finite.
    Source: "rms" of Middlebury stereo evaluation 3.
    """
    return float(np.sqrt(np.square(masked_values(error, mask)).mean()))


def bad(error: Float64[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"], threshold_px: float) -> float:
    """bad-t: the share of pixels whose error is above t pixels.

    Args:
        error: Absolute error, pixels; +inf where there is no prediction.
        mask: Pixels that count.
        threshold_px: t.
    Returns:
        Share in [0, 1].
    Raises:
        InputError: If nothing counts or an error that counts is NaN.
    Example:
        >>> everywhere = np.ones(4, dtype=bool)
        >>> bad(np.array([0.5, 2.0, 2.5, np.inf]), everywhere, 2.0)
        0.5

    Source: "bad t" of Middlebury stereo evaluation 3; "Out" of KITTI 2012.
    """
    _refuse_nan(error, mask)
    return masked_mean(error > threshold_px, mask)


def d1(
    error: Float64[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """D1: the share of pixels whose error is above 3 px AND above 5 % of the true disparity.

    Args:
        error: Absolute error, pixels; +inf where there is no prediction.
        truth: True disparity, pixels.
        mask: Pixels that count.
    Returns:
        Share in [0, 1].
    Raises:
        InputError: If nothing counts or an error or truth that counts is NaN.
    Example:
        >>> error, truth = np.array([4.0, 4.0]), np.array([50.0, 100.0])
        >>> d1(error, truth, np.ones(2, dtype=bool))
        0.5

    Source: Menze and Geiger, Object Scene Flow for Autonomous Vehicles, CVPR 2015; KITTI 2015 devkit.
    """
    _refuse_nan(error, mask)
    _refuse_nan(truth, mask)
    with np.errstate(invalid="ignore"):
        outlier = (error > D1_ABSOLUTE_PX) & (error > D1_RELATIVE * np.abs(truth.astype(np.float64)))
    return masked_mean(outlier, mask)


def error_quantile(error: Float64[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"], quantile: float) -> float:
    """The error that this share of the pixels stays below, e.g. A90 for 0.9, linearly interpolated between ranks.

    Args:
        error: Absolute error, pixels.
        mask: Pixels that count.
        quantile: In [0, 1].
    Returns:
        Pixels.
    Raises:
        InputError: If nothing counts, an error that counts is not finite, or the quantile is outside [0, 1].
    Source: A50, A90, A95, A99 of Middlebury stereo evaluation 3.
    """
    if not 0.0 <= quantile <= 1.0:
        raise InputError(f"expected a quantile in [0, 1], got {quantile}; A90 is 0.9")
    return float(np.quantile(masked_values(error, mask), quantile))


def density(predicted: Bool[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]) -> float:
    """The share of the pixels that count for which there is a prediction.

    Args:
        predicted: Where the method stands by its value.
        mask: Pixels that count.
    Returns:
        Share in [0, 1].
    Raises:
        InputError: If nothing counts.
    """
    return masked_mean(predicted, mask)


def _refuse_nan(values: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]) -> None:
    if np.isnan(values[mask]).any():
        raise InputError("expected a number under the mask, got NaN; take unknown pixels out of the mask")
