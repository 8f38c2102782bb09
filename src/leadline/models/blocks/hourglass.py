"""The 3D encoder-decoder that mends a cost volume."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks.convolution import batch_conv3d


class Hourglass3d(nn.Module):
    """Mends a volume at 1/2 and 1/4 of its resolution and adds what it found.

    Args:
        channels: Channels of the volume.
        inner: Channels at the lower resolutions.
    Source: Chang and Chen 2018 (PSMNet), the stacked hourglass.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.down = nn.Sequential(batch_conv3d(channels, inner, 2), batch_conv3d(inner, inner))
        self.bottom = nn.Sequential(batch_conv3d(inner, inner, 2), batch_conv3d(inner, inner))
        self.bottom_up = _doubling(inner, inner)
        self.up = _doubling(inner, channels)

    def forward(self, volume: Float[Tensor, "b c d h w"]) -> Float[Tensor, "b c d h w"]:
        """The mended volume; disparities, rows and columns are multiples of 4."""
        half = self.down(volume)
        half = functional.relu(half + self.bottom_up(self.bottom(half)))
        return functional.relu(volume + self.up(half))


def _doubling(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose3d(inputs, outputs, 3, 2, padding=1, output_padding=1, bias=False), nn.BatchNorm3d(outputs)
    )
