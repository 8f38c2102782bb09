"""A plain optical-flow network: both frames go in as one image, and the motion comes out."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks import MapPyramid, six_channels
from leadline.models.flow.prediction import FlowPrediction


@final
class PlainFlow(nn.Module):
    """An encoder and a decoder with skips that says flows at four scales, each in addition to the one before.

    It compares nothing, so it learns motions of some pixels only; but it begins at no motion at all, where learning
    from frames alone finds its way sooner than from random matches.

    Source: Dosovitskiy et al. 2015 (FlowNetSimple), narrower and with batch norm.
    """

    input_stride = 32

    def __init__(self) -> None:
        super().__init__()
        self.net = MapPyramid(6, 2)

    def forward(self, first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"]) -> FlowPrediction:
        """Flow without confidence.

        Args:
            first: RGB in [0, 1]; height and width are multiples of 32.
            second: The next frame, likewise.
        """
        coarsest, *finer = self.net(six_channels(first, second))
        flows: list[Tensor] = [coarsest]
        for step in finer:
            size = step.shape[2:]
            flows.append(functional.interpolate(flows[-1], size=size, mode="bilinear", align_corners=False) + step)
        return FlowPrediction(flows[-1], coarse=tuple(flows[:-1]))
