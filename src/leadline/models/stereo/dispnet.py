"""DispNetS and DispNetC: disparities at every scale, each guiding the next; without and with correlation."""

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import (
    CorrelationLayer,
    DecoderStage,
    DisparityHead,
    Encoder,
    centred,
    conv_relu,
    enlarge,
    plain_stage,
    six_channels,
)
from leadline.models.stereo.prediction import StereoPrediction

_WIDTHS = (32, 48, 64, 96, 128, 160)


class Expansion(nn.Module):
    """The expanding part: a disparity at each scale from 1/64 to 1/2, seen by the stage after it.

    Args:
        widths: Channels of the encoder's stages, finest first.
        max_disparity: Largest disparity in pixels.
    Source: Mayer et al. 2016 (DispNet), table 1, narrower.
    """

    def __init__(self, widths: Sequence[int], max_disparity: int) -> None:
        super().__init__()
        coarse_first = tuple(reversed(widths))
        self.max_disparity = max_disparity
        self.stages = nn.ModuleList(
            DecoderStage(coarse, fine + 1, fine, conv_relu) for coarse, fine in pairwise(coarse_first)
        )
        self.heads = nn.ModuleList(DisparityHead(width, max_disparity) for width in coarse_first)

    def forward(self, levels: Sequence[Float[Tensor, "b _ _ _"]]) -> StereoPrediction:
        """The disparities, the finest one enlarged to full resolution.

        Args:
            levels: Features of the encoder's stages, finest first.
        """
        *finer, features = levels
        first, *heads = self.heads
        found = [first(features)]
        for stage, head, skip in zip(self.stages, heads, reversed(finer), strict=True):
            features = stage(features, skip, enlarge(found[-1], 2) / self.max_disparity)
            found.append(head(features))
        return StereoPrediction(enlarge(found[-1], 2), coarse=tuple(found))


@final
class DispNetS(nn.Module):
    """The simple one: six channels go in.

    Args:
        max_disparity: Largest disparity it can say, in pixels.
    Source: Mayer et al. 2016 (DispNet); no normalisation.
    """

    input_stride = 64

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        self.encoder = Encoder(6, _WIDTHS, plain_stage)
        self.expansion = Expansion(_WIDTHS, max_disparity)

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparities of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 64.
            right: The right image, likewise.
        """
        return self.expansion(self.encoder(six_channels(left, right)))


@final
class DispNetC(nn.Module):
    """The one with correlation: each view gets its features down to 1/4, which are then compared along the row.

    Args:
        max_disparity: Largest disparity it can see, in pixels; a multiple of 4.
    Source: Mayer et al. 2016 (DispNetC), after Dosovitskiy et al. 2015 (FlowNetC); no normalisation.
    """

    input_stride = 64

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        self.views = Encoder(3, _WIDTHS[:2], plain_stage)
        self.correlation = CorrelationLayer(_WIDTHS[1], 16, max_disparity // 4)
        self.encoder = Encoder(self.correlation.outputs, _WIDTHS[2:], plain_stage)
        self.expansion = Expansion(_WIDTHS, max_disparity)

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparities of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 64.
            right: The right image, likewise.
        """
        half, quarter = self.views(centred(torch.cat([left, right])))
        half_left, (quarter_left, quarter_right) = half.chunk(2)[0], quarter.chunk(2)
        deeper = self.encoder(self.correlation(quarter_left, quarter_right))
        return self.expansion([half_left, quarter_left, *deeper])
