"""MonoDepth: one image says its disparities, and those of the right view, which a stereo pair or a film can judge."""

from typing import Final, Literal, final

from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import DecoderStage, DisparityHead, Encoder, ResidualBlock, batch_conv, centred, upsample2x
from leadline.models.mono.prediction import MonoPrediction

_WIDTHS: Final = (32, 64, 128, 192, 256)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32."""
_FINE_WIDTHS: Final = (192, 128, 64, 32, 16)
"""Channels of the decoder at 1/16, 1/8, 1/4, 1/2 and 1."""
_LARGEST: Final = 0.3
"""Largest disparity as a share of the width."""
_SMALLEST: Final = {1: 0.001 * _LARGEST, 2: 0.0}
"""Smallest disparity by the number of views: of one, no depth is more than 1000 times another, as in Monodepth2."""
_SCALES: Final = 4


def _stage(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(ResidualBlock(inputs, outputs, 2), ResidualBlock(outputs, outputs))


@final
class MonoDepth(nn.Module):
    """A residual encoder and a decoder with skips, which says disparities at four scales, each seen by the next.

    Args:
        views: 2 for the left and the right view, learnt from pairs; 1 for the image alone, learnt from films.
    Source: Godard et al. 2017 (MonoDepth), the ResNet variant, narrower and with batch norm.
    """

    input_stride = 32
    canonical = False

    def __init__(self, views: Literal[1, 2] = 2) -> None:
        super().__init__()
        self.views = views
        self.encoder = Encoder(3, _WIDTHS, _stage)
        coarse = (_WIDTHS[-1], *_FINE_WIDTHS[:-1])
        skips = (*reversed(_WIDTHS[:-1]), 0)
        seen = (0, 0, views, views, views)  # the disparities of the stage before
        self.stages = nn.ModuleList(
            DecoderStage(before, skip + shown, after, batch_conv)
            for before, skip, shown, after in zip(coarse, skips, seen, _FINE_WIDTHS, strict=True)
        )
        self.heads = nn.ModuleList(
            DisparityHead(width, _LARGEST, views, _SMALLEST[views]) for width in _FINE_WIDTHS[-_SCALES:]
        )

    def disparities(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b views _ _"]]:
        """Disparities of the left view, and of the right one of two, as shares of the width, at 1/8, 1/4, 1/2 and 1.

        Args:
            image: The left or only image, RGB in [0, 1]; height and width are multiples of 32.
        """
        *skips, features = self.encoder(centred(image))
        joined: list[list[Tensor]] = [[skip] for skip in reversed(skips)] + [[]]
        found: list[Tensor] = []
        for level, (stage, sides) in enumerate(zip(self.stages, joined, strict=True)):
            features = stage(features, *sides, *(upsample2x(values) for values in found[-1:]))
            if level > 0:
                found.append(self.heads[level - 1](features))
        return found

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """The (left) view's disparity as a share of the width: inverse depth up to scale.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        return MonoPrediction(self.disparities(image)[-1][:, :1])
