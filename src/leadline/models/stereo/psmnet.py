"""PSMNet: features with the context of a pyramid, a volume of concatenations, 3D hourglasses, a soft-argmin."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks import (
    CostHead,
    Hourglass3d,
    ResidualBlock,
    SpatialPyramidPooling,
    batch_conv,
    batch_conv3d,
    batch_stage,
    centred,
    enlarge,
)
from leadline.models.stereo.prediction import StereoPrediction
from leadline.ops import concatenation_volume, soft_argmin


class PyramidFeatures(nn.Module):
    """Features of one view at 1/4, with the context of squares of 8 to 64 pixels of the image.

    The paper's squares are four times as large on each side, 32 to 256 pixels: the images that this network is for are
    smaller, and their sides would have to be multiples of 256.

    Args:
        outputs: Channels that go out.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(batch_stage(3, 16), ResidualBlock(16, 24, 2), ResidualBlock(24, 24))
        self.context = SpatialPyramidPooling(24, 8, sizes=(16, 8, 4, 2))
        self.fuse = nn.Sequential(batch_conv(self.context.outputs, 24), nn.Conv2d(24, outputs, 1, bias=False))

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c hq wq"]:
        """Features at 1/4."""
        return self.fuse(self.context(self.body(centred(image))))


@final
class PSMNet(nn.Module):
    """Learns to compare: the features of a pixel and of its candidate lie side by side in a 4D volume.

    The paper's is 32 channels wide and sees 192 px; this one is a quarter as wide and sees half as far, with two
    hourglasses instead of three, so that a laptop can train it. The costs are enlarged over rows and columns only:
    the soft-argmin itself is fine along disparity.

    Args:
        max_disparity: Largest disparity it can see, in pixels; a multiple of 16.
    Source: Chang and Chen 2018 (PSMNet).
    """

    input_stride = 64

    def __init__(self, max_disparity: int = 96) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        features, width = 8, 8
        self.features = PyramidFeatures(features)
        self.enter = nn.Sequential(batch_conv3d(2 * features, width), batch_conv3d(width, width))
        self.hourglasses = nn.ModuleList(Hourglass3d(width, 2 * width) for _ in range(2))
        self.heads = nn.ModuleList(CostHead(width) for _ in range(2))

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparities of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 64.
            right: The right image, likewise.
        """
        left_features, right_features = self.features(torch.cat([left, right])).chunk(2)
        volume = self.enter(concatenation_volume(left_features, right_features, self.max_disparity // 4))
        costs: list[Tensor] = []
        for hourglass, head in zip(self.hourglasses, self.heads, strict=True):
            volume = hourglass(volume)
            costs.append(head(volume) + costs[-1] if costs else head(volume))
        disparity = 4.0 * soft_argmin(enlarge(costs[-1], 4))
        earlier = tuple(4.0 * soft_argmin(one) for one in costs[:-1])
        return StereoPrediction(disparity, scores=-costs[-1], coarse=earlier)
