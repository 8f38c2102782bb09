"""Edges of a true disparity, and the loss of a network that looks for them."""

from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from leadline.losses.reduce import masked_mean

_STEEPEST_PX: Final = 1.0
"""A surface gains less along a row from pixel to pixel, or the right view would see it in another order."""


def disparity_edges(
    disparity: Float[Tensor, "b 1 h w"], known: Bool[Tensor, "b 1 h w"]
) -> tuple[Bool[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"]]:
    """Pixels with a neighbour, left, right, above or below, whose disparity is more than 1 px less.

    An edge thus lies on the nearer surface, whose border it is, and its map changes where the disparity jumps.

    Args:
        disparity: True disparity in px.
        known: Pixels with truth.
    Returns:
        The edges, and the pixels of which this can be told: all around them are known. Sparse truth tells nothing.
    """
    edges = torch.zeros_like(known)
    for axis in (2, 3):
        last = disparity.shape[axis] - 1
        rise = disparity.diff(dim=axis)
        edges.narrow(axis, 0, last).logical_or_(rise < -_STEEPEST_PX)
        edges.narrow(axis, 1, last).logical_or_(rise > _STEEPEST_PX)
    told = functional.max_pool2d((~known).float(), 3, stride=1, padding=1) == 0
    return edges & told, told


def balanced_cross_entropy(
    logit: Float[Tensor, "b 1 h w"], edges: Bool[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Cross-entropy in which all edges together weigh as much as all other pixels, of which there are many more.

    Args:
        logit: Logit of P(edge).
        edges: Whether there is one.
        weight: Per-pixel weight, 0 where that is not known.
    Source: Xie and Tu 2015 (HED), the class-balanced cross-entropy, as a mean.
    """
    values = functional.binary_cross_entropy_with_logits(logit, edges.to(logit.dtype), reduction="none")
    return 0.5 * (masked_mean(values, weight * edges) + masked_mean(values, weight * ~edges))
