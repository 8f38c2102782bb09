"""The network that tells still pixels from those that move by themselves."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import MapPyramid, centred


@final
class StillMask(nn.Module):
    """Says for each view after the first which pixels of the first belong to the still scene.

    Args:
        views: Frames that it is given.
    Source: Ranjan et al. 2019 (Competitive Collaboration), MaskNet: an encoder and a decoder with skips
        that see all frames.
    """

    input_stride = 32

    def __init__(self, views: int = 3) -> None:
        super().__init__()
        self.net = MapPyramid(3 * views, views - 1)

    def forward(self, *views: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b s _ _"]]:
        """Logit of the probability that a pixel is still, at 1/8, 1/4, 1/2 and 1.

        Args:
            views: The target, then the sources; RGB in [0, 1]; height and width are multiples of 32.
        """
        return self.net(centred(torch.cat(views, dim=1)))
