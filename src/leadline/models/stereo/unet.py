"""U-Net: the plain encoder-decoder with skips across it."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import Decoder, DisparityHead, Encoder, batch_stage, six_channels
from leadline.models.stereo.prediction import StereoPrediction


@final
class UNetStereo(nn.Module):
    """Each stage of the decoder also sees what the encoder saw at its resolution, and the last one the images.

    So the decoder knows where edges are, and the narrowest place need only carry what is far-reaching.

    Args:
        max_disparity: Largest disparity it can say, in pixels.
    Source: Ronneberger et al. 2015 (U-Net), with strided convolutions and batch norm.
    """

    input_stride = 32

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        widths = (24, 48, 96, 128, 192)
        self.encoder = Encoder(6, widths, batch_stage)
        self.decoder = Decoder((*reversed(widths), 16), skips=(*reversed(widths[:-1]), 6))
        self.head = DisparityHead(16, max_disparity)

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparity of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
        """
        pair = six_channels(left, right)
        *finer, deepest = self.encoder(pair)
        return StereoPrediction(self.head(self.decoder(deepest, skips=(*reversed(finer), pair))))
