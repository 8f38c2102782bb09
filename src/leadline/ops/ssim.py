"""Structural similarity of two aligned images."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from leadline.ops.filters import at_least_float32, box_mean, gaussian_mean

# K1 = 0.01 and K2 = 0.03 of a range of 1, squared.
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2


def ssim(first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """SSIM under an 11x11 Gaussian window of sigma 1.5 px.

    Args:
        first: Image in [0, 1].
        second: Image in [0, 1].
    Returns:
        At most 1, which it is where both windows are equal; windows are cut at the border.
    Source: Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity.
    """
    return _ssim(first, second, lambda values: gaussian_mean(values, 5, 1.5))


def box_ssim(first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """SSIM under a 3x3 box, the cheap form of self-supervised depth.

    Args:
        first: Image in [0, 1].
        second: Image in [0, 1].
    Returns:
        At most 1, which it is where both windows are equal; windows are cut at the border.
    Source: Godard et al. 2017 (MonoDepth), the appearance matching loss.
    """
    return _ssim(first, second, lambda values: box_mean(values, 1))


def _ssim(first: Tensor, second: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    kind = at_least_float32(first).dtype
    first, second = _wide(first), _wide(second)
    first_mean, second_mean = mean(first), mean(second)
    first_variance = mean(first**2) - first_mean**2
    second_variance = mean(second**2) - second_mean**2
    covariance = mean(first * second) - first_mean * second_mean
    luminance = (2.0 * first_mean * second_mean + _LUMINANCE) / (first_mean**2 + second_mean**2 + _LUMINANCE)
    structure = (2.0 * covariance + _CONTRAST) / (first_variance + second_variance + _CONTRAST)
    return (luminance * structure).to(kind)


def _wide(values: Tensor) -> Tensor:
    """The values in float64: in float32 the variance of a bright flat window is lost, and SSIM comes out above 1.

    Apple's GPUs have no float64.
    """
    return at_least_float32(values) if values.device.type == "mps" else values.double()
