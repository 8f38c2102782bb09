"""A small classifier: what generated images are worth is how well it learns from them."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.errors import InputError
from leadline.models.blocks.convolution import batch_conv

_WIDTHS = (24, 48, 64)


class SmallClassifier(nn.Module):
    """Three convolutions with stride 2 and one linear layer.

    Args:
        classes: How many.
        side: Height and width of the images, at least 8.
        channels: 1 for grey, 3 for RGB.
    Raises:
        InputError: If the images are smaller.
    """

    def __init__(self, classes: int, side: int, channels: int) -> None:
        super().__init__()
        if side < 8:
            raise InputError(f"expected images of at least 8 px a side to classify, got {side}; enlarge them")
        widths = (channels, *_WIDTHS)
        self.features = nn.Sequential(*(batch_conv(a, b, 2) for a, b in pairwise(widths)))
        for _ in _WIDTHS:
            side = (side + 1) // 2
        self.decide = nn.Sequential(nn.Dropout(0.3), nn.Linear(_WIDTHS[-1] * side**2, classes))

    def embed(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        """Features of images: means of the last convolution's channels."""
        return self.features(images).mean(dim=(2, 3))

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Scores of the classes.

        Args:
            images: In [-1, 1].
        """
        return self.decide(torch.flatten(self.features(images), 1))
