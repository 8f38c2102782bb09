"""Two predictions of the same scene must agree where both see it."""

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.losses.reduce import masked_mean
from leadline.ops import forward_backward_occluded, left_right_occluded, warp_by_disparity, warp_by_flow
from leadline.ops.filters import at_least_float32


def left_right_consistency(
    left_disparity: Float[Tensor, "b 1 h w"],
    right_disparity: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    tolerance_px: float = torch.inf,
) -> Float[Tensor, ""]:
    """Mean |d_left(x) - d_right(x - d_left(x))| over the left pixels whose partner lies in the right image.

    For the right view's own term, mirror both maps and swap them.

    Args:
        left_disparity: Disparity of the left view, pixels.
        right_disparity: Disparity of the right view, pixels, positive as well.
        weight: Per-pixel weight of the left view.
        tolerance_px: Pixels that disagree by more count as occluded, and no more; the published loss has no limit, and
            a tight one from the beginning has nothing to learn from.
    Source: Godard et al. 2017 (MonoDepth), equation 4; the occlusion of Hirschmueller 2008 (SGM).
    """
    left = at_least_float32(left_disparity).masked_fill(weight == 0, 0.0)
    right = at_least_float32(right_disparity)
    seen = ~left_right_occluded(left.detach(), right.detach(), tolerance_px)
    return masked_mean((left - warp_by_disparity(right, left)).abs(), weight * seen)


def forward_backward_consistency(
    forward: Float[Tensor, "b 2 h w"],
    backward: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b 1 h w"],
    share: float = 0.01,
    offset_px2: float = 0.5,
) -> Float[Tensor, ""]:
    """Mean |f + b'|_1, b' being the backward flow where the forward flow ends, over the pixels that both views see.

    What disagrees counts as occluded, so a flow that agrees nowhere costs nothing: add a photometric loss, and a
    price on occlusion if it still happens.

    Args:
        forward: Flow from the first image to the second, pixels.
        backward: Flow from the second to the first, pixels.
        weight: Per-pixel weight of the first view.
        share: As in `forward_backward_occluded`.
        offset_px2: As in `forward_backward_occluded`; inf counts every pixel that stays inside the image.
    Source: Zou et al. 2018 (DF-Net), forward-backward consistency; its visibility as in Meister et al. 2018 (UnFlow).
    """
    there = at_least_float32(forward).masked_fill(weight == 0, 0.0)
    back = at_least_float32(backward)
    seen = ~forward_backward_occluded(there.detach(), back.detach(), share, offset_px2)
    astray = (there + warp_by_flow(back, there)[0]).abs().sum(dim=1, keepdim=True)
    return masked_mean(astray, weight * seen)
