"""GeoNet's second network: what the flow of a still scene leaves unexplained."""

from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import MapPyramid, centred

_CHANNELS: Final = 12
"""Both frames, the warped one, what it leaves, and the rigid flow."""
_FLOW_UNIT: Final = 0.1
"""Unit of the flow that comes in, so that it is about as large as the images."""


@final
class ResidualFlow(nn.Module):
    """Says the motion to add to the rigid flow at four scales.

    Source: Yin and Shi 2018 (GeoNet), section 3.3 (ResFlowNet): it sees both frames, the source warped by the rigid
        flow, the difference that remains, and the rigid flow itself.
    """

    input_stride = 32

    def __init__(self) -> None:
        super().__init__()
        self.net = MapPyramid(_CHANNELS, 2)

    def forward(
        self,
        target: Float[Tensor, "b 3 h w"],
        source: Float[Tensor, "b 3 h w"],
        warped: Float[Tensor, "b 3 h w"],
        rigid: Float[Tensor, "b 2 h w"],
    ) -> list[Float[Tensor, "b 2 _ _"]]:
        """Residual flows in pixels of the frames, at 1/8, 1/4, 1/2 and 1.

        Args:
            target: Frame whose motion is asked for, RGB in [0, 1]; height and width are multiples of 32.
            source: The other frame.
            warped: The other frame, warped by the rigid flow.
            rigid: Rigid flow from the target to the source, pixels.
        """
        left_over = (warped - target).abs().mean(dim=1, keepdim=True)
        images = centred(torch.cat([target, source, warped], dim=1))
        return self.net(torch.cat([images, 4.0 * left_over, _FLOW_UNIT * rigid], dim=1))
