"""Correlation layers: explicit comparison of the two views."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks.convolution import conv_relu
from leadline.ops import correlation_volume


class CorrelationLayer(nn.Module):
    """Similarity of each left pixel and its candidates, beside its own features through a 1x1 convolution.

    Args:
        inputs: Channels of the features.
        redirected: Channels of the left features that go on.
        disparities: Number of candidates, in pixels of the features.
    Source: Dosovitskiy et al. 2015 (FlowNetC); Mayer et al. 2016 (DispNetC), where it is restricted to a row.
    """

    def __init__(self, inputs: int, redirected: int, disparities: int) -> None:
        super().__init__()
        self.disparities = disparities
        self.redirect = conv_relu(inputs, redirected, kernel=1)
        self.outputs = redirected + disparities

    def forward(self, left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Correlations, then the left features."""
        with torch.autocast(left.device.type, enabled=False):
            similarity = correlation_volume(left.float(), right.float(), self.disparities) / left.shape[1]
        return torch.cat([functional.relu(similarity), self.redirect(left)], dim=1)
