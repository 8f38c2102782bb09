"""The robust loss whose shape and scale are learned along with the network."""

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError
from leadline.losses.reduce import masked_mean
from leadline.losses.robust import general_robust, masked_error
from leadline.ops.filters import at_least_float32

# Beyond exp(-40) .. exp(40) lies less than 1e-16 of any of the densities; the step leaves an error of the same size.
_LOG_REACH, _LOG_STEP = 40.0, 0.125


def log_partition(alpha: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Log-partition of Barron's loss, which makes it a likelihood: log Z(a), the integral of exp(-rho(x, a, 1)) over x.

    The trapezoidal rule over log x, in which the integrand is smooth at every scale, is exact to rounding and gives
    the derivative as well. It takes 641 evaluations for each alpha: have one per channel, not one per pixel.

    Args:
        alpha: Shapes in [0, 2]; below 0 the integral is infinite.
    Returns:
        log(pi sqrt(2)) at a = 0, 1 + log(2 K1(1)) at 1, log(2 pi) / 2 at 2; at least float32.
    Raises:
        InputError: If a shape is not in [0, 2].
    Source: Barron 2019, section on the probability density function.
    """
    if not bool(((alpha >= 0.0) & (alpha <= 2.0)).all()):
        worst = alpha.detach().flatten()[(alpha.detach().double().flatten() - 1.0).abs().argmax()]
        raise InputError(f"expected every alpha in [0, 2], got {float(worst)}; only there is the loss a likelihood")
    steps = round(_LOG_REACH / _LOG_STEP)
    log_error = _LOG_STEP * torch.arange(-steps, steps + 1, device=alpha.device, dtype=torch.float64)
    error = log_error.exp().expand(*alpha.shape, -1)
    exponent = log_error - general_robust(error, alpha.double().unsqueeze(-1), 1.0)
    # Both halves of the line are alike, hence the 2.
    integral = exponent.logsumexp(dim=-1) + math.log(2.0 * _LOG_STEP)
    return integral.to(torch.promote_types(alpha.dtype, torch.float32))


def adaptive_nll(
    error: Float[Tensor, "*shape"], alpha: Float[Tensor, "*#shape"], scale: Float[Tensor, "*#shape"]
) -> Float[Tensor, "*shape"]:
    """Negative log-likelihood rho(x, a, c) + log c + log Z(a) of each error. Reduce it with `masked_mean`.

    Without the last two terms the cheapest shape and scale are those that forgive everything.

    Args:
        error: Residuals x.
        alpha: Shape a in [0, 2]: 2 is the normal distribution, 1 near Laplace's, 0 Cauchy's.
        scale: Scale c, > 0, in the unit of the error.
    Raises:
        InputError: If a shape is not in [0, 2].
    Source: Barron 2019, section on the probability density function.
    """
    return general_robust(error, alpha, scale) + at_least_float32(scale).log() + log_partition(alpha)


@final
class AdaptiveRobust(nn.Module):
    """`adaptive_nll` with a shape and a scale of its own for each channel, learned by the network's optimiser.

    The shape is a sigmoid and the scale a softplus of a latent parameter, so that neither leaves its range; exclude
    both from weight decay.

    Args:
        channels: Channels of the values.
        lowest_alpha: Least shape, in [0, 2).
        highest_alpha: Greatest shape, in (lowest_alpha, 2]; the shape begins half way.
        initial_scale: Scale at the beginning, in the unit of the values.
        lowest_scale: Least scale, > 0 and below the initial one: an error of 0 must not be infinitely likely.
    Raises:
        InputError: If a bound is not as said.
    Source: Barron 2019, the adaptive loss of its experiments; the bounds of the shape are those of its published form.
    """

    def __init__(
        self,
        channels: int = 1,
        lowest_alpha: float = 0.001,
        highest_alpha: float = 1.999,
        initial_scale: float = 1.0,
        lowest_scale: float = 1e-5,
    ) -> None:
        super().__init__()
        if channels < 1:
            raise InputError(f"expected at least 1 channel, got {channels}; give the number of the values' channels")
        if not 0.0 <= lowest_alpha < highest_alpha <= 2.0:
            raise InputError(
                f"expected 0 <= lowest_alpha < highest_alpha <= 2, got {lowest_alpha} and {highest_alpha}; "
                "only there is the loss a likelihood"
            )
        if not 0.0 < lowest_scale < initial_scale:
            raise InputError(
                f"expected 0 < lowest_scale < initial_scale, got {lowest_scale} and {initial_scale}; "
                "begin near the errors' size"
            )
        self.channels = channels
        self._alphas, self._lowest_scale = (lowest_alpha, highest_alpha), lowest_scale
        self.latent_alpha = nn.Parameter(torch.zeros(channels, 1, 1))
        # softplus(log(e^s - 1)) = s, and for large s without overflow.
        excess = initial_scale - lowest_scale
        self.latent_scale = nn.Parameter(torch.full((channels, 1, 1), excess + math.log(-math.expm1(-excess))))

    @property
    def alpha(self) -> Float[Tensor, "c 1 1"]:
        """Shape of each channel."""
        lowest, highest = self._alphas
        return lowest + (highest - lowest) * at_least_float32(self.latent_alpha).sigmoid()

    @property
    def scale(self) -> Float[Tensor, "c 1 1"]:
        """Scale of each channel, in the unit of the values."""
        return self._lowest_scale + functional.softplus(at_least_float32(self.latent_scale))

    def forward(
        self,
        prediction: Float[Tensor, "b {self.channels} h w"],
        truth: Float[Tensor, "b {self.channels} h w"],
        weight: Float[Tensor, "b {self.channels} h w"],
    ) -> Float[Tensor, ""]:
        """Mean negative log-likelihood; anything may stand in the truth where the weight is 0."""
        return masked_mean(adaptive_nll(masked_error(prediction, truth, weight), self.alpha, self.scale), weight)
