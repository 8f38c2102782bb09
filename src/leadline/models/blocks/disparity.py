"""Heads: from features to a disparity, or to the costs of the candidates."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks.convolution import batch_conv3d

_FIRST_LOGIT = -3.0  # training begins near a twentieth of the range, where most of a scene is


class DisparityHead(nn.Module):
    """Regresses disparities directly: a sigmoid of a convolution, from the smallest disparity to the largest.

    Args:
        inputs: Channels that come in.
        max_disparity: Largest disparity in input pixels, or in another unit that the disparities shall have.
        views: How many views' disparities.
        min_disparity: Smallest disparity, in the same unit.
    Source: Godard et al. 2017 (MonoDepth): a sigmoid times the largest disparity.
    """

    def __init__(self, inputs: int, max_disparity: int | float, views: int = 1, min_disparity: float = 0.0) -> None:
        super().__init__()
        self.max_disparity, self.min_disparity = max_disparity, min_disparity
        self.logit = nn.Conv2d(inputs, views, 3, padding=1)
        nn.init.constant_(self.logit.bias, _FIRST_LOGIT)  # pyright: ignore[reportArgumentType]

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b views h w"]:
        """Disparities in the unit of the largest, float32: rounded to bfloat16, 64 px would be off by a quarter."""
        with torch.autocast(features.device.type, enabled=False):
            share = self.logit(features.float()).sigmoid()
            return self.min_disparity + (self.max_disparity - self.min_disparity) * share


class CostHead(nn.Module):
    """The costs of the candidates, for a soft-argmin: a 3D convolution, and one to a single channel.

    Args:
        inputs: Channels that come in.
    Source: Chang and Chen 2018 (PSMNet), the outputs of the stacked hourglass.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        # Without a bias: a cost that all candidates share changes no softmax over them.
        self.layers = nn.Sequential(batch_conv3d(inputs, inputs), nn.Conv3d(inputs, 1, 3, padding=1, bias=False))

    def forward(self, volume: Float[Tensor, "b c d h w"]) -> Float[Tensor, "b d h w"]:
        """Costs in float32."""
        return self.layers(volume).squeeze(1).float()
