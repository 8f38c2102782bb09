"""Flow that a rigid scene could have caused: matches x of the first view and x' of the second with x'^T F x = 0.

Each match embeds as the nine products h of its homogeneous coordinates, in which the epipolar constraint is linear,
f^T h = 0. One motion spans at most eight of the nine dimensions, and several motions a union of such subspaces. All
of it is computed in float64, on coordinates moved and scaled as Hartley does.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from leadline.errors import InputError
from leadline.losses.reduce import batch_mean, masked_mean
from leadline.ops.filters import at_least_float32

# Denominators are no smaller than this.
_SMALLEST = 1e-12


def squared_sampson_distance(
    flow: Float[Tensor, "b 2 h w"], fundamental: Float[Tensor, "b 3 3"]
) -> Float[Tensor, "b 1 h w"]:
    """First-order squared distance of each pixel's match from an epipolar geometry, over both views together.

    Args:
        flow: Flow from the first image to the second, pixels.
        fundamental: F of x'^T F x = 0, pixels, at any scale but 0.
    Returns:
        Squared pixels; a flow that misses the lines of a rectified pair by v has v^2 / 2.
    Source: Hartley and Zisserman 2004, the Sampson distance; as a loss Zhong et al. 2019 (EPIFlow).
    """
    matrix = _unit(fundamental.double())
    first, second = (_homogeneous(points) for points in _matches(flow))
    second_lines, first_lines = first @ matrix.mT, second @ matrix
    algebraic = (second * second_lines).sum(dim=2)
    slope = first_lines[..., :2].square().sum(dim=2) + second_lines[..., :2].square().sum(dim=2)
    distance = algebraic.square() / slope.clamp_min(_SMALLEST**2)
    return distance.reshape(flow.shape[0], 1, *flow.shape[2:]).to(at_least_float32(flow).dtype)


def sampson(
    flow: Float[Tensor, "b 2 h w"], fundamental: Float[Tensor, "b 3 3"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean squared Sampson distance of a flow from the epipolar geometry of a still scene.

    Args:
        flow: Flow from the first image to the second, pixels.
        fundamental: F of x'^T F x = 0, pixels, such as `fundamental_from_flow` gives.
        weight: Per-pixel weight, 0 for pixels that are occluded or move by themselves.
    Source: Zhong et al. 2019 (EPIFlow), the hard constraint by the fundamental matrix.
    """
    return masked_mean(squared_sampson_distance(flow.masked_fill(weight == 0, 0.0), fundamental), weight)


@torch.no_grad()
def fundamental_from_flow(flow: Float[Tensor, "b 2 h w"], weight: Float[Tensor, "b 1 h w"]) -> Float64[Tensor, "b 3 3"]:
    """The normalised eight-point estimate of F, x'^T F x = 0, in weighted least squares, without a gradient.

    It is not robust: give outliers no weight, or use `geometry.fundamental_matrix`.

    Args:
        flow: Flow from the first image to the second, pixels.
        weight: Per-pixel weight.
    Returns:
        F of rank 2 and unit norm, for pixels; any that fits where fewer than 8 matches, a plane or a camera that only
        turns leave several.
    Source: Hartley 1997, "In defense of the eight-point algorithm"; Hartley and Zisserman 2004, algorithm 11.1.
    """
    embedding, flat, (first, second) = _normalised_embedding(flow, weight)
    # The last of the vectors is the direction that the matches span least.
    least = _svd(_moments(embedding, flat))[2][:, -1]
    left, singular, right = _svd(least.reshape(-1, 3, 3))
    singular = singular * singular.new_tensor([1.0, 1.0, 0.0])
    return _unit(second.mT @ (left * singular.unsqueeze(1)) @ right @ first)


def low_rank(flow: Float[Tensor, "b 2 h w"], weight: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """Nuclear norm of the 9xN embedding of the matches over N, the mean over images.

    Args:
        flow: Flow from the first image to the second, pixels.
        weight: Per-pixel weight, by which a match's column is scaled; N is its sum.
    Source: Zhong et al. 2019 (EPIFlow), the low-rank constraint.
    """
    embedding, flat, _ = _normalised_embedding(flow, weight)
    norms = _svd(embedding * flat.unsqueeze(1))[1].sum(dim=1)
    return batch_mean(norms / flat.sum(dim=1).clamp_min(_SMALLEST)).to(at_least_float32(flow).dtype)


def subspace(flow: Float[Tensor, "b 2 h w"], weight: Float[Tensor, "b 1 h w"], balance: float) -> Float[Tensor, ""]:
    """Subspace loss of the embedded matches M: 1/2 |C|^2 + balance/2 |M C - M|^2, the mean over images.

    C = (I + balance M^T M)^-1 balance M^T M minimises it, an NxN matrix. By Woodbury's identity
    C = balance M^T (I + balance G)^-1 M with the 9x9 matrix G = M M^T, and the loss at C is
    1/2 tr((I + balance G)^-1 balance G): half the number of dimensions that the matches span, softly counted, at most
    9/2. Several motions are allowed, but only by what they span together.

    Args:
        flow: Flow from the first image to the second, pixels.
        weight: Per-pixel weight; a match counts that many times.
        balance: Weight of the self-expression, > 0; the more matches, the smaller it may be.
    Raises:
        InputError: If the balance is not positive.
    Source: Zhong et al. 2019 (EPIFlow), the subspace constraint.
    """
    if not balance > 0.0:
        raise InputError(f"expected a positive balance, got {balance}; try 10 for some hundred matches")
    embedding, flat, _ = _normalised_embedding(flow, weight)
    scaled = balance * _moments(embedding, flat)
    inverse = (scaled + torch.eye(9, dtype=scaled.dtype, device=scaled.device)).inverse()
    # The trace of a product of two symmetric matrices.
    return 0.5 * batch_mean((inverse * scaled).sum(dim=(1, 2))).to(at_least_float32(flow).dtype)


def _matches(flow: Float[Tensor, "b 2 h w"]) -> tuple[Float64[Tensor, "b n 2"], Float64[Tensor, "b n 2"]]:
    """Position of each pixel in the first image and in the second: (x, y)."""
    height, width = flow.shape[2:]
    rows = torch.arange(height, device=flow.device, dtype=torch.float64)
    columns = torch.arange(width, device=flow.device, dtype=torch.float64)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    first = torch.stack([x, y]).expand(flow.shape)
    return first.flatten(2).mT, (first + flow.double()).flatten(2).mT


def _homogeneous(points: Float64[Tensor, "b n 2"]) -> Float64[Tensor, "b n 3"]:
    return torch.cat([points, torch.ones_like(points[..., :1])], dim=2)


def _normalising(points: Float64[Tensor, "b n 2"], weight: Float64[Tensor, "b n"]) -> Float64[Tensor, "b 3 3"]:
    """The similarity that moves the points' weighted mean to 0 and scales their RMS distance from it to sqrt(2).

    Source: Hartley and Zisserman 2004, the normalised eight-point algorithm. Unlike Hartley's mean distance, this is
        smooth.
    """
    share = (weight / weight.sum(dim=1, keepdim=True).clamp_min(_SMALLEST)).unsqueeze(2)
    centre = (share * points).sum(dim=1, keepdim=True)
    variance = (share * (points - centre).square()).sum(dim=(1, 2)).view(-1, 1, 1)
    unit = torch.eye(3, dtype=points.dtype, device=points.device).expand(points.shape[0], 3, 3)
    moved = torch.cat([unit[:, :2, :2], -centre.mT], dim=2)
    return torch.cat([(2.0 / variance.clamp_min(_SMALLEST)).sqrt() * moved, unit[:, 2:]], dim=1)


def _embedding(first: Float64[Tensor, "b n 3"], second: Float64[Tensor, "b n 3"]) -> Float64[Tensor, "b 9 n"]:
    """The nine products of each match, in the order in which F is read row by row."""
    return (second.unsqueeze(3) * first.unsqueeze(2)).flatten(2).mT


def _normalised_embedding(
    flow: Float[Tensor, "b 2 h w"], weight: Float[Tensor, "b 1 h w"]
) -> tuple[Float64[Tensor, "b 9 n"], Float64[Tensor, "b n"], tuple[Float64[Tensor, "b 3 3"], ...]]:
    """The embedding M, its weights, and the similarities that normalise the first and second view."""
    flat = weight.double().flatten(1)
    views = _matches(flow.masked_fill(weight == 0, 0.0))
    similarities = tuple(_normalising(points, flat) for points in views)
    first, second = (_homogeneous(points) @ move.mT for points, move in zip(views, similarities, strict=True))
    return _embedding(first, second), flat, similarities


def _moments(embedding: Float64[Tensor, "b 9 n"], weight: Float64[Tensor, "b n"]) -> Float64[Tensor, "b 9 9"]:
    return (embedding * weight.unsqueeze(1)) @ embedding.mT


def _svd(
    matrix: Float64[Tensor, "b m n"],
) -> tuple[Float64[Tensor, "b m k"], Float64[Tensor, "b k"], Float64[Tensor, "b k n"]]:
    """U, the singular values from the largest down, and V^T."""
    return tuple(torch.linalg.svd(matrix, full_matrices=False))  # pyright: ignore


def _unit(matrix: Float64[Tensor, "b 3 3"]) -> Float64[Tensor, "b 3 3"]:
    return matrix / matrix.square().sum(dim=(1, 2), keepdim=True).clamp_min(_SMALLEST**2).sqrt()
