"""Differentiable building blocks of depth networks, in torch."""

from leadline.ops.census import census_transform, hamming_distance, soft_census_transform, soft_hamming_distance
from leadline.ops.cost_volume import correlation_volume, sampled_correlation
from leadline.ops.flow_warp import moved_depth, rigid_flow, warp_by_depth, warp_by_flow
from leadline.ops.gradients import forward_differences, laplacian, sobel
from leadline.ops.matching_scores import (
    cross_correlation_volume,
    ncc_volume,
    normalised_ssd_volume,
    sad_volume,
    ssd_volume,
    zncc_volume,
)
from leadline.ops.occlusion import (
    flow_disagreement,
    forward_backward_occluded,
    geometrically_consistent,
    left_right_occluded,
)
from leadline.ops.regression import windowed_soft_argmax
from leadline.ops.rigid_motion import inverse_motion, se3_exponential
from leadline.ops.soft_argmin import soft_argmin, top_k_soft_argmin
from leadline.ops.ssim import box_ssim, ssim
from leadline.ops.upsample import convex_upsample
from leadline.ops.volumes import (
    concatenation_volume,
    difference_volume,
    displacement_correlation_volume,
    groupwise_correlation_volume,
)
from leadline.ops.warp import warp_by_disparity

__all__ = [
    "box_ssim",
    "census_transform",
    "concatenation_volume",
    "convex_upsample",
    "correlation_volume",
    "cross_correlation_volume",
    "difference_volume",
    "displacement_correlation_volume",
    "flow_disagreement",
    "forward_backward_occluded",
    "forward_differences",
    "geometrically_consistent",
    "groupwise_correlation_volume",
    "hamming_distance",
    "inverse_motion",
    "laplacian",
    "left_right_occluded",
    "moved_depth",
    "ncc_volume",
    "normalised_ssd_volume",
    "rigid_flow",
    "sad_volume",
    "sampled_correlation",
    "se3_exponential",
    "sobel",
    "soft_argmin",
    "soft_census_transform",
    "soft_hamming_distance",
    "ssd_volume",
    "ssim",
    "top_k_soft_argmin",
    "warp_by_depth",
    "warp_by_disparity",
    "warp_by_flow",
    "windowed_soft_argmax",
    "zncc_volume",
]
