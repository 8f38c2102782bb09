"""Cost volumes beside the plain correlation: group-wise, concatenation, difference, and those of optical flow."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.errors import InputError
from leadline.ops.cost_volume import correlation_volume


def groupwise_correlation_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int, groups: int
) -> Float[Tensor, "b {groups} {disparities} h w"]:
    """Correlation of each group of channels: V(g, d, y, x) = mean over the channels c of g of L_c(y, x) R_c(y, x - d).

    Args:
        left: Features of the left image.
        right: Features of the right image.
        disparities: Number of candidates d = 0, 1, ... in pixels of the features.
        groups: Number of groups of consecutive channels.
    Returns:
        The volume; 0 where x - d < 0.
    Raises:
        InputError: If the channels cannot be divided into the groups.
    Source: Guo et al. 2019 (GwcNet), equation 1.
    """
    batch, channels, height, width = left.shape
    if groups < 1 or channels % groups:
        raise InputError(
            f"expected a number of groups that divides {channels} channels, got {groups}; choose a divisor"
        )
    parts = [view.reshape(batch * groups, channels // groups, height, width) for view in (left, right)]
    volume = correlation_volume(parts[0], parts[1], disparities) * (groups / channels)
    return volume.reshape(batch, groups, disparities, height, width)


def concatenation_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int
) -> Float[Tensor, "b 2*c {disparities} h w"]:
    """The features of each left pixel with those of its candidates: V(:, d, y, x) = [L(y, x), R(y, x - d)].

    Args:
        left: Features of the left image.
        right: Features of the right image.
        disparities: Number of candidates d = 0, 1, ... in pixels of the features.
    Returns:
        The volume; 0 where x - d < 0.
    Source: Kendall et al. 2017 (GC-Net), section 3.2; Chang and Chen 2018 (PSMNet).
    """
    return torch.cat([_seen_left(left, disparities), _shifted_right(right, disparities)], dim=1)


def difference_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int
) -> Float[Tensor, "b c {disparities} h w"]:
    """Differences of each left pixel's features and its candidates': V(:, d, y, x) = L(y, x) - R(y, x - d).

    Args:
        left: Features of the left image.
        right: Features of the right image.
        disparities: Number of candidates d = 0, 1, ... in pixels of the features.
    Returns:
        The volume; 0 where x - d < 0.
    Source: Khamis et al. 2018 (StereoNet), section 3.2.
    """
    return _seen_left(left, disparities) - _shifted_right(right, disparities)


def displacement_correlation_volume(
    first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"], radius: int, stride: int = 1, patch: int = 0
) -> Float[Tensor, "b {(2*radius+1)**2} h w"]:
    """Correlation over a square of displacements: V(y, x) = mean over channels of F(y, x) S(y + dy, x + dx).

    With a patch, it is the sum of that over the pixels of the patch: V(y, x) = sum over o of mean over channels of
    F((y, x) + o) S((y + dy, x + dx) + o).

    Args:
        first: Features of the first image.
        second: Features of the second image.
        radius: Displacements on each side of none.
        stride: Pixels of the features between neighbouring displacements.
        patch: k, of patches of side 2 k + 1; offsets o are in [-k, k] x [-k, k].
    Returns:
        The volume, displacements row by row from the upper left; what lies outside an image adds 0.
    Raises:
        InputError: If the patch is negative.
    Source: Dosovitskiy et al. 2015 (FlowNetC), equation 1, over channels as a mean.
    """
    if patch < 0:
        raise InputError(f"expected a patch of at least 0, got {patch}; 0 compares single pixels")
    height, width = first.shape[2:]
    reach = radius * stride
    padded = functional.pad(second, (reach, reach, reach, reach))
    steps = [stride * step for step in range(2 * radius + 1)]
    volume = torch.stack(
        [(first * padded[:, :, y : y + height, x : x + width]).mean(dim=1) for y in steps for x in steps], dim=1
    )
    side = 2 * patch + 1
    return volume if patch == 0 else side**2 * functional.avg_pool2d(volume, side, stride=1, padding=patch)


def _shifted_right(right: Float[Tensor, "b c h w"], disparities: int) -> Float[Tensor, "b c {disparities} h w"]:
    """R(y, x - d), 0 where x - d < 0."""
    width = right.shape[3]
    return torch.stack([functional.pad(right, (d, 0))[..., :width] for d in range(disparities)], dim=2)


def _seen_left(left: Float[Tensor, "b c h w"], disparities: int) -> Float[Tensor, "b c {disparities} h w"]:
    """L(y, x), 0 where x - d < 0."""
    columns = torch.arange(left.shape[3], device=left.device)
    candidates = torch.arange(disparities, device=left.device).view(-1, 1, 1)
    return left.unsqueeze(2) * (columns >= candidates).to(left.dtype)
