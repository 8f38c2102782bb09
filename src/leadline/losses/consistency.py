"""Two predictions of the same scene must agree where both see it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadline.losses.reduce import masked_mean
from leadline.ops import (
    flow_disagreement,
    forward_backward_occluded,
    geometrically_consistent,
    left_right_occluded,
    warp_by_disparity,
    warp_by_flow,
)
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
    Source: Godard et al. 2017 (MonoDepth), the left-right consistency loss; the occlusion of Hirschmueller 2008 (SGM).
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


def geometric_consistency(
    forward: Float[Tensor, "b 2 h w"],
    backward: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b 1 h w"],
    absolute_px: float = 3.0,
    share: float = 0.05,
) -> Float[Tensor, ""]:
    """Mean |f + b'|_1 over the pixels of GeoNet's mask, b' being the backward flow where the forward flow ends.

    Args:
        forward: Flow from the first image to the second, pixels.
        backward: Flow from the second to the first, pixels.
        weight: Per-pixel weight of the first view.
        absolute_px: As in `geometrically_consistent`.
        share: As in `geometrically_consistent`.
    Source: Yin and Shi 2018 (GeoNet), the geometric consistency loss.
    """
    there, back = at_least_float32(forward).masked_fill(weight == 0, 0.0), at_least_float32(backward)
    kept = geometrically_consistent(there.detach(), back.detach(), absolute_px, share)
    return masked_mean(flow_disagreement(there, back).abs().sum(dim=1, keepdim=True), weight * kept)


def forward_backward_depth(
    moved: Float[Tensor, "b 1 h w"],
    other: Float[Tensor, "b 1 h w"],
    flow: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, ""]:
    """Mean |Z' - D'|: the depth that a point has in the other camera, less the other view's own depth where it lands.

    Args:
        moved: Z' of `moved_depth`.
        other: Depth of the other view, in the same unit.
        flow: Rigid flow from this view to the other, pixels.
        weight: Per-pixel weight of this view; what lands outside the other view does not count either.
    Source: Zou et al. 2018 (DF-Net), the depth term of the forward-backward consistency.
    """
    there = at_least_float32(flow).masked_fill(weight == 0, 0.0)
    found, inside = warp_by_flow(at_least_float32(other), there)
    return masked_mean((at_least_float32(moved) - found).abs(), weight * inside)


def cross_task_consistency(
    rigid: Float[Tensor, "b 2 h w"], flow: Float[Tensor, "b 2 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean |F_rigid - F|_1: where nothing moves by itself, depth and camera motion say the optical flow.

    Args:
        rigid: Flow of depth and camera motion, pixels.
        flow: Optical flow, pixels.
        weight: Per-pixel weight, such as 1 where both are visible.
    Source: Zou et al. 2018 (DF-Net), the cross-task consistency.
    """
    astray = (at_least_float32(rigid) - at_least_float32(flow)).abs().sum(dim=1, keepdim=True)
    return masked_mean(astray, weight)


def loop_error(
    disparity: Float[Tensor, "b 1 h w"],
    next_disparity: Float[Tensor, "b 1 h w"],
    left_flow: Float[Tensor, "b 2 h w"],
    right_flow: Float[Tensor, "b 2 h w"],
) -> tuple[Float[Tensor, "b 2 h w"], Bool[Tensor, "b 1 h w"]]:
    """How far the two ways from the left image to the next right one end from each other.

    One way is across, then on in time: x - d(x), then the right flow there. The other is on in time, then across:
    x + f(x), then the next disparity there.

    Args:
        disparity: Of the left view, pixels.
        next_disparity: Of the left view at the next time, pixels.
        left_flow: From the left image to the next left one, pixels.
        right_flow: From the right image to the next right one, pixels.
    Returns:
        The difference of the two ends, pixels, and which pixels stay inside the images on both ways.
    Source: Kim et al. 2020 (Loop-Net), the spatiotemporal loop of stereo videos.
    """
    left_flow, right_flow = at_least_float32(left_flow), at_least_float32(right_flow)
    across = _shift_left(at_least_float32(disparity))
    moved, seen = warp_by_flow(right_flow, across)
    later, seen_later = warp_by_flow(at_least_float32(next_disparity), left_flow)
    return across + moved - (left_flow + _shift_left(later)), seen & seen_later


def loop_consistency(
    disparity: Float[Tensor, "b 1 h w"],
    next_disparity: Float[Tensor, "b 1 h w"],
    left_flow: Float[Tensor, "b 2 h w"],
    right_flow: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, ""]:
    """Mean |e|_1 of `loop_error` over the pixels that stay inside the images.

    Args:
        disparity: As in `loop_error`.
        next_disparity: As in `loop_error`.
        left_flow: As in `loop_error`.
        right_flow: As in `loop_error`.
        weight: Per-pixel weight of the left view at the first time.
    Source: Kim et al. 2020 (Loop-Net).
    """
    astray, inside = loop_error(disparity, next_disparity, left_flow, right_flow)
    return masked_mean(astray.abs().sum(dim=1, keepdim=True), weight * inside)


def _shift_left(disparity: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The flow from the left view to the right one."""
    return torch.cat([-disparity, torch.zeros_like(disparity)], dim=1)
