"""ResNet: the plain encoder-decoder of residual blocks."""

from functools import partial
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import Decoder, DisparityHead, Encoder, ResidualBlock, batch_conv, six_channels
from leadline.models.stereo.prediction import StereoPrediction


@final
class ResNetStereo(nn.Module):
    """Shortcuts around each pair of convolutions, not across the network: the opposite choice to the U-Net's.

    Args:
        max_disparity: Largest disparity it can say, in pixels.
    Source: He et al. 2016 (ResNet).
    """

    input_stride = 32

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        widths = (24, 48, 96, 128, 192)
        self.stem = batch_conv(6, widths[0], 2)
        self.encoder = Encoder(widths[0], widths[1:], partial(ResidualBlock, stride=2))
        self.decoder = Decoder((*reversed(widths), 16), block=ResidualBlock)
        self.head = DisparityHead(16, max_disparity)

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparity of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
        """
        *_, deepest = self.encoder(self.stem(six_channels(left, right)))
        return StereoPrediction(self.head(self.decoder(deepest)))
