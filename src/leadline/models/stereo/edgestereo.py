"""EdgeStereo: a branch that looks for edges guides the one that looks for disparities."""

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks import (
    CorrelationLayer,
    DecoderStage,
    DisparityHead,
    Encoder,
    SpatialPyramidPooling,
    batch_conv,
    batch_stage,
    centred,
    enlarge,
)
from leadline.models.stereo.prediction import StereoPrediction


class EdgeBranch(nn.Module):
    """Edges of the left image: one map from each level of its features, enlarged and weighed against each other.

    Args:
        widths: Channels of the features at 1, 1/2, 1/4, ...
    Source: Xie and Tu 2015 (HED), side outputs and their fusion.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.sides = nn.ModuleList(nn.Sequential(batch_conv(width, 8), nn.Conv2d(8, 1, 1)) for width in widths)
        self.fuse = nn.Conv2d(len(widths), 1, 1)

    def forward(self, levels: Sequence[Float[Tensor, "b _ _ _"]]) -> Float[Tensor, "b 1 h w"]:
        """Logit of P(edge) at full resolution."""
        sides = [side(level) for side, level in zip(self.sides, levels, strict=True)]
        return self.fuse(torch.cat([enlarge(side, 2**level) for level, side in enumerate(sides)], dim=1)).float()


class ResidualPyramid(nn.Module):
    """A disparity at the coarsest level, and corrections to it at each finer one, which know where edges are.

    Args:
        widths: Channels of the levels, coarsest first.
        skips: Channels that join each level but the coarsest.
        max_disparity: Largest disparity in pixels.
    Source: Song et al. 2018 (EdgeStereo), the residual pyramid.
    """

    def __init__(self, widths: Sequence[int], skips: Sequence[int], max_disparity: int) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        steps = zip(pairwise(widths), skips, strict=True)
        self.coarsest = DisparityHead(widths[0], max_disparity)
        self.stages = nn.ModuleList(DecoderStage(coarse, skip + 2, fine) for (coarse, fine), skip in steps)
        self.residuals = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in widths[1:])

    def forward(
        self,
        features: Float[Tensor, "b c h w"],
        skips: Sequence[Float[Tensor, "b _ _ _"]],
        edges: Float[Tensor, "b 1 hf wf"],
    ) -> list[Float[Tensor, "b 1 _ _"]]:
        """The disparity of every level in input pixels, coarsest first.

        Args:
            features: Those of the coarsest level.
            skips: What joins each finer one; the last at full resolution.
            edges: P(edge) at full resolution.
        """
        found = [self.coarsest(features)]
        for stage, residual, skip in zip(self.stages, self.residuals, skips, strict=True):
            disparity = enlarge(found[-1], 2)
            guide = functional.avg_pool2d(edges, edges.shape[2] // disparity.shape[2])
            features = stage(features, skip, guide, disparity / self.max_disparity)
            found.append(functional.relu(disparity + residual(features).float()))
        return found


@final
class EdgeStereo(nn.Module):
    """Both branches share the features of the left view; the decoder sees the edges at each of its scales.

    The supervised loss teaches the edges from the jumps of the true disparity, where the paper takes edges that people
    drew, and smooths the disparity up to them. Without truth the branch learns whatever guides the decoder best.

    Args:
        max_disparity: Largest disparity it can see, in pixels; a multiple of 4.
    Source: Song et al. 2018 and 2020 (EdgeStereo), with a narrow encoder of our own.
    """

    input_stride = 32

    def __init__(self, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        half, quarter = 24, 40
        deeper = (64, 96, 128)
        self.views = Encoder(3, (half, quarter), batch_stage)
        self.edges = EdgeBranch((3, half, quarter))
        self.correlation = CorrelationLayer(quarter, 16, max_disparity // 4)
        self.context = SpatialPyramidPooling(self.correlation.outputs, 16, sizes=(8, 4, 2))
        self.encoder = Encoder(self.context.outputs, deeper, batch_stage)
        skips = (*reversed(deeper[:-1]), self.context.outputs, half, 3)
        self.pyramid = ResidualPyramid((*reversed(deeper), 40, 24, 12), skips, max_disparity)

    def forward(self, left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> StereoPrediction:
        """Disparities and edges of a rectified pair.

        Args:
            left: RGB in [0, 1]; height and width are multiples of 32.
            right: The right image, likewise.
        """
        images = centred(torch.cat([left, right]))
        half, quarter = self.views(images)
        image, half_left = images.chunk(2)[0], half.chunk(2)[0]
        quarter_left, quarter_right = quarter.chunk(2)
        edges_logit = self.edges([image, half_left, quarter_left])
        matched = self.context(self.correlation(quarter_left, quarter_right))
        eighth, sixteenth, deepest = self.encoder(matched)
        skips = [sixteenth, eighth, matched, half_left, image]
        *coarse, disparity = self.pyramid(deepest, skips, edges_logit.sigmoid())
        return StereoPrediction(disparity, coarse=tuple(coarse), edges_logit=edges_logit)
