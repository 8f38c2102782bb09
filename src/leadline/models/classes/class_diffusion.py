"""A U-Net that draws images of a class by diffusion."""

from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError
from leadline.models.extras import from_zoo_extra

_GROUPS: Final = 8


class ClassDiffusion(nn.Module):
    """A U-Net that says the velocity of a noisy image of a class.

    Tiles of `patch` x `patch` pixels are its pixels: on small images that costs little detail, and saves most of the
    time.

    Args:
        classes: How many.
        side: Height and width of the images, a multiple of patch * 2 ** (levels - 1).
        channels: 1 for grey, 3 for RGB.
        width: Channels at full resolution, a multiple of 8; twice as many below.
        levels: Resolutions, at least 2, each half the one before; attention at the last.
        blocks: Residual blocks at each resolution.
        patch: Side of a tile.
    Raises:
        InputError: If the sizes do not fit.
        MissingExtraError: If diffusers is not installed.
    Source: Ho et al. 2020 (DDPM); Ho and Salimans 2022 (classifier-free guidance); Hoogeboom et al. 2023 (tiles).
    """

    weight: Tensor

    def __init__(
        self,
        classes: int,
        side: int = 28,
        channels: int = 1,
        width: int = 48,
        levels: int = 2,
        blocks: int = 1,
        patch: int = 2,
    ) -> None:
        super().__init__()
        if classes < 2 or channels not in (1, 3):
            raise InputError(f"expected at least 2 classes and 1 or 3 channels, got {classes} and {channels}")
        if levels < 2 or blocks < 1 or patch < 1 or width < _GROUPS or width % _GROUPS:
            raise InputError(
                f"expected at least 2 levels, 1 block, a patch of at least 1 and a width that is a multiple of "
                f"{_GROUPS}, got {levels}, {blocks}, {patch} and {width}"
            )
        stride = patch * 2 ** (levels - 1)
        if side < stride or side % stride:
            raise InputError(f"expected images whose side is a multiple of {stride}, got {side}; choose another side")
        self.classes, self.side, self.channels, self.patch = classes, side, channels, patch
        self.code_shape, self.largest = (channels, side, side), 1.0
        self.register_buffer("weight", torch.ones(()), persistent=False)
        self.unet: nn.Module = from_zoo_extra("diffusers").UNet2DModel(
            in_channels=channels * patch**2,
            out_channels=channels * patch**2,
            block_out_channels=tuple(width * min(2**level, 2) for level in range(levels)),
            down_block_types=("DownBlock2D",) * (levels - 1) + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
            layers_per_block=blocks,
            norm_num_groups=_GROUPS,
            num_class_embeds=classes + 1,  # the last one stands for any class
        )

    def fit(self, images: Float[Tensor, "n c h w"]) -> None:
        """Nothing is measured."""

    def encode(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The signal that is denoised: the images themselves."""
        return images

    def decode(self, code: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        """Images of signals."""
        return code

    def forward(
        self, noisy: Float[Tensor, "b c h w"], step: Int[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        """The velocity.

        Args:
            noisy: Images in [-1, 1] with noise.
            step: How noisy: 0 hardly, 999 nothing but noise.
            label: Number of the class; `classes` for any.
        """
        tiles = functional.pixel_unshuffle(noisy, self.patch)
        velocity = self.unet(tiles, step, class_labels=label).sample.float()
        return functional.pixel_shuffle(velocity, self.patch)
