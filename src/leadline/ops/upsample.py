"""Upsampling that follows edges."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def convex_upsample(
    values: Float[Tensor, "b 1 h w"], mask: Float[Tensor, "b m h w"], factor: int
) -> Float[Tensor, "b 1 {factor}*h {factor}*w"]:
    """Each fine value is a learned convex combination of the 3x3 coarse values around it.

    The values are not rescaled: multiply a disparity by `factor` yourself, before or after.

    Args:
        values: Coarse map.
        mask: Logits of the weights, 9 * factor**2 channels: neighbour first (row by row), then row and column of
            the fine pixel.
        factor: Integer upsampling factor.
    Returns:
        Fine map; neighbours outside the coarse map repeat its border.
    Source: RAFT (Teed and Deng 2020), section 3.3.
    """
    batch, _, height, width = values.shape
    logits = mask.reshape(batch, 9, factor * factor, height, width)
    # A softmax, spelt out: runtimes have a slow one over an axis that is not the last.
    weights = (logits - logits.detach().amax(dim=1, keepdim=True)).exp()
    # By hand: the gradient of a replicating pad is a slow scatter.
    padded = torch.cat([values[:, :, :1], values, values[:, :, -1:]], dim=2)
    padded = torch.cat([padded[..., :1], padded, padded[..., -1:]], dim=3)
    neighbours = torch.cat(
        [padded[:, :, row : row + height, column : column + width] for row in range(3) for column in range(3)], dim=1
    )
    fine = (weights * neighbours.unsqueeze(2)).sum(dim=1) / weights.sum(dim=1)
    return functional.pixel_shuffle(fine, factor)


def convex_upsample_flow(
    flow: Float[Tensor, "b 2 h w"], mask: Float[Tensor, "b m h w"], factor: int
) -> Float[Tensor, "b 2 {factor}*h {factor}*w"]:
    """`convex_upsample` of both components of a flow with the same weights.

    Args:
        flow: Coarse flow; its values are not rescaled.
        mask: Logits of the weights as for `convex_upsample`; beyond 20 they count as 20.
        factor: Integer upsampling factor.
    """
    batch, _, height, width = flow.shape
    # Bounded, so that no maximum need be searched before the exponential.
    weights = mask.reshape(batch, 9, factor * factor, height, width).clamp(-20.0, 20.0).exp()
    weights = weights / weights.sum(dim=1, keepdim=True)
    padded = torch.cat([flow[:, :, :1], flow, flow[:, :, -1:]], dim=2)
    padded = torch.cat([padded[..., :1], padded, padded[..., -1:]], dim=3)
    shifts = [(row, column) for row in range(3) for column in range(3)]
    layers: list[Tensor] = []
    for part in (padded[:, :1], padded[:, 1:]):
        neighbours = torch.cat([part[:, :, y : y + height, x : x + width] for y, x in shifts], dim=1)
        layers.append((weights * neighbours.unsqueeze(2)).sum(dim=1))
    return functional.pixel_shuffle(torch.cat(layers, dim=1), factor)
