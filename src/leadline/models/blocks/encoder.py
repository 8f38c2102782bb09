"""Encoders: from an image to features at ever coarser resolutions."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks.convolution import batch_conv, conv_relu

Stage = Callable[[int, int], nn.Module]
"""Channels in and out to a module that halves the resolution."""


def plain_stage(inputs: int, outputs: int) -> nn.Module:
    """Two 3x3 convolutions, the first with stride 2; no normalisation."""
    return nn.Sequential(conv_relu(inputs, outputs, stride=2), conv_relu(outputs, outputs))


def batch_stage(inputs: int, outputs: int) -> nn.Module:
    """Two 3x3 convolutions with batch norm, the first with stride 2."""
    return nn.Sequential(batch_conv(inputs, outputs, 2), batch_conv(outputs, outputs))


class Encoder(nn.Module):
    """Stages one after the other, each at half the resolution of the one before.

    Args:
        inputs: Channels that come in.
        widths: Channels of each stage.
        stage: What a stage is made of.
    """

    def __init__(self, inputs: int, widths: Sequence[int], stage: Stage) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stage(before, after) for before, after in pairwise((inputs, *widths)))

    def forward(self, features: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """The features of every stage, finest first."""
        levels: list[Tensor] = []
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        return levels
