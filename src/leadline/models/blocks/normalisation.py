"""Normalisation of features."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 1e-5


@final
class InstanceNorm(nn.Module):
    """Each channel of each image to mean 0 and variance 1, then scaled and moved by learned values.

    Source: Ulyanov et al. 2016, "Instance Normalization".
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Normalised features."""
        if not torch.compiler.is_exporting():
            return functional.instance_norm(features, weight=self.weight, bias=self.bias, eps=_EPSILON)
        # ONNX Runtime's own instance norm leaves the blocked layout of its convolutions; pooling stays in it.
        mean = functional.adaptive_avg_pool2d(features, 1)
        variance = functional.adaptive_avg_pool2d(features * features, 1) - mean * mean
        scale = self.weight[:, None, None] * (variance.clamp_min(0.0) + _EPSILON).rsqrt()
        return features * scale + (self.bias[:, None, None] - mean * scale)
