"""Warping a picture into another view."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def warp_by_disparity(right: Float[Tensor, "b c h w"], disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h w"]:
    """The right picture as the left camera would see it: W(y, x) = R(y, x - d(y, x)), bilinear.

    Args:
        right: Picture or features of the right view.
        disparity: Left-view disparity in pixels of these features.
    Returns:
        The warped features; beyond the border the last column is repeated.
    """
    _, _, height, width = right.shape
    columns = torch.arange(width, device=right.device, dtype=right.dtype).view(1, 1, width)
    rows = torch.arange(height, device=right.device, dtype=right.dtype).view(1, height, 1)
    x = (columns - disparity[:, 0].to(right.dtype)) * (2.0 / width) + (1.0 / width - 1.0)
    y = (rows * (2.0 / height) + (1.0 / height - 1.0)).expand_as(x)
    grid = torch.stack([x, y], dim=3)
    return functional.grid_sample(right, grid, mode="bilinear", padding_mode="border", align_corners=False)
