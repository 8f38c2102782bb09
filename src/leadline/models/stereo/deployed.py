"""A stereo network as its users call it: pictures of any size in, disparity and confidence out."""

from typing import cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.stereo.prediction import StereoModel


class Deployed(nn.Module):
    """A network with its pre- and post-processing, used alike in validation and in the exported graph.

    Args:
        model: A stereo network, which is a torch module.
    """

    def __init__(self, model: StereoModel) -> None:
        super().__init__()
        self.model = cast(nn.Module, model)
        self.stride = model.input_stride
        self.max_disparity = model.max_disparity

    def forward(
        self, left: UInt8[Tensor, "h w 3"], right: UInt8[Tensor, "h w 3"]
    ) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
        """Disparity in px and P(|error| < 1 px) in [0, 1], at the pictures' size."""
        height, width = left.shape[0], left.shape[1]
        rows, columns = -height % self.stride, -width % self.stride
        pair = torch.stack([left, right]).permute(0, 3, 1, 2).float() / 255.0
        pair = functional.pad(pair, (0, columns, 0, rows), mode="replicate")
        prediction = self.model(pair[:1], pair[1:])
        confidence = prediction.confidence_logit.sigmoid()
        return prediction.disparity[0, 0, :height, :width], confidence[0, 0, :height, :width]
