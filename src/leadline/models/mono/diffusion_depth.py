"""A small network that draws metric depth by diffusion, told the image and its vertical field of view."""

from typing import Final, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from leadline.errors import InputError
from leadline.models.blocks.diffusion import denoised
from leadline.models.extras import from_zoo_extra

_GROUPS: Final = 8
_FIELD_SCALE: Final = 100.0
"""Fields of view from 10 to 110 degrees then cover the range that the embedding, made for steps, tells apart well."""


class DiffusionDepth(nn.Module):
    """A U-Net that says the velocity of noisy depth: v = alpha noise - sigma depth.

    Args:
        width: Channels at full resolution, a multiple of 8; twice as many at 1/2, four times as many below.
        blocks: Residual blocks at each resolution.
        levels: Resolutions, at least 2, each half the one before; attention at the last.
    Raises:
        InputError: If width is no such multiple or there are fewer levels.
        MissingExtraError: If diffusers is not installed.
    Source: Saxena et al. 2023, "Zero-Shot Metric Depth with a Field-of-View Conditioned Diffusion Model" (DMD): image
        beside the noisy depth, tan(fov / 2) embedded beside the step. The network is far smaller than theirs.
    """

    def __init__(self, width: int = 32, blocks: int = 1, levels: int = 4) -> None:
        super().__init__()
        if width < _GROUPS or width % _GROUPS:
            raise InputError(f"expected a width that is a multiple of {_GROUPS}, got {width}")
        if levels < 2:
            raise InputError(f"expected at least 2 levels, got {levels}")
        self.input_stride = 2 ** (levels - 1)
        self.unet: nn.Module = from_zoo_extra("diffusers").UNet2DModel(
            in_channels=4,
            out_channels=1,
            block_out_channels=tuple(width * min(2**level, 4) for level in range(levels)),
            down_block_types=("DownBlock2D",) * (levels - 1) + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
            layers_per_block=blocks,
            norm_num_groups=_GROUPS,
            class_embed_type="timestep",  # a second scalar: the field of view
        )

    def forward(
        self,
        image: Float[Tensor, "b 3 h w"],
        noisy: Float[Tensor, "b 1 h w"],
        step: Int[Tensor, " b"],
        tan_half_fov: Float[Tensor, " b"],
    ) -> Float[Tensor, "b 1 h w"]:
        """The velocity.

        Args:
            image: RGB in [0, 1]; height and width are multiples of `input_stride`.
            noisy: Coded depth with noise.
            step: How noisy: 0 hardly, 999 nothing but noise.
            tan_half_fov: Tangent of half the vertical field of view: height / (2 focal_y).
        """
        seen = torch.cat([2.0 * image - 1.0, noisy], dim=1)
        return self.unet(seen, step, class_labels=_FIELD_SCALE * tan_half_fov).sample.float()


def draw(
    network: nn.Module,
    image: Float[Tensor, "b 3 h w"],
    tan_half_fov: Float[Tensor, " b"],
    steps: int,
    generator: torch.Generator,
) -> Float[Tensor, "b 1 h w"]:
    """Coded depth in [-1, 1], drawn by DDIM without noise of its own: one start, one depth.

    Args:
        network: A `DiffusionDepth`.
        image: RGB in [0, 1].
        tan_half_fov: Tangent of half the vertical field of view.
        steps: Of denoising, from 1 to 1000.
        generator: Of the start, on the CPU, so that all devices start alike.
    Source: Song et al. 2021 (DDIM).
    """
    count, _, height, width = image.shape
    start = torch.randn((count, 1, height, width), generator=generator).to(image)
    return denoised(lambda code, step: cast(Tensor, network(image, code, step, tan_half_fov)), start, steps)
