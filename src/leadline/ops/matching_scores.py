"""Block matching: how alike are the windows around a left pixel and around each of its candidates.

A window holds every channel of its pixels. Where it hangs over the border of either image it is cut, and the score
is a mean over the pixels that both images have: windows of unequal size stay comparable.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.errors import InputError
from leadline.ops.filters import at_least_float32, box_mean

# Mean squares below this, 1e-4 of the range 1, are no texture: the ratios keep finite and their gradients too.
_SMALLEST_POWER = 1e-8


def sad_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int, radius: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Sum of absolute differences, as a mean: mean |L - R| over window and channels.

    Args:
        left: Left image.
        right: Right image.
        disparities: Number of candidates d = 0, 1, ... in pixels.
        radius: The window's side is 2 radius + 1.
    Returns:
        A cost, 0 for equal windows; inf where x - d < 0. At least float32.
    Raises:
        InputError: If there is no candidate or no window.
    Source: Scharstein and Szeliski 2002, section 3.1.
    """
    return _volume(
        left, right, disparities, radius, torch.inf, lambda one, other: _window_mean((one - other).abs(), radius)
    )


def ssd_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int, radius: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Sum of squared differences, as a mean: mean (L - R)^2 over window and channels.

    Args:
        left: Left image.
        right: Right image.
        disparities: Number of candidates d = 0, 1, ... in pixels.
        radius: The window's side is 2 radius + 1.
    Returns:
        A cost, 0 for equal windows; inf where x - d < 0. At least float32.
    Raises:
        InputError: If there is no candidate or no window.
    Source: Scharstein and Szeliski 2002, section 3.1.
    """
    return _volume(
        left, right, disparities, radius, torch.inf, lambda one, other: _window_mean((one - other) ** 2, radius)
    )


def normalised_ssd_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int, radius: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Squared differences over the windows' powers: sum (L - R)^2 / sqrt(sum L^2 sum R^2) over window and channels.

    Args:
        left: Left image in [0, 1].
        right: Right image in [0, 1].
        disparities: Number of candidates d = 0, 1, ... in pixels.
        radius: The window's side is 2 radius + 1.
    Returns:
        A cost, 0 for equal windows and large for a bright beside a black one; inf where x - d < 0. At least float32.
    Raises:
        InputError: If there is no candidate or no window.
    Source: OpenCV's TM_SQDIFF_NORMED.
    """

    def score(one: Tensor, other: Tensor) -> Tensor:
        powers = _window_mean(one**2, radius), _window_mean(other**2, radius)
        return _window_mean((one - other) ** 2, radius) / _geometric_mean(*powers)

    return _volume(left, right, disparities, radius, torch.inf, score)


def cross_correlation_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int, radius: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Plain cross-correlation, as a mean: mean L R over window and channels; it favours what is bright.

    Args:
        left: Left image.
        right: Right image.
        disparities: Number of candidates d = 0, 1, ... in pixels.
        radius: The window's side is 2 radius + 1.
    Returns:
        A similarity; -inf where x - d < 0. At least float32.
    Raises:
        InputError: If there is no candidate or no window.
    Source: OpenCV's TM_CCORR.
    """
    return _volume(left, right, disparities, radius, -torch.inf, lambda one, other: _window_mean(one * other, radius))


def ncc_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int, radius: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Normalised cross-correlation: sum L R / sqrt(sum L^2 sum R^2) over window and channels; blind to a gain.

    Args:
        left: Left image in [0, 1].
        right: Right image in [0, 1].
        disparities: Number of candidates d = 0, 1, ... in pixels.
        radius: The window's side is 2 radius + 1.
    Returns:
        A similarity in [-1, 1], 0 for a black window; -inf where x - d < 0. At least float32.
    Raises:
        InputError: If there is no candidate or no window.
    Source: OpenCV's TM_CCORR_NORMED.
    """

    def score(one: Tensor, other: Tensor) -> Tensor:
        powers = _window_mean(one**2, radius), _window_mean(other**2, radius)
        return _window_mean(one * other, radius) / _geometric_mean(*powers)

    return _volume(left, right, disparities, radius, -torch.inf, score)


def zncc_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int, radius: int
) -> Float[Tensor, "b {disparities} h w"]:
    """NCC of the windows less their mean in each channel; blind to a gain and to an offset of each channel.

    Args:
        left: Left image in [0, 1].
        right: Right image in [0, 1].
        disparities: Number of candidates d = 0, 1, ... in pixels.
        radius: The window's side is 2 radius + 1.
    Returns:
        A similarity in [-1, 1], 0 for a flat window; -inf where x - d < 0. At least float32.
    Raises:
        InputError: If there is no candidate or no window.
    Source: OpenCV's TM_CCOEFF_NORMED.
    """

    def score(one: Tensor, other: Tensor) -> Tensor:
        means = box_mean(one, radius), box_mean(other, radius)

        def covariance(i: int, j: int) -> Tensor:
            product = (one, other)[i] * (one, other)[j]
            return (box_mean(product, radius) - means[i] * means[j]).mean(dim=1, keepdim=True)

        return covariance(0, 1) / _geometric_mean(covariance(0, 0), covariance(1, 1))

    # In float32 a flat window's covariance would be rounding noise as large as that of a weak texture.
    volume = _volume(left.double(), right.double(), disparities, radius, -torch.inf, score)
    return volume.to(torch.promote_types(left.dtype, torch.float32))


def _volume(
    left: Float[Tensor, "b c h w"],
    right: Float[Tensor, "b c h w"],
    disparities: int,
    radius: int,
    worst: float,
    score: Callable[[Tensor, Tensor], Tensor],
) -> Float[Tensor, "b {disparities} h w"]:
    """The score of both images cut to what they share at each disparity, `worst` where the right has no pixel."""
    if disparities < 1 or radius < 0:
        raise InputError(
            f"expected disparities >= 1 and radius >= 0, got {disparities} and {radius}; "
            "search at least d = 0 with a window of at least the pixel itself"
        )
    left, right = at_least_float32(left), at_least_float32(right)
    width = left.shape[3]
    shared = [score(left[..., d:], right[..., : width - d]) for d in range(min(disparities, width))]
    planes = [functional.pad(plane, (d, 0), value=worst) for d, plane in enumerate(shared)]
    beyond = torch.full_like(planes[0], worst).expand(-1, disparities - len(planes), -1, -1)
    return torch.cat([*planes, beyond], dim=1)


def _window_mean(values: Float[Tensor, "b c h w"], radius: int) -> Float[Tensor, "b 1 h w"]:
    return box_mean(values.mean(dim=1, keepdim=True), radius)


def _geometric_mean(first: Float[Tensor, "b 1 h w"], second: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    return (first.clamp_min(_SMALLEST_POWER) * second.clamp_min(_SMALLEST_POWER)).sqrt()
