"""An encoder and a decoder with skips that says maps at four scales."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from leadline.models.blocks.convolution import batch_conv
from leadline.models.blocks.decoder import DecoderStage
from leadline.models.blocks.encoder import Encoder, batch_stage


class MapPyramid(nn.Module):
    """Maps at 1/8, 1/4, 1/2 and 1 of the input's size.

    Args:
        inputs: Channels that come in.
        outputs: Channels of each map.
        widths: Channels at 1/2, 1/4, 1/8, 1/16 and 1/32.
        fine_widths: Channels of the decoder at 1/16, 1/8, 1/4, 1/2 and 1.
        initial_scale: Of what the heads say at first, so that learning starts near 0.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: Sequence[int] = (16, 32, 64, 96, 128),
        fine_widths: Sequence[int] = (96, 64, 32, 16, 16),
        initial_scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(inputs, widths, batch_stage)
        coarse, skips = (widths[-1], *fine_widths[:-1]), (*reversed(widths[:-1]), 0)
        self.stages = nn.ModuleList(
            DecoderStage(before, skip, after, batch_conv)
            for before, skip, after in zip(coarse, skips, fine_widths, strict=True)
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, outputs, 3, padding=1) for width in fine_widths[1:])
        for head in self.heads:
            nn.init.normal_(head.weight, std=initial_scale * head.weight.std().item())  # pyright: ignore[reportArgumentType, reportCallIssue]
            nn.init.zeros_(head.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, features: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b k _ _"]]:
        """The maps, coarsest first.

        Args:
            features: Images and what else is known of them; height and width are multiples of 32.
        """
        *skips, deepest = self.encoder(features)
        joined: list[list[Tensor]] = [[skip] for skip in reversed(skips)] + [[]]
        found: list[Tensor] = []
        for level, (stage, sides) in enumerate(zip(self.stages, joined, strict=True)):
            deepest = stage(deepest, *sides)
            if level > 0:
                found.append(self.heads[level - 1](deepest).float())
        return found
