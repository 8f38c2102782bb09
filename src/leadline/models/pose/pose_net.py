"""The motion of the camera between frames, and where a still scene does not explain them."""

from dataclasses import dataclass
from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import DecoderStage, Encoder, batch_conv, batch_stage, centred

_WIDTHS: Final = (16, 32, 64, 128, 256)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32."""
_FINE_WIDTHS: Final = (128, 64, 32, 16, 16)
"""Channels of the explainability decoder at 1/16, 1/8, 1/4, 1/2 and 1."""
_SCALES: Final = 4
_INITIAL_SCALE: Final = 0.01


@dataclass(frozen=True)
class PosePrediction:
    """Camera motions of one forward pass.

    Args:
        twist: For each view after the first the motion view_from_first, as `leadline.ops.se3_exponential` takes it; its
            translation is in the unit that depth is learned in.
        explainability_logits: Logit of how far each view after the first explains a pixel of the first one, at 1/8,
            1/4, 1/2 and 1; none if the network does not say it.
    """

    twist: Float[Tensor, "b s 6"]
    explainability_logits: tuple[Float[Tensor, "b s _ _"], ...] = ()


@final
class PoseNet(nn.Module):
    """An encoder of all views at once, whose deepest features say one motion for each view after the first.

    Args:
        views: Frames that it is given.
        explains: Whether it says an explainability mask for each view after the first.
    Source: Zhou et al. 2017 (SfMLearner), the pose network: mean over the image of 1x1 convolutions, times 0.01, so
        that learning starts near no motion; here narrower and with batch norm.
    """

    input_stride = 32

    def __init__(self, views: int = 2, explains: bool = False) -> None:
        super().__init__()
        self.sources = views - 1
        self.encoder = Encoder(3 * views, _WIDTHS, batch_stage)
        self.motion = nn.Sequential(batch_conv(_WIDTHS[-1], _WIDTHS[-1]), nn.Conv2d(_WIDTHS[-1], 6 * self.sources, 1))
        coarse = (_WIDTHS[-1], *_FINE_WIDTHS[:-1]) if explains else ()
        self.stages = nn.ModuleList(
            DecoderStage(before, 0, after, batch_conv) for before, after in zip(coarse, _FINE_WIDTHS, strict=False)
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(width, self.sources, 3, padding=1) for width in _FINE_WIDTHS[-_SCALES:] if explains
        )

    def forward(self, *views: Float[Tensor, "b 3 h w"]) -> PosePrediction:
        """The motions from the first view to each of the others.

        Args:
            views: RGB in [0, 1]; height and width are multiples of 32.
        """
        features = self.encoder(centred(torch.cat(views, dim=1)))[-1]
        twist = self.motion(features).float().mean(dim=(2, 3)) * _INITIAL_SCALE
        logits: list[Tensor] = []
        for level, stage in enumerate(self.stages):
            features = stage(features)
            if level > 0:
                logits.append(self.heads[level - 1](features).float())
        return PosePrediction(twist.unflatten(1, (self.sources, 6)), tuple(logits))
