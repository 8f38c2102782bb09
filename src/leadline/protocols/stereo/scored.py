"""Pixels that a stereo protocol scores, and the treatment of missing predictions."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float32, Float64

from leadline.classical.fill import fill_background
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.metrics.disparity import absolute_error, density, has_prediction
from leadline.protocols.report import Conditions
from leadline.protocols.rules import NO_OCCLUSION_MASK, NO_PIXEL, NO_TRUTH, NOTHING_PREDICTED, Region, Rule
from leadline.samples import StereoSample


@dataclass(frozen=True, eq=False)
class ScoredPixels:
    """One method's errors on one scene, under one mask and rule.

    Args:
        error: Pixels, finite wherever the mask is true.
        outlier_error: The same, but +inf where a prediction is missing.
        truth: True disparity, pixels.
        mask: The pixels that count; at least one.
        density: Share of the pixels with truth under the protocol's mask, in [0, 1], that have a prediction: under the
            sparse rule a valid one, else any, and before interpolation.
        confidence: The method's P(error < 1 px), if it gives one.
        conditions: What was done to the prediction before.
    """

    error: Float64[np.ndarray, "h w"]
    outlier_error: Float64[np.ndarray, "h w"]
    truth: Float32[np.ndarray, "h w"]
    mask: Bool[np.ndarray, "h w"]
    density: float
    confidence: Float32[np.ndarray, "h w"] | None
    conditions: Conditions = field(default_factory=Conditions)


def score_pixels(scene: StereoSample, prediction: DisparityMap, mask: Region, rule: Rule) -> ScoredPixels | str:
    """The errors that count, or in a few words why none do.

    Args:
        scene: Images with truth.
        prediction: What the method says about the left image.
        mask: Which pixels with truth count.
        rule: What a missing prediction means.
    Returns:
        The scored pixels; a reason if this scene must be left out.
    Raises:
        InputError: If the prediction is not of the left image's size.
    """
    if prediction.disparity.shape != scene.left.shape[:2]:
        raise InputError(
            f"expected a disparity of the left image's (height, width) {scene.left.shape[:2]} for scene "
            f"{scene.key}, got {prediction.disparity.shape}; resize it and scale its values"
        )
    counted = counted_pixels(scene, mask)
    if isinstance(counted, str):
        return counted
    assert scene.truth is not None, "it has pixels with truth"
    predicted = prediction.valid if rule == "sparse" else has_prediction(prediction)
    predicted_share = density(predicted, counted)
    if rule == "sparse" and predicted_share == 0.0:
        return NOTHING_PREDICTED
    disparity = prediction.disparity
    if rule == "background-interpolated":
        disparity, predicted = interpolate_background(disparity, predicted)
    elif rule == "sparse":
        counted = counted & predicted
    error = absolute_error(np.where(predicted, disparity, np.float32(0.0)), scene.truth.disparity)
    outlier_error = np.where(predicted, error, np.inf)
    return ScoredPixels(error, outlier_error, scene.truth.disparity, counted, predicted_share, prediction.confidence)


def counted_pixels(scene: StereoSample, mask: Region) -> Bool[np.ndarray, "h w"] | str:
    """The pixels with truth that a mask lets count, or in a few words why there are none."""
    if scene.truth is None:
        return NO_TRUTH
    counted = scene.truth.valid
    if mask == "noc":
        if scene.occluded is None:
            return NO_OCCLUSION_MASK
        counted = counted & ~scene.occluded
    return counted if counted.any() else NO_PIXEL


def interpolate_background(
    disparity: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Fills missing predictions from the background, as the KITTI devkit does.

    In each row a gap takes the smaller disparity of its two ends, and the row's ends extend to the borders. Then the
    first and last rows with a prediction extend to the top and to the bottom. A row without any prediction between two
    rows that have some stays missing. A negative disparity counts as missing: KITTI's files cannot hold one.

    Args:
        disparity: Pixels.
        valid: Where there is a prediction.
    Returns:
        The filled disparity, and where it is valid afterwards.
    Example:
        >>> disparity, known = np.array([[0, 5, 0, 3]], np.float32), np.array([[False, True, False, True]])
        >>> filled, valid = interpolate_background(disparity, known)
        >>> filled.tolist(), valid.tolist()
        ([[5.0, 5.0, 3.0, 3.0]], [[True, True, True, True]])

    Source: interpolateBackground in io_disp.h of the KITTI stereo 2012 and 2015 devkits.
    """
    known = valid & (disparity >= 0)
    rows = np.asarray(known.any(axis=1))
    if rows.any():
        first, last = np.flatnonzero(rows)[[0, -1]]
        rows[:first], rows[last + 1 :] = True, True
    return fill_background(disparity, known), np.repeat(rows[:, None], disparity.shape[1], axis=1)
