"""Joins two resolutions."""

from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks.convolution import batch_conv
from leadline.models.blocks.residual import ResidualBlock
from leadline.models.blocks.upsample import upsample2x


class Fusion(nn.Module):
    """Joins what comes from the coarser resolution with what the encoder saw at this one.

    Args:
        coarse: Channels from the coarser resolution.
        skip: Channels of the encoder.
        width: Channels that go out.
    Source: Lin et al. 2017 (RefineNet) as lightened in Ranftl et al. 2020 (MiDaS); here with batch norm.
    """

    def __init__(self, coarse: int, skip: int, width: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, width, 1)
        self.skip = nn.Conv2d(skip, width, 1)
        self.enter = batch_conv(width, width)
        self.refine = ResidualBlock(width, width)

    def forward(self, coarse: Float[Tensor, "b c hc wc"], skip: Float[Tensor, "b k h w"]) -> Float[Tensor, "b n h w"]:
        """Features at the skip's resolution, twice the coarser one."""
        joined = self.skip(skip) + upsample2x(self.coarse(coarse))
        return self.refine(self.enter(joined))
