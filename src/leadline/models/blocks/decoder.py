"""Decoders: from coarse features back to fine ones."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks.convolution import batch_conv
from leadline.models.blocks.upsample import upsample2x

Block = Callable[[int, int], nn.Module]
"""Channels in and out to a module that keeps the resolution."""


class DecoderStage(nn.Module):
    """Doubles the resolution, joins what is known there, and mixes the two.

    Args:
        inputs: Channels of the coarse features.
        joined: Channels that are joined in all, 0 for a stage without skips.
        outputs: Channels that go out.
        block: What mixes.
    """

    def __init__(self, inputs: int, joined: int, outputs: int, block: Block = batch_conv) -> None:
        super().__init__()
        self.mix = block(inputs + joined, outputs)

    def forward(
        self, coarse: Float[Tensor, "b c h w"], *joined: Float[Tensor, "b _ 2*h 2*w"]
    ) -> Float[Tensor, "b k 2*h 2*w"]:
        """Features at twice the resolution.

        Args:
            coarse: Features.
            joined: Maps at twice their resolution: skips of the encoder, a disparity, edges.
        """
        return self.mix(torch.cat([upsample2x(coarse), *joined], dim=1))


class Decoder(nn.Module):
    """Stages one after the other, each at twice the resolution of the one before.

    Args:
        widths: Channels of the deepest features, then of each stage.
        skips: Channels of the features that join each stage; none if absent.
        block: What a stage mixes with.
    """

    def __init__(self, widths: Sequence[int], skips: Sequence[int] = (), block: Block = batch_conv) -> None:
        super().__init__()
        joined = skips or (0,) * (len(widths) - 1)
        steps = zip(pairwise(widths), joined, strict=True)
        self.stages = nn.ModuleList(DecoderStage(before, skip, after, block) for (before, after), skip in steps)

    def forward(
        self, deepest: Float[Tensor, "b c h w"], skips: Sequence[Float[Tensor, "b _ _ _"]] = ()
    ) -> Float[Tensor, "b k hs ws"]:
        """Features of the last stage.

        Args:
            deepest: Where the encoder ended.
            skips: What joins each stage, coarsest first.
        """
        features = deepest
        for level, stage in enumerate(self.stages):
            features = stage(features, *skips[level : level + 1])
        return features
