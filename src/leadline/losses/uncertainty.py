"""Losses under which a network says how far off it may be."""

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.losses.reduce import masked_mean
from leadline.losses.robust import masked_error
from leadline.ops.filters import at_least_float32


def laplacian_nll(
    prediction: Float[Tensor, "*shape"],
    truth: Float[Tensor, "*shape"],
    log_scale: Float[Tensor, "*shape"],
    weight: Float[Tensor, "*shape"],
) -> Float[Tensor, ""]:
    """Negative log-likelihood |e| exp(-s) + s + log 2 of a Laplacian error with scale exp(s).

    Args:
        prediction: Any values.
        truth: Their truth; anything where the weight is 0.
        log_scale: s; its optimum is the logarithm of the mean absolute error.
        weight: Per-value weight, 0 without truth.
    Source: Kendall and Gal 2017, What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, with a
        Laplacian.
    """
    log_scale = at_least_float32(log_scale)
    error = masked_error(prediction, truth, weight).abs()
    return masked_mean(error * (-log_scale).exp() + log_scale + math.log(2.0), weight)


def gaussian_nll(
    prediction: Float[Tensor, "*shape"],
    truth: Float[Tensor, "*shape"],
    log_scale: Float[Tensor, "*shape"],
    weight: Float[Tensor, "*shape"],
) -> Float[Tensor, ""]:
    """Negative log-likelihood e^2 exp(-2s) / 2 + s + log(2 pi) / 2 of a Gaussian error with deviation exp(s).

    Args:
        prediction: Any values.
        truth: Their truth; anything where the weight is 0.
        log_scale: s; its optimum is the logarithm of the root mean squared error.
        weight: Per-value weight, 0 without truth.
    Source: Nix and Weigend 1994; Kendall and Gal 2017, heteroscedastic aleatoric uncertainty.
    """
    log_scale = at_least_float32(log_scale)
    square = masked_error(prediction, truth, weight) ** 2
    return masked_mean(0.5 * square * (-2.0 * log_scale).exp() + log_scale + 0.5 * math.log(2.0 * math.pi), weight)


def ajna(
    prediction: Float[Tensor, "*shape"],
    truth: Float[Tensor, "*shape"],
    upsilon: Float[Tensor, "*shape"],
    weight: Float[Tensor, "*shape"],
    balance: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean of |e| / softplus(u) + balance softplus(u).

    This is no likelihood: at its optimum softplus(u) is sqrt(|e| / balance), so recalibrate it before quoting
    intervals.

    Args:
        prediction: Any values.
        truth: Their truth; anything where the weight is 0.
        upsilon: u, before the softplus, which is kept above 1e-6.
        weight: Per-value weight, 0 without truth.
        balance: Price of being unsure.
    Source: Sanket et al. 2023 (Ajna), argmin h(u) f + lambda g(u) with h = 1 / softplus and g = softplus.
    """
    spread = functional.softplus(at_least_float32(upsilon)).clamp_min(1e-6)
    return masked_mean(masked_error(prediction, truth, weight).abs() / spread + balance * spread, weight)
