"""What a flow costs by the frames alone, shared by the methods that learn flow from video."""

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.losses import first_order_smoothness, l1_ssim_difference, masked_mean
from leadline.models.flow import FlowPrediction
from leadline.ops import warp_by_flow
from leadline.ops.filters import every, shrunk

_COARSE_DECAY = 0.7
"""Weight of an earlier flow relative to the next later one."""
_EDGE_BETA = 10.0
"""Strength with which an edge of the image stops the smoothing."""


def flow_photometric(
    prediction: FlowPrediction,
    target: Float[Tensor, "b 3 h w"],
    source: Float[Tensor, "b 3 h w"],
    weight: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, ""]:
    """How badly the source, warped by the flow, explains the target: each flow of the network at its own resolution.

    Args:
        prediction: Flow from the target to the source, and the earlier flows.
        target: Frame that is explained.
        source: Frame that is warped.
        weight: Per-pixel weight of the target; what leaves the source does not count either.
    """
    total, shares, share = target.new_zeros(()), 0.0, 1.0
    for flow in (prediction.flow, *reversed(prediction.coarse)):
        stride = target.shape[3] // flow.shape[3]
        near = shrunk(target, stride)
        warped, inside = warp_by_flow(shrunk(source, stride), flow.float() / stride)
        total = total + share * masked_mean(l1_ssim_difference(warped, near), every(weight, stride) * inside)
        shares, share = shares + share, share * _COARSE_DECAY
    return total / shares


def flow_smoothness(flow: Float[Tensor, "b 2 h w"], target: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Edge-aware smoothness of a flow in shares of the image's width, so that its price does not grow with the size.

    Args:
        flow: Pixels.
        target: Frame whose flow it is.
    """
    return first_order_smoothness(flow * (100.0 / flow.shape[3]), target, _EDGE_BETA)


def both_directions(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """A batch of pairs followed by the same pairs with their frames exchanged."""
    return torch.cat([first, second]), torch.cat([second, first])
