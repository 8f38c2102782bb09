"""Losses for depth that is known only up to a scale, or up to a scale and a shift."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from leadline.errors import InputError
from leadline.losses.reduce import batch_mean, image_means, masked_mean, multi_scale_sum
from leadline.losses.robust import l2, masked_error
from leadline.ops.filters import at_least_float32

# Below this the square root of a loss has too steep a gradient.
_SMALLEST_VARIANCE = 1e-12


def scale_invariant_log(
    prediction: Float[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    balance: float = 0.5,
) -> Float[Tensor, ""]:
    """Mean over images of mean(g^2) - balance mean(g)^2, where g = log prediction - log truth.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth; an image without any counts as 0.
        balance: 1 forgives a wrong scale, 0 does not.
    Source: Eigen et al. 2014, the scale-invariant training loss.
    """
    spread, offset = _log_moments(prediction, truth, weight)
    return batch_mean(spread + (1.0 - balance) * offset.square())


def root_scale_invariant_log(
    prediction: Float[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    balance: float = 0.85,
    gain: float = 10.0,
) -> Float[Tensor, ""]:
    """Gain times the square root of mean(g^2) - balance mean(g)^2, over the pixels of all images together.

    Args:
        prediction: Depth, > 0.
        truth: True depth, > 0; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
        balance: 1 forgives a wrong scale, 0 does not.
        gain: Factor of the root.
    Source: Lee et al. 2019 (BTS), the training loss; as in AdaBins and ZoeDepth. GLPN and Depth Anything V2 take
        balance 0.5 and gain 1.
    """
    pooled = (values.reshape(1, 1, 1, -1) for values in (prediction, truth, weight))
    spread, offset = _log_moments(*pooled)
    square = spread + (1.0 - balance) * offset.square()
    return gain * torch.where(square > _SMALLEST_VARIANCE, square.clamp_min(_SMALLEST_VARIANCE).sqrt(), 0.0).mean()


def scale_and_shift_invariant(
    prediction: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean absolute difference of both maps, each less its median and over its mean absolute deviation.

    The paper's sum is over twice the number of pixels: its loss is half of this mean, and a gradient term of the
    paper's weight alpha has the weight 2 alpha beside it.

    Args:
        prediction: Inverse depth up to scale and shift.
        truth: True inverse depth; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
    Source: Ranftl et al. 2020 (MiDaS), the scale- and shift-invariant loss by median and mean absolute deviation,
        with absolute differences, untrimmed.
    """
    truth = at_least_float32(truth).masked_fill(weight == 0, 0.0)
    return masked_mean((standardised(prediction, weight) - standardised(truth, weight)).abs(), weight)


def trimmed_scale_and_shift_invariant(
    prediction: Float[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    trim: float = 0.2,
) -> Float[Tensor, ""]:
    """Trimmed form of `scale_and_shift_invariant`: without each image's largest residuals, a mean over those kept.

    Args:
        prediction: Inverse depth up to scale and shift.
        truth: True inverse depth; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
        trim: Share of the pixels with truth that is left out of each image, to the nearest whole number.
    Raises:
        InputError: If the share is not in [0, 1).
    Source: Ranftl et al. 2020 (MiDaS), the trimmed loss; there the sum is over the number before trimming.
    """
    truth = at_least_float32(truth).masked_fill(weight == 0, 0.0)
    residual = (standardised(prediction, weight) - standardised(truth, weight)).abs()
    return masked_mean(residual, without_largest(residual, weight, trim))


def without_largest(
    residual: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"], trim: float
) -> Float[Tensor, "b 1 h w"]:
    """The weight, 0 where an image's residuals are largest.

    Args:
        residual: Error of each pixel, >= 0.
        weight: Per-pixel weight, 0 without truth.
        trim: Share of the pixels with truth that is left out of each image, to the nearest whole number.
    Raises:
        InputError: If the share is not in [0, 1).
    Source: Ranftl et al. 2020 (MiDaS), the trimmed loss.
    """
    if not 0.0 <= trim < 1.0:
        raise InputError(f"expected a share to trim in [0, 1), got {trim}; 0.2 leaves out the worst fifth")
    order = residual.detach().masked_fill(weight == 0, torch.inf).flatten(1).argsort(dim=1)
    kept = ((1.0 - trim) * (weight > 0).flatten(1).sum(dim=1, keepdim=True)).round()
    within = torch.arange(order.shape[1], device=order.device) < kept
    return weight * torch.zeros_like(within).scatter(1, order, within).reshape(weight.shape)


def scale_and_shift_invariant_l2(
    prediction: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean squared error of the prediction under its best scale and shift in each image.

    Args:
        prediction: Inverse depth up to scale and shift.
        truth: True inverse depth; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
    Source: Ranftl et al. 2020 (MiDaS), the loss aligned by least squares.
    """
    return l2(fitted_scale_and_shift(prediction, truth, weight), truth, weight)


def ordinal_ranking(
    first: Float[Tensor, "*shape"],
    second: Float[Tensor, "*shape"],
    relation: Int[Tensor, "*shape"],
    weight: Float[Tensor, "*shape"],
) -> Float[Tensor, ""]:
    """Mean of log(1 + exp(-r (z1 - z2))) over ordered pairs of points, and of (z1 - z2)^2 over equal ones.

    Args:
        first: Prediction z1 at the first point of each pair, in any unit that grows with the order.
        second: Prediction z2 at the second.
        relation: r, 1 where z1 should be the larger, -1 where z2 should, 0 where both should be equal.
        weight: Per-pair weight.
    Source: Chen et al. 2016 (DIW), section on learning with annotations of relative depth.
    """
    gap = masked_error(first, second, weight)
    return masked_mean(torch.where(relation == 0, gap**2, functional.softplus(-relation.sign() * gap)), weight)


def fitted_scale_and_shift(
    prediction: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, "b 1 h w"]:
    """The prediction as scale times it plus shift, where both fit the truth best in least squares, per image.

    An image that fixes no line (no truth, or a constant prediction) is only shifted.

    Source: Ranftl et al. 2020 (MiDaS), alignment by least squares.
    """
    values, target = at_least_float32(prediction), at_least_float32(truth).masked_fill(weight == 0, 0.0)
    middle, target_middle = _mean(values, weight), _mean(target, weight)
    variance = _mean((values - middle).square(), weight)
    covariance = _mean((values - middle) * (target - target_middle), weight)
    scale = torch.where(variance > _SMALLEST_VARIANCE, covariance / variance.clamp_min(_SMALLEST_VARIANCE), 1.0)
    return scale * (values - middle) + target_middle


def gradient_matching(
    prediction: Float[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    scales: int = 4,
) -> Float[Tensor, ""]:
    """Sum over scales of the mean absolute difference of both maps' gradients; halved by taking every other pixel.

    Each mean is over the differences between two pixels with truth. The paper divides by the number of pixels with
    truth instead, so that its term is smaller where the truth is sparse.

    Args:
        prediction: Aligned with the truth beforehand.
        truth: Anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth; a difference counts by the lesser of its two weights.
        scales: Number of scales, from the full one down.
    Source: Ranftl et al. 2020 (MiDaS), the multi-scale gradient matching term; Li and Snavely 2018 (MegaDepth).
    """
    return multi_scale_sum(_change, masked_error(prediction, truth, weight), weight, scales=scales)


def _change(error: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """Mean absolute difference of neighbouring errors along x, plus that along y."""
    total = error.new_zeros(())
    for axis in (2, 3):
        length = error.shape[axis] - 1
        change = error.narrow(axis, 1, length) - error.narrow(axis, 0, length)
        both = torch.minimum(weight.narrow(axis, 1, length), weight.narrow(axis, 0, length))
        total = total + masked_mean(change.abs(), both)
    return total


def _mean(values: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 1 1"]:
    return image_means(values, weight).view(-1, 1, 1, 1)


def _log_moments(
    prediction: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b 1 1 1"], Float[Tensor, "b 1 1 1"]]:
    """Variance and mean of log prediction - log truth, per image: their sum of squares has no cancellation."""
    known = weight > 0
    ratio = at_least_float32(prediction).where(known, 1.0).log() - at_least_float32(truth).where(known, 1.0).log()
    offset = _mean(ratio, weight)
    return _mean((ratio - offset).square(), weight), offset


def standardised(values: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """The map less its median and over its mean absolute deviation from it, both over the weighted pixels of an image.

    Args:
        values: Inverse depth up to scale and shift; pixels without weight are shifted and scaled alike.
        weight: Per-pixel weight, 0 without truth; for the median, all that is above 0 counts alike.
    Source: Ranftl et al. 2020 (MiDaS), alignment by median and mean absolute deviation.
    """
    values = at_least_float32(values)
    medians = [
        v[w > 0].median() if bool((w > 0).any()) else v.new_zeros(()) for v, w in zip(values, weight, strict=True)
    ]
    centred = values - (torch.stack(medians) if medians else values.new_zeros(0)).view(-1, 1, 1, 1)
    return centred / _mean(centred.abs(), weight).clamp_min(1e-6)
