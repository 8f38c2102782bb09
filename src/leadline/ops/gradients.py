"""Derivatives of images and maps."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def forward_differences(
    values: Float[Tensor, "b c h w"],
) -> tuple[Float[Tensor, "b c h columns"], Float[Tensor, "b c rows w"]]:
    """Forward differences: the right neighbour minus the pixel, and the lower neighbour minus it."""
    return values[..., 1:] - values[..., :-1], values[..., 1:, :] - values[..., :-1, :]


def sobel(values: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
    """Sobel's derivatives along x and y, per pixel: a ramp of slope 1 has 1. The border is repeated.

    Source: Sobel and Feldman 1968; OpenCV's Sobel over 8.
    """
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    columns = padded[..., :-2, :] + 2.0 * padded[..., 1:-1, :] + padded[..., 2:, :]
    rows = padded[..., :-2] + 2.0 * padded[..., 1:-1] + padded[..., 2:]
    return (columns[..., 2:] - columns[..., :-2]) / 8.0, (rows[..., 2:, :] - rows[..., :-2, :]) / 8.0


def laplacian(values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """The sum of the four neighbours less four times the pixel. The border is repeated."""
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    beside = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    return beside + padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] - 4.0 * values
