"""Warping an image into another view."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from leadline.ops.filters import at_least_float32


def warp_by_disparity(right: Float[Tensor, "b c h w"], disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h w"]:
    """The right image as the left camera would see it: W(y, x) = R(y, x - d(y, x)), bilinear.

    Args:
        right: Image or features of the right view.
        disparity: Left-view disparity in pixels of these features.
    Returns:
        The warped features, at least float32: half precision has no columns beyond 256. Beyond the border the first
        or last column is repeated.
    """
    batch, channels, height, width = right.shape
    right, disparity = at_least_float32(right), at_least_float32(disparity)
    columns = torch.arange(width, device=right.device, dtype=disparity.dtype)
    position = (columns - disparity).clamp(0, width - 1)
    lower = position.detach().floor().clamp(max=max(width - 2, 0))
    # Reading rows of a table is much faster than `grid_sample`, above all in ONNX Runtime.
    index = row_index(torch.cat([lower, (lower + 1).clamp(max=width - 1)], dim=1))
    first, second = functional.embedding(index, as_rows(right)).unbind(0)
    warped = first + (second - first) * (position - lower).reshape(-1, 1)
    return warped.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def as_rows(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "pixels c"]:
    """Features as a table with one row a pixel."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def row_index(columns: Float[Tensor, "b k h w"]) -> Int[Tensor, "k pixels"]:
    """The rows in `as_rows` of whole-numbered columns in each pixel's own line."""
    batch, count, height, _ = columns.shape
    lines = torch.arange(batch * height, device=columns.device).view(batch, 1, height, 1) * columns.shape[3]
    return (columns.long() + lines).transpose(0, 1).reshape(count, -1)
