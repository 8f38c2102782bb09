"""The coarse-fine network of Eigen et al.: a global view of the scene, refined by what is seen close by."""

from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks import Encoder, centred, conv_relu, enlarge, plain_stage
from leadline.models.mono.prediction import MonoPrediction

_COARSE_WIDTHS: Final = (32, 64, 96, 96, 64)
"""Channels of the coarse network at 1/2, 1/4, 1/8, 1/16 and 1/32."""
_VIEW: Final = (6, 8)
"""Rows and columns to which the coarsest features are resized, whatever the image's size."""
_MAP: Final = (18, 24)
"""Rows and columns of the coarse depth."""
_HIDDEN: Final = 1024
_FINE_WIDTH: Final = 64
_FIRST_LOG_DEPTH: Final = 1.4
"""Training begins at e to the power of this: 4 m, where rooms are."""


@final
class Eigen(nn.Module):
    """Two stacks: the coarse one sees all of the image through fully connected layers, the fine one its edges.

    Both predict the logarithm of canonical depth; the coarse map enters the fine stack as one of its channels.

    Args:
        dropout: Share of the hidden units that are left out in training.
    Source: Eigen et al. 2014, figure 1, with more stages of smaller filters in the coarse network and fewer channels.
    """

    input_stride = 32
    canonical = True

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        self.coarse = Encoder(3, _COARSE_WIDTHS, plain_stage)
        view, cells = _COARSE_WIDTHS[-1] * _VIEW[0] * _VIEW[1], _MAP[0] * _MAP[1]
        self.scene = nn.Sequential(
            nn.Flatten(), nn.Linear(view, _HIDDEN), nn.ReLU(), nn.Dropout(dropout), nn.Linear(_HIDDEN, cells)
        )
        self.edges = nn.Sequential(conv_relu(3, _FINE_WIDTH - 1, kernel=9, stride=2), nn.MaxPool2d(2))
        self.refine = nn.Sequential(
            conv_relu(_FINE_WIDTH, _FINE_WIDTH, kernel=5), nn.Conv2d(_FINE_WIDTH, 1, 5, padding=2)
        )

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """Canonical inverse depth.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        pixels = centred(image)
        coarsest = self.coarse(pixels)[-1]
        view = functional.interpolate(coarsest, size=_VIEW, mode="bilinear", align_corners=False)
        coarse = self.scene(view).unflatten(1, (1, *_MAP))
        edges = self.edges(pixels)
        coarse = functional.interpolate(coarse, size=edges.shape[2:], mode="bilinear", align_corners=False)
        joined = torch.cat([edges, coarse], dim=1)
        with torch.autocast(image.device.type, enabled=False):
            log_depth = _FIRST_LOG_DEPTH + enlarge(self.refine(joined.float()), 4)
        return MonoPrediction((-log_depth).exp())
