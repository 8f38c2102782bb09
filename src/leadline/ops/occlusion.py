"""Occlusion from the two views' own predictions, and where predictions of both directions agree."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadline.ops.filters import at_least_float32
from leadline.ops.flow_warp import warp_by_flow


def left_right_occluded(
    left_disparity: Float[Tensor, "b 1 h w"], right_disparity: Float[Tensor, "b 1 h w"], tolerance_px: float = 1.0
) -> Bool[Tensor, "b 1 h w"]:
    """Left pixels whose partner in the right view claims another disparity, or lies outside the image.

    Args:
        left_disparity: Disparity of the left view, pixels.
        right_disparity: Disparity of the right view, pixels, positive as well.
        tolerance_px: Largest difference between the two that still agrees.
    Source: Hirschmueller 2008 (SGM), the left-right check.
    """
    left_disparity, right_disparity = at_least_float32(left_disparity), at_least_float32(right_disparity)
    to_right = torch.cat([-left_disparity, torch.zeros_like(left_disparity)], dim=1)
    partner, inside = warp_by_flow(right_disparity, to_right)
    return ((left_disparity - partner).abs() > tolerance_px) | ~inside


def forward_backward_occluded(
    forward: Float[Tensor, "b 2 h w"], backward: Float[Tensor, "b 2 h w"], share: float = 0.01, offset_px2: float = 0.5
) -> Bool[Tensor, "b 1 h w"]:
    """Pixels from which going there and back ends elsewhere: |f + b'|^2 >= share (|f|^2 + |b'|^2) + offset.

    Args:
        forward: Flow from the first image to the second, pixels.
        backward: Flow from the second to the first, pixels; b' is it, read where the forward flow ends.
        share: Tolerance that grows with the motion.
        offset_px2: Tolerance without motion, squared pixels.
    Source: Sundaram et al. 2010, Dense Point Trajectories by GPU-Accelerated Large Displacement Optical Flow; with
        these values Meister et al. 2018 (UnFlow), occlusion detection.
    """
    forward, backward = at_least_float32(forward), at_least_float32(backward)
    back, inside = warp_by_flow(backward, forward)
    astray = (forward + back).square().sum(dim=1, keepdim=True)
    motion = (forward.square() + back.square()).sum(dim=1, keepdim=True)
    return (astray >= share * motion + offset_px2) | ~inside


def flow_disagreement(
    forward: Float[Tensor, "b 2 h w"], backward: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b 2 h w"]:
    """How far going there and back ends from where it began: delta = f + b', b' being read where f ends.

    Args:
        forward: Flow from the first image to the second, pixels.
        backward: Flow from the second to the first, pixels; beyond the border its last value counts.
    """
    forward = at_least_float32(forward)
    return forward + warp_by_flow(at_least_float32(backward), forward)[0]


def geometrically_consistent(
    forward: Float[Tensor, "b 2 h w"],
    backward: Float[Tensor, "b 2 h w"],
    absolute_px: float = 3.0,
    share: float = 0.05,
) -> Bool[Tensor, "b 1 h w"]:
    """GeoNet's mask: |delta| < max(absolute, share |f|), and the flow ends inside the second image.

    Args:
        forward: Flow from the first image to the second, pixels.
        backward: Flow from the second to the first, pixels.
        absolute_px: Disagreement that is always allowed.
        share: Disagreement that is allowed relative to the motion.
    Source: Yin and Shi 2018 (GeoNet), the geometric consistency check; 3 and 0.05 are those of its published program.
    """
    forward = at_least_float32(forward)
    back, inside = warp_by_flow(at_least_float32(backward), forward)
    astray = (forward + back).square().sum(dim=1, keepdim=True)
    allowed = (share**2 * forward.square().sum(dim=1, keepdim=True)).clamp_min(absolute_px**2)
    return (astray < allowed) & inside
