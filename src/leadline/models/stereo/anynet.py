"""AnyNet: a disparity soon, and a better one for everyone who can wait."""

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError
from leadline.models.blocks import CostHead, DecoderStage, Encoder, batch_conv3d, batch_stage, centred, enlarge
from leadline.models.stereo.prediction import StereoPrediction
from leadline.ops import difference_volume, soft_argmin, warp_by_disparity

_REACH = 2  # a finer stage corrects the coarser one by so many of its own pixels


class Matching(nn.Module):
    """Finds among the first few candidates the disparity at which the features differ least.

    Args:
        width: Channels of the 3D convolutions.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(batch_conv3d(1, width), batch_conv3d(width, width))
        self.costs = CostHead(width)

    def forward(
        self, left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int
    ) -> Float[Tensor, "b 1 h w"]:
        """Disparity in pixels of the features, between 0 and `disparities` - 1."""
        distance = difference_volume(left, right, disparities).abs().mean(dim=1, keepdim=True)
        return soft_argmin(self.costs(self.body(distance)))


@final
class AnyNet(nn.Module):
    """Four stages at 1/16, 1/8, 1/4 and 1/2; each warps the right view by what it has and looks for the rest.

    Only the first stage looks at the whole range, where it is a handful of candidates. The paper's fourth stage is a
    spatial propagation; here it is a stage like the others, which needs no operator that runtimes lack.

    Args:
        max_disparity: Largest disparity that the first stage can see, in pixels; a multiple of 16.
    Source: Wang et al. 2019 (AnyNet).
    """

    input_stride = 32
    strides = (16, 8, 4, 2)

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        widths = (16, 24, 32, 48)
        self.encoder = Encoder(3, widths, batch_stage)
        self.decoder = nn.ModuleList(DecoderStage(coarse, fine, fine) for coarse, fine in pairwise(widths[::-1]))
        self.matching = nn.ModuleList(Matching(8) for _ in self.strides)

    def forward(
        self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"], stages: int = len(strides)
    ) -> StereoPrediction:
        """Disparities of a rectified pair: those of all stages are `coarse`, the last one is enlarged.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
            stages: Stages that are computed, 1 to 4.
        Raises:
            InputError: If there are no so many stages.
        """
        if not 1 <= stages <= len(self.strides):
            raise InputError(f"expected 1 to {len(self.strides)} stages of AnyNet, got {stages}; choose one of them")
        found = tuple(islice(self.anytime(left, right), stages))
        return StereoPrediction(enlarge(found[-1], self.strides[stages - 1]), coarse=found)

    def anytime(
        self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]
    ) -> Iterator[Float[Tensor, "b 1 hs ws"]]:
        """The disparity of each stage, in input pixels, as soon as it is there; stop asking when time is up.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
        """
        *skips, features = self.encoder(centred(torch.cat([left, right])))
        first, *matching = self.matching
        disparity = first(*features.chunk(2), self.max_disparity // self.strides[0])
        yield disparity * self.strides[0]
        for stride, skip, decode, match in zip(self.strides[1:], reversed(skips), self.decoder, matching, strict=True):
            features = decode(features, skip)
            left_features, right_features = features.chunk(2)
            disparity = 2.0 * enlarge(disparity, 2)
            # Warped by less than that, the right view shows the first candidate unmoved.
            warped = warp_by_disparity(right_features.float(), disparity - _REACH)
            residual = match(left_features.float(), warped, 2 * _REACH + 1) - _REACH
            disparity = functional.relu(disparity + residual)
            yield disparity * stride
