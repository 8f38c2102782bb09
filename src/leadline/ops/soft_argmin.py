"""Soft-argmin: one disparity from a volume of costs, over all candidates or over the best few."""

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.errors import InputError
from leadline.ops.filters import at_least_float32


def soft_argmin(costs: Float[Tensor, "b d h w"]) -> Float[Tensor, "b 1 h w"]:
    """Expected disparity: the sum of d softmax(-c)_d.

    Args:
        costs: Costs of the disparities 0 .. d - 1, the negative of unnormalised log-probabilities.
    Returns:
        Disparity in bins, at least float32: half precision cannot tell large disparities apart.
    Source: Kendall et al. 2017 (GC-Net), equation 1.
    """
    bins = torch.arange(costs.shape[1], device=costs.device).view(1, -1, 1, 1)
    return (at_least_float32(-costs).softmax(dim=1) * bins).sum(dim=1, keepdim=True)


def top_k_soft_argmin(costs: Float[Tensor, "b d h w"], k: int) -> Float[Tensor, "b 1 h w"]:
    """Expected disparity under a softmax over the k cheapest candidates only.

    Args:
        costs: Costs of the disparities 0 .. d - 1, the negative of unnormalised log-probabilities.
        k: Candidates kept, between 1 and d.
    Returns:
        Disparity in bins, at least float32.
    Raises:
        InputError: If there are fewer than k candidates.
    Source: Bangunharto et al. 2021 (CoEx), section III-C.
    """
    if not 1 <= k <= costs.shape[1]:
        raise InputError(f"expected k from 1 to the {costs.shape[1]} candidates, got {k}; choose fewer")
    best, bins = at_least_float32(-costs).topk(k, dim=1)
    return (best.softmax(dim=1) * bins).sum(dim=1, keepdim=True)
