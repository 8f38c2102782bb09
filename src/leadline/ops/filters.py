"""Local means, the base of SSIM."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def at_least_float32(values: Tensor) -> Tensor:
    """The same values in float32, or in their own type if that is wider: squares of half precision lose too much."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def box_mean(image: Float[Tensor, "b c h w"], radius: int) -> Float[Tensor, "b c h w"]:
    """Mean over a square window of side 2 radius + 1, which is cut at the image's border."""
    return functional.avg_pool2d(image, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)


def every(layer: Float[Tensor, "b c h w"], stride: int) -> Float[Tensor, "b c hs ws"]:
    """Every stride-th pixel: coarse pixel i lies on pixel stride * i, where convolutions with a stride leave it."""
    return layer[..., ::stride, ::stride]


def shrunk(image: Float[Tensor, "b c h w"], stride: int) -> Float[Tensor, "b c hs ws"]:
    """Every stride-th pixel of the image, as the mean of a window about as large as the stride."""
    return image if stride == 1 else every(box_mean(image, stride // 2), stride)


def gaussian_mean(image: Float[Tensor, "b c h w"], radius: int, sigma: float) -> Float[Tensor, "b c h w"]:
    """Gaussian-weighted mean over a square window of side 2 radius + 1, which is cut at the image's border.

    Args:
        image: Any values.
        radius: Half the window's side, pixels.
        sigma: Standard deviation of the weights, pixels.
    """
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    weights = (-0.5 * (offsets / sigma) ** 2).exp()
    stacked = image.flatten(0, 1).unsqueeze(1)
    # Autocast would round the products of a convolution.
    with torch.autocast(image.device.type, enabled=False):
        for kernel in (weights.view(1, 1, 1, -1), weights.view(1, 1, -1, 1)):
            padding = (kernel.shape[2] // 2, kernel.shape[3] // 2)
            share = functional.conv2d(torch.ones_like(stacked[:1]), kernel, padding=padding)
            stacked = functional.conv2d(stacked, kernel, padding=padding) / share
    return stacked.reshape(image.shape)
