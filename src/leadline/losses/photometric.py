"""Differences between a warped image and the one that it should be, pixel by pixel.

Reduce these maps with `masked_mean`, whose weight leaves out what is occluded or outside the image.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadline.ops import box_ssim, sobel, soft_census_transform, soft_hamming_distance
from leadline.ops.filters import at_least_float32

# Standard deviation of the noise that decides between a warp and no warp where both are equal.
_IDENTITY_NOISE = 1e-5


def l1_ssim_difference(
    warped: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"], alpha: float = 0.85
) -> Float[Tensor, "b 1 h w"]:
    """SSIM and absolute difference mixed, averaged over channels: alpha (1 - SSIM) / 2 + (1 - alpha) |difference|.

    Args:
        warped: Image in [0, 1], warped into the target's view.
        target: Image in [0, 1].
        alpha: Share of SSIM, with a 3x3 box.
    Source: Godard et al. 2017 (MonoDepth), the appearance matching loss.
    """
    structure = 0.5 * (1.0 - box_ssim(warped, target))
    return (alpha * structure + (1.0 - alpha) * (warped - target).abs()).mean(dim=1, keepdim=True)


def gradient_difference(warped: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
    """Absolute difference of both Sobel derivatives, averaged over channels; blind to a change of brightness.

    Args:
        warped: Image, warped into the target's view.
        target: Image.
    Source: Zhong et al. 2019 (EPIFlow), the gradient term of the photometric loss.
    """
    x, y = sobel(warped - target)
    return (x.abs() + y.abs()).mean(dim=1, keepdim=True)


def census_difference(
    warped: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"], radius: int = 3
) -> Float[Tensor, "b 1 h w"]:
    """Soft Hamming distance of the soft census of both images, averaged over the neighbours: in [0, 1).

    Channels are averaged to grey beforehand. Blind to a change of brightness; where the window hangs over the
    image, its border is repeated.

    Args:
        warped: Image in [0, 1], warped into the target's view.
        target: Image in [0, 1].
        radius: The window's side is 2 radius + 1.
    Raises:
        InputError: If the window has no neighbour.
    Source: Meister et al. 2018 (UnFlow), section on the unsupervised loss.
    """
    first, second = (
        soft_census_transform(at_least_float32(image).mean(dim=1, keepdim=True), radius) for image in (warped, target)
    )
    return soft_hamming_distance(first, second) / first.shape[1]


def minimum_reprojection(differences: Float[Tensor, "b s h w"]) -> Float[Tensor, "b 1 h w"]:
    """The least difference over the sources: what one source view does not see, another may.

    Args:
        differences: Photometric difference of each source warped into the target; inf where a source sees nothing.
    Returns:
        The minimum, which is inf where no source sees the pixel: give it no weight.
    Source: Godard et al. 2019 (Monodepth2), the per-pixel minimum reprojection loss.
    """
    return differences.amin(dim=1, keepdim=True)


def auto_mask(
    differences: Float[Tensor, "b s h w"], unwarped: Float[Tensor, "b s h w"], generator: torch.Generator
) -> Bool[Tensor, "b 1 h w"]:
    """Pixels that the best warp explains better than the best source left as it is.

    It drops what moves along with the camera, and a whole image when the camera rests. Gaussian noise of deviation
    1e-5 on the unwarped differences decides where both are equal.

    Args:
        differences: Photometric difference of each source warped into the target.
        unwarped: Photometric difference of each source as it is.
        generator: Source of the noise, on the device of the differences.
    Returns:
        The pixels that count.
    Source: Godard et al. 2019 (Monodepth2), auto-masking of stationary pixels; the noise is that of its published
        program.
    """
    unwarped = at_least_float32(unwarped)
    noise = torch.randn(unwarped.shape, generator=generator, device=unwarped.device, dtype=unwarped.dtype)
    return minimum_reprojection(differences) < minimum_reprojection(unwarped + _IDENTITY_NOISE * noise)
