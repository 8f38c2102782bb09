"""Features of a view from a trunk that knows images."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import batch_conv, upsample2x
from leadline.models.mono.efficientnet_lite import LEVEL_CHANNELS, EfficientNetLite0

_LEVELS = 4
_LEAST_SPREAD = 0.04


def standardised(image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Each channel of each image to mean 0.5 and spread 0.25: two cameras differ in exposure and colour.

    Args:
        image: RGB in [0, 1].
    """
    mean = image.mean(dim=(2, 3), keepdim=True)
    variance = (image * image).mean(dim=(2, 3), keepdim=True) - mean * mean
    spread = variance.clamp_min(_LEAST_SPREAD**2).sqrt()
    return 0.5 + 0.25 * (image - mean) / spread


class EfficientPyramid(nn.Module):
    """Features at 1/2 and 1/4 out of EfficientNet-Lite0 up to 1/16, and context at 1/8 and 1/16.

    Args:
        half: Channels at 1/2.
        quarter: Channels at 1/4.
        eighth: Channels at 1/8.
    Source: Lin et al. 2017 (feature pyramid networks) on Tan and Le 2019 (EfficientNet).
    """

    def __init__(self, half: int, quarter: int, eighth: int) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0(_LEVELS, centred=True)
        at_half, at_quarter, at_eighth, at_sixteenth = LEVEL_CHANNELS[:_LEVELS]
        self.context_channels = (eighth, at_sixteenth)
        self.sixteenth_up = nn.Conv2d(at_sixteenth, eighth, 1)
        self.eighth_side = nn.Conv2d(at_eighth, eighth, 1)
        self.eighth_fuse = batch_conv(eighth, eighth)
        self.eighth_up = nn.Conv2d(eighth, quarter, 1)
        self.quarter_side = nn.Conv2d(at_quarter, quarter, 1)
        self.quarter_fuse = batch_conv(quarter, quarter)
        self.quarter_up = nn.Conv2d(quarter, half, 1)
        self.half_side = nn.Conv2d(at_half, half, 1)
        self.half_fuse = batch_conv(half, half)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features at 1/2, 1/4, 1/8 and 1/16.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 16.
        """
        with torch.autocast(image.device.type, enabled=False):
            image = standardised(image)
        half, quarter, eighth, sixteenth = self.encoder(image)
        eighth = self.eighth_fuse(self.eighth_side(eighth) + upsample2x(self.sixteenth_up(sixteenth)))
        quarter = self.quarter_fuse(self.quarter_side(quarter) + upsample2x(self.eighth_up(eighth)))
        half = self.half_fuse(self.half_side(half) + upsample2x(self.quarter_up(quarter)))
        return half, quarter, eighth, sixteenth
