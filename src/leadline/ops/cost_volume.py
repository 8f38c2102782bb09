"""Cost volumes: how alike are a left pixel and each of its candidates in the right image."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.ops.filters import at_least_float32
from leadline.ops.warp import as_rows, row_index


def correlation_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Inner product of each left feature with the right features on its row: V(d, y, x) = <L(y, x), R(y, x - d)>.

    One matrix product per row compares every pair of columns; the wanted band of that matrix is cut out by
    reshaping, so there is no loop over disparities, in torch or in ONNX.

    Args:
        left: Features of the left image; normalise them over channels for a cosine volume.
        right: Features of the right image.
        disparities: Number of candidates d = 0, 1, ... in pixels of the features.
    Returns:
        The volume; 0 where x - d < 0.
    Source: FlowNetC (Dosovitskiy et al. 2015), restricted to a row as in DispNetC (Mayer et al. 2016).
    """
    batch, _, height, width = left.shape
    stride = width + disparities
    # Column j of `moved` holds right column j + 1 - disparities, so row x's band begins at its column x and holds the
    # largest disparity first. The row more that `rows` has lets the product be cut into rows one element longer.
    moved = functional.pad(right, (disparities - 1, 1)).permute(0, 2, 1, 3)
    rows = functional.pad(left, (0, 1)).permute(0, 2, 3, 1)
    similarity = (rows @ moved).reshape(batch, height, (width + 1) * stride)
    skewed = similarity[:, :, : width * (stride + 1)].reshape(batch, height, width, stride + 1)
    descending = skewed[..., :disparities].permute(0, 3, 1, 2)
    if torch.compiler.is_exporting():  # runtimes flip slowly, but the gradient of a selection is a slow scatter
        return descending.index_select(1, torch.arange(disparities - 1, -1, -1, device=left.device))
    return descending.flip(1)


def sampled_correlation(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: Float[Tensor, "b k h w"]
) -> Float[Tensor, "b k h w"]:
    """Inner product of each left feature with the right features at a few disparities of its own.

    Args:
        left: Features of the left image; normalise them over channels for cosines.
        right: Features of the right image.
        disparities: Candidates of each left pixel, in pixels of the features; rounded, without a gradient.
    Returns:
        S(k, y, x) = <L(y, x), R(y, x - d_k(y, x))>; beyond the border the first or last column is compared.
    """
    batch, count, height, width = disparities.shape
    # Half precision has no columns beyond 256 (bfloat16) or 2048 (float16).
    sampled = at_least_float32(disparities.detach())
    columns = torch.arange(width, device=sampled.device, dtype=sampled.dtype)
    # Cutting off x - d + 1/2 rounds it, since it is never negative.
    right_columns = (columns - sampled + 0.5).clamp(0, width - 1)
    # One candidate after the other: runtimes are slow at a product of many tiny matrices.
    index, table, own = row_index(right_columns), as_rows(right), as_rows(left)
    similarity = (functional.embedding(index, table) * own).sum(dim=2)
    return similarity.reshape(count, batch, height, width).transpose(0, 1)
