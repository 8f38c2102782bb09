"""Census: a pixel described by comparison with its neighbours, which survives a change of exposure."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.errors import InputError
from leadline.ops.filters import at_least_float32

# Published for grey values in [0, 255]: differences below sqrt(0.81) = 0.9 count as noise.
_GREY_RANGE, _NOISE_SQUARE = 255.0, 0.81
# The squared difference of two comparisons at which the soft distance is one half.
_HALF_DISTANCE = 0.1


def census_transform(grey: Float[Tensor, "b 1 h w"], radius: int = 2) -> Float[Tensor, "b {(2*radius+1)**2-1} h w"]:
    """Census transform: which neighbours are darker than their pixel; it has no gradient.

    The signs are features: the inner product of two transforms, as `correlation_volume` has it, is their number less
    twice the Hamming distance.

    Args:
        grey: Any values.
        radius: The window's side is 2 radius + 1.
    Returns:
        1 where the neighbour is darker, else -1; neighbours row by row from the upper left, without the pixel itself.
        Beyond the border the image is repeated.
    Raises:
        InputError: If the window has no neighbour.
    Source: Zabih and Woodfill 1994, the census transform.
    """
    return torch.where(_neighbours(grey, radius) < grey, 1.0, -1.0).to(grey.dtype)


def hamming_distance(first: Float[Tensor, "b k h w"], second: Float[Tensor, "b k h w"]) -> Float[Tensor, "b 1 h w"]:
    """Number of comparisons in which two census transforms differ.

    Source: Zabih and Woodfill 1994, the census transform.
    """
    return (first != second).sum(dim=1, keepdim=True).to(torch.promote_types(first.dtype, torch.float32))


def soft_census_transform(
    grey: Float[Tensor, "b 1 h w"], radius: int = 3
) -> Float[Tensor, "b {(2*radius+1)**2-1} h w"]:
    """The differentiable census: delta / sqrt(0.81 + delta^2), delta what the pixel has more than the neighbour.

    Args:
        grey: Image in [0, 1]; delta is in grey levels of 255.
        radius: The window's side is 2 radius + 1.
    Returns:
        Comparisons in (-1, 1), near 1 where the neighbour is darker, in the order of `census_transform`; at least
        float32.
    Raises:
        InputError: If the window has no neighbour.
    Source: Meister et al. 2018 (UnFlow), section on the unsupervised loss, with the constants of its published form,
        which Liu et al. 2019 (DDFlow) share; after the ternary census of Stein 2004.
    """
    grey = at_least_float32(grey)
    delta = _GREY_RANGE * (grey - _neighbours(grey, radius))
    return delta / (_NOISE_SQUARE + delta**2).sqrt()


def soft_hamming_distance(
    first: Float[Tensor, "b k h w"], second: Float[Tensor, "b k h w"]
) -> Float[Tensor, "b 1 h w"]:
    """Sum of d^2 / (0.1 + d^2) over the comparisons, d being by how much two soft transforms differ.

    Source: As `soft_census_transform`.
    """
    square = (at_least_float32(first) - at_least_float32(second)) ** 2
    return (square / (_HALF_DISTANCE + square)).sum(dim=1, keepdim=True)


def _neighbours(grey: Float[Tensor, "b 1 h w"], radius: int) -> Float[Tensor, "b {(2*radius+1)**2-1} h w"]:
    """The values around each pixel, row by row, without its own."""
    if radius < 1:
        raise InputError(f"expected a census radius >= 1, got {radius}; a 3x3 window has radius 1")
    height, width = grey.shape[2:]
    padded = functional.pad(grey, (radius, radius, radius, radius), mode="replicate")
    steps = range(2 * radius + 1)
    places = [(y, x) for y in steps for x in steps if (y, x) != (radius, radius)]
    return torch.cat([padded[..., y : y + height, x : x + width] for y, x in places], dim=1)
