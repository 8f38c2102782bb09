"""Distances between prediction and truth, from the square to those that forgive outliers."""

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.losses.reduce import masked_mean
from leadline.ops.filters import at_least_float32


def masked_error(
    prediction: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"], weight: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Prediction less truth, 0 without weight: else a NaN truth would spread through the gradient of a square."""
    return (at_least_float32(prediction) - at_least_float32(truth)).masked_fill(weight == 0, 0.0)


def l1(
    prediction: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"], weight: Float[Tensor, "*shape"]
) -> Float[Tensor, ""]:
    """Mean absolute error; anything may stand in the truth where the weight is 0."""
    return masked_mean(masked_error(prediction, truth, weight).abs(), weight)


def l2(
    prediction: Float[Tensor, "*shape"], truth: Float[Tensor, "*shape"], weight: Float[Tensor, "*shape"]
) -> Float[Tensor, ""]:
    """Mean squared error; anything may stand in the truth where the weight is 0."""
    return masked_mean(masked_error(prediction, truth, weight) ** 2, weight)


def charbonnier(
    prediction: Float[Tensor, "*shape"],
    truth: Float[Tensor, "*shape"],
    weight: Float[Tensor, "*shape"],
    epsilon: float = 1e-3,
) -> Float[Tensor, ""]:
    """Mean of sqrt(e^2 + epsilon^2): the absolute error with a round corner, epsilon where there is no error.

    Args:
        prediction: Any values.
        truth: Their truth; anything where the weight is 0.
        weight: Per-value weight, 0 without truth.
        epsilon: Radius of the corner, > 0, in the unit of the values.
    Source: Charbonnier et al. 1994; in this form Lai et al. 2017 (LapSRN).
    """
    return masked_mean((masked_error(prediction, truth, weight) ** 2 + epsilon**2).sqrt(), weight)


def general_robust(
    error: Float[Tensor, "*shape"], alpha: float | Float[Tensor, "*#shape"], scale: float | Float[Tensor, "*#shape"]
) -> Float[Tensor, "*shape"]:
    """Barron's rho(x) = |a - 2| / a (((x / c)^2 / |a - 2| + 1)^(a / 2) - 1) of each error.

    Its special cases: a = 2 is the square (x / c)^2 / 2, 1 Charbonnier less its offset, 0 Cauchy, -2 Geman-McClure,
    -inf Welsch. Reduce it with `masked_mean`.

    Args:
        error: Residuals x.
        alpha: Shape a, less than infinity; the smaller, the less an outlier pulls. A tensor of shapes is finite, and
            has no gradient where it is exactly 0 or 2.
        scale: Error c, > 0, at which the bowl ends.
    Source: Barron 2019, A General and Adaptive Robust Loss Function.
    """
    square = (at_least_float32(error) / scale) ** 2
    # Where the formula is 0 / 0 it is read an epsilon beside; expm1 and log1p keep their precision there.
    epsilon = torch.finfo(square.dtype).eps
    if isinstance(alpha, Tensor):
        curvature, shape = (alpha - 2.0).abs().clamp_min(epsilon), alpha.where(alpha.abs() > epsilon, epsilon)
    elif alpha == 2.0:
        return 0.5 * square
    elif alpha == -torch.inf:
        return -torch.expm1(-0.5 * square)
    else:
        curvature, shape = max(abs(alpha - 2.0), epsilon), alpha if abs(alpha) > epsilon else epsilon
    return curvature / shape * torch.expm1(0.5 * shape * torch.log1p(square / curvature))
