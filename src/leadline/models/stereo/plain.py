"""The plain encoder-decoder: a pair goes in as six channels, and a disparity comes out."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import Decoder, DisparityHead, Encoder, batch_stage, six_channels
from leadline.models.stereo.prediction import StereoPrediction


@final
class PlainStereo(nn.Module):
    """Convolutions down to 1/32 and up again; all that the decoder knows has passed the narrowest place.

    Batch norm, so that this one, the U-Net and the ResNet differ in their connections only.

    Args:
        max_disparity: Largest disparity it can say, in pixels.
    Source: Simonyan and Zisserman 2015 (VGG) for the encoder; as an encoder-decoder, Sanket et al. 2021 (EVPropNet).
    """

    input_stride = 32

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        widths = (24, 48, 96, 128, 192)
        self.encoder = Encoder(6, widths, batch_stage)
        self.decoder = Decoder((*reversed(widths), 16))
        self.head = DisparityHead(16, max_disparity)

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparity of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
        """
        *_, deepest = self.encoder(six_channels(left, right))
        return StereoPrediction(self.head(self.decoder(deepest)))
