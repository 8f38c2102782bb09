"""DPT, small: a vision transformer whose layers become a pyramid of features for a RefineNet decoder."""

from typing import Final, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError
from leadline.models.blocks import Fusion, TransformerBlock, centred, conv_relu, upsample2x
from leadline.models.mono.prediction import MonoPrediction

Readout = Literal["project", "ignore"]

_PATCH: Final = 16
_GRID: Final = (18, 24)
"""Rows and columns of the learned position embedding: patches of an image of 288x384."""
_LEVELS: Final = 4
_FUSED: Final = 64


class Reassemble(nn.Module):
    """Tokens of one layer as a map at 1/4, 1/8, 1/16 or 1/32.

    Args:
        width: Channels of a token.
        level: 0 for 1/4 to 3 for 1/32.
        outputs: Channels that go out.
        readout: What becomes of the token that belongs to no patch: project it into all others, or ignore it.
    Source: Ranftl et al. 2021 (DPT), equations 1 to 5.
    """

    def __init__(self, width: int, level: int, outputs: int, readout: Readout) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Linear(2 * width, width), nn.GELU()) if readout == "project" else None
        project = nn.Conv2d(width, outputs, 1)
        if level < 2:
            factor = 4 // 2**level
            self.resample = nn.Sequential(project, nn.ConvTranspose2d(outputs, outputs, factor, factor))
        elif level == 2:
            self.resample = nn.Sequential(project)
        else:
            self.resample = nn.Sequential(project, nn.Conv2d(outputs, outputs, 3, 2, 1))

    def forward(self, tokens: Float[Tensor, "b n c"], columns: int) -> Float[Tensor, "b k h w"]:
        """The map.

        Args:
            tokens: The readout token first, then those of the patches, row by row.
            columns: Patches in a row.
        """
        readout, patches = tokens[:, :1], tokens[:, 1:]
        if self.read is not None:
            patches = self.read(torch.cat([patches, readout.expand_as(patches)], dim=2))
        return self.resample(patches.transpose(1, 2).unflatten(2, (-1, columns)))


@final
class Dpt(nn.Module):
    """A plain vision transformer, four of its layers reassembled, fused from coarse to fine; ReLU inverse depth.

    Args:
        width: Channels of a token.
        depth: Layers, a multiple of 4: every quarter of them ends with a level of the pyramid.
        heads: Heads of the attention.
        readout: As for `Reassemble`.
    Raises:
        InputError: If the layers do not make four quarters, or the heads do not share the width.
    Source: Ranftl et al. 2021 (DPT), with the sizes of ViT-S/16.
    """

    input_stride = 32

    def __init__(self, width: int = 384, depth: int = 12, heads: int = 6, readout: Readout = "project") -> None:
        super().__init__()
        if depth < _LEVELS or depth % _LEVELS or width % heads:
            raise InputError(
                f"expected a depth that is a multiple of {_LEVELS} and heads that divide the width, got depth {depth}, "
                f"{heads} heads and width {width}; 12, 6 and 384 are those of ViT-S"
            )
        self.patches = nn.Conv2d(3, width, _PATCH, _PATCH)
        self.readout = nn.Parameter(torch.zeros(1, 1, width))
        self.readout_position = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, width, *_GRID))
        self.layers = nn.ModuleList(TransformerBlock(width, heads) for _ in range(depth))
        widths = [width // 2 ** (_LEVELS - 1 - level) for level in range(_LEVELS)]
        self.reassemble = nn.ModuleList(
            Reassemble(width, level, outputs, readout) for level, outputs in enumerate(widths)
        )
        self.coarsest = nn.Conv2d(widths[-1], _FUSED, 3, padding=1)
        self.fusions = nn.ModuleList(Fusion(_FUSED, skip, _FUSED) for skip in reversed(widths[:-1]))
        self.head = conv_relu(_FUSED, _FUSED // 2)
        self.inverse_depth = nn.Sequential(conv_relu(_FUSED // 2, 32), nn.Conv2d(32, 1, 1))
        # A ReLU that is 0 everywhere at the start would never learn.
        nn.init.ones_(self.inverse_depth[-1].bias)  # pyright: ignore[reportArgumentType]

    def pyramid(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Features at 1/4, 1/8, 1/16 and 1/32 of an image in [0, 1]."""
        patches = self.patches(centred(image))
        # As wide as the image asks for: a position is where in the image a patch lies, as a share of its sides.
        position = functional.interpolate(self.position, size=patches.shape[2:], mode="bilinear", align_corners=False)
        tokens = (patches + position).flatten(2).transpose(1, 2)
        readout = (self.readout + self.readout_position).expand(tokens.shape[0], -1, -1)
        tokens = torch.cat([readout, tokens], dim=1)
        levels: list[Tensor] = []
        quarter = len(self.layers) // _LEVELS
        for index, layer in enumerate(self.layers, start=1):
            tokens = layer(tokens)
            if index % quarter == 0:
                levels.append(self.reassemble[len(levels)](tokens, patches.shape[3]))
        return levels

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """Inverse depth, at least 0, up to scale and shift.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        *skips, coarsest = self.pyramid(image)
        features = self.coarsest(coarsest)
        for fusion, skip in zip(self.fusions, reversed(skips), strict=True):
            features = fusion(features, skip)
        features = self.head(upsample2x(features))
        with torch.autocast(image.device.type, enabled=False):
            features = features.float()
            fine = functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
            return MonoPrediction(functional.relu(self.inverse_depth(fine)))
