"""The block of residual networks."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks.convolution import batch_conv


class ResidualBlock(nn.Module):
    """relu(x + F(x)), where F is two 3x3 convolutions with batch norm.

    Where the shape changes, a 1x1 convolution carries every stride-th pixel of x across.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        stride: Of the first convolution.
    Source: He et al. 2016 (ResNet), figure 2.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = batch_conv(inputs, outputs, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _projection(inputs, outputs, stride)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k hs ws"]:
        """Features at 1/stride of the resolution."""
        return functional.relu(self.shortcut(features) + self.second(self.first(features)))


def _projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    # The stride apart from the convolution: torch 2.13 corrupts memory in a strided 1x1 one of 6 channels-last inputs.
    every = nn.AvgPool2d(1, stride) if stride > 1 else nn.Identity()
    return nn.Sequential(every, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
