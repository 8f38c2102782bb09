"""Similarity of a left pixel and a few candidates of its own."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.ops import sampled_correlation


def unit(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Features of length one at every pixel."""
    return features * (features.square().sum(dim=1, keepdim=True) + 1e-12).rsqrt()


@final
class Matcher(nn.Module):
    """Says how alike are the left pixels and a few candidates of their own."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(features, channels, 1)
        self.unseen = nn.Parameter(torch.tensor(0.3))

    def forward(self, views: Float[Tensor, "views c h w"]) -> tuple[Tensor, Tensor]:
        """Features to compare, of the left and of the right views."""
        left, right = unit(self.project(views.float())).chunk(2)
        # Both views share their weights: learning them from the left one alone spares the slow scatter that a
        # gradient of the right one would be.
        return left, right.detach()

    def similarity(
        self, left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], candidates: Float[Tensor, "b k h w"]
    ) -> Float[Tensor, "b k h w"]:
        """Cosines at the candidates, rounded to whole pixels; a learned value where the right view ends."""
        columns = torch.arange(left.shape[3], device=left.device, dtype=candidates.dtype)
        return torch.where(candidates > columns, self.unseen, sampled_correlation(left, right, candidates))
