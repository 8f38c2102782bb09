"""Matching every pixel of a frame with every one of the other."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class GlobalMatch:
    """Result of comparing all pairs of coarse pixels.

    Attributes:
        flow: Expected motion of the first frame's pixels, in pixels of the features.
        certainty: Probability of the likeliest partner.
        backward: Expected motion of the second frame's pixels towards the first.
        scores: Log-probabilities up to a constant a row, rows of the first and columns of the second frame.
    """

    flow: Float[Tensor, "b 2 h w"]
    certainty: Float[Tensor, "b 1 h w"]
    backward: Float[Tensor, "b 2 h w"]
    scores: Float[Tensor, "b n n"]


def global_match(
    first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"], sharpness: Float[Tensor, ""]
) -> GlobalMatch:
    """Expected partners under a softmax over all pixels of the other frame, in both directions.

    Both directions share one exponential, so that only two numbers a pair of pixels are held.

    Args:
        first: Features of length one.
        second: Features of length one.
        sharpness: Factor of the cosines, less than 60.
    Source: Xu et al. 2022 (GMFlow), section 3.1.
    """
    batch, channels, height, width = first.shape
    own = first.reshape(batch, channels, -1).transpose(1, 2)
    # Cosines are at most 1, so nothing overflows and no maximum need be searched first.
    scores = (torch.matmul(own, second.reshape(batch, channels, -1)) - 1.0) * sharpness
    likelihood = scores.exp()
    columns = torch.arange(width, device=first.device, dtype=first.dtype).expand(height, width)
    lines = torch.arange(height, device=first.device, dtype=first.dtype).unsqueeze(1).expand(height, width)
    places = torch.stack([columns, lines, torch.ones_like(columns)], dim=2).reshape(1, -1, 3)
    ahead = torch.matmul(likelihood, places.expand(batch, -1, -1))
    back = torch.matmul(places.transpose(1, 2).expand(batch, -1, -1), likelihood).transpose(1, 2)
    total = ahead[..., 2:] + 1e-20
    flow = ahead[..., :2] / total - places[..., :2]
    backward = back[..., :2] / (back[..., 2:] + 1e-20) - places[..., :2]
    certainty = likelihood.amax(dim=2, keepdim=True) / total
    shape = (batch, -1, height, width)
    flow, certainty, backward = (layer.transpose(1, 2).reshape(shape) for layer in (flow, certainty, backward))
    return GlobalMatch(flow, certainty, backward, scores)
