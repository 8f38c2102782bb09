"""How unlike a warped picture is the one that it should be, pixel by pixel.

Reduce these maps with `masked_mean`, whose weight leaves out what is occluded or outside the picture.
"""

from jaxtyping import Float
from torch import Tensor

from leadline.ops import box_ssim, sobel


def l1_ssim_difference(
    warped: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"], alpha: float = 0.85
) -> Float[Tensor, "b 1 h w"]:
    """SSIM and absolute difference mixed, averaged over channels: alpha (1 - SSIM) / 2 + (1 - alpha) |difference|.

    Args:
        warped: Picture in [0, 1], warped into the target's view.
        target: Picture in [0, 1].
        alpha: Share of SSIM, with a 3x3 box.
    Source: Godard et al. 2017 (MonoDepth), equation 2.
    """
    structure = 0.5 * (1.0 - box_ssim(warped, target))
    return (alpha * structure + (1.0 - alpha) * (warped - target).abs()).mean(dim=1, keepdim=True)


def gradient_difference(warped: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
    """Absolute difference of both Sobel derivatives, averaged over channels; blind to a change of brightness.

    Args:
        warped: Picture, warped into the target's view.
        target: Picture.
    Source: Zhong et al. 2019 (EPIFlow), the gradient term of the photometric loss.
    """
    x, y = sobel(warped - target)
    return (x.abs() + y.abs()).mean(dim=1, keepdim=True)
