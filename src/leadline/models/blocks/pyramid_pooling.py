"""Context of several sizes for every pixel."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks.convolution import conv_relu


class SpatialPyramidPooling(nn.Module):
    """Joins to the features their means over squares of several sizes.

    Args:
        channels: Channels that come in.
        branch: Channels of each size.
        sizes: Sides of the squares in pixels of the features, whose sides they divide.
    Source: He et al. 2014 (SPP); with fixed squares Chang and Chen 2018 (PSMNet), section 3.2, whose sides are 64, 32,
        16 and 8 pixels of the features.
    """

    def __init__(self, channels: int, branch: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.branches = nn.ModuleList(conv_relu(channels, branch, kernel=1) for _ in sizes)
        self.outputs = channels + branch * len(self.sizes)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """The features, then the context of each size."""
        shape = features.shape[2:]
        joined = [features]
        for size, branch in zip(self.sizes, self.branches, strict=True):
            context = branch(functional.avg_pool2d(features, size))
            # The mean of a square belongs to its centre, which is how this interpolation takes it.
            joined.append(functional.interpolate(context, shape, mode="bilinear", align_corners=False))
        return torch.cat(joined, dim=1)
