"""Smoothness that stops at edges."""

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.losses.reduce import masked_mean
from leadline.ops import forward_differences


def first_order_smoothness(
    values: Float[Tensor, "b c h w"], guide: Float[Tensor, "b k h w"], beta: float = 1.0
) -> Float[Tensor, ""]:
    """Mean of |dx v| exp(-beta |dx g|) plus that of |dy v| exp(-beta |dy g|), |d g| averaged over channels.

    Args:
        values: Disparity or flow.
        guide: Image in [0, 1], or a map of edges, at the same size.
        beta: How firmly an edge stops the smoothing.
    Source: Godard et al. 2017 (MonoDepth), the disparity smoothness loss; with predicted edges, Song et al.
        2020 (EdgeStereo).
    """
    pairs = zip(forward_differences(values), forward_differences(guide), strict=True)
    return sum((_stopped(change, edge, beta) for change, edge in pairs), start=values.new_zeros(()))


def second_order_smoothness(
    values: Float[Tensor, "b c h w"], guide: Float[Tensor, "b k h w"], beta: float = 1.0
) -> Float[Tensor, ""]:
    """Smoothness of second order, by second differences along x and y of values and guide: a slanted plane is smooth.

    Args:
        values: Disparity or flow.
        guide: Image in [0, 1], or a map of edges, at the same size.
        beta: How firmly an edge stops the smoothing.
    Source: Zhong et al. 2019 (EPIFlow), the second term of the smoothness loss.
    """
    first = zip(forward_differences(values), forward_differences(guide), strict=True)
    pairs = [(forward_differences(change)[i], forward_differences(edge)[i]) for i, (change, edge) in enumerate(first)]
    return sum((_stopped(change, edge, beta) for change, edge in pairs), start=values.new_zeros(()))


def mean_normalised(disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Disparity over its mean in each image, so that smoothness cannot be had by shrinking.

    Source: Wang et al. 2018 (DVO); Godard et al. 2019 (Monodepth2), the edge-aware smoothness.
    """
    return disparity / disparity.mean(dim=(2, 3), keepdim=True).clamp_min(1e-7)


def _stopped(change: Float[Tensor, "b c h w"], edge: Float[Tensor, "b k h w"], beta: float) -> Float[Tensor, ""]:
    stopped = change.abs() * (-beta * edge.abs().mean(dim=1, keepdim=True)).exp()
    return masked_mean(stopped, torch.ones_like(stopped))
