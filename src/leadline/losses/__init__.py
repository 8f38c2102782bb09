"""Losses: plain functions, summed in plain Python by the training step."""

from leadline.losses.adaptive import AdaptiveRobust, adaptive_nll, log_partition
from leadline.losses.consensus import consensus, consensus_mask, moving_pixels
from leadline.losses.consistency import (
    cross_task_consistency,
    forward_backward_consistency,
    forward_backward_depth,
    geometric_consistency,
    left_right_consistency,
    loop_consistency,
    loop_error,
)
from leadline.losses.edges import balanced_cross_entropy, disparity_edges
from leadline.losses.epipolar import fundamental_from_flow, low_rank, sampson, squared_sampson_distance, subspace
from leadline.losses.photometric import (
    auto_mask,
    census_difference,
    gradient_difference,
    l1_ssim_difference,
    minimum_reprojection,
)
from leadline.losses.reduce import image_means, masked_mean, multi_scale_sum
from leadline.losses.reprojection import (
    auto_masked_reprojection,
    charged_unseen,
    explainability_regularisation,
    explained_reprojection,
    least_reprojection,
)
from leadline.losses.robust import charbonnier, general_robust, l1, l2
from leadline.losses.scale_invariant import (
    fitted_scale_and_shift,
    gradient_matching,
    ordinal_ranking,
    root_scale_invariant_log,
    scale_and_shift_invariant,
    scale_and_shift_invariant_l2,
    scale_invariant_log,
    standardised,
    trimmed_scale_and_shift_invariant,
    without_largest,
)
from leadline.losses.smoothness import first_order_smoothness, mean_normalised, second_order_smoothness
from leadline.losses.supervised import confidence_cross_entropy, disparity_cross_entropy, smooth_l1
from leadline.losses.uncertainty import ajna, gaussian_nll, laplacian_nll

__all__ = [
    "AdaptiveRobust",
    "adaptive_nll",
    "ajna",
    "auto_mask",
    "auto_masked_reprojection",
    "balanced_cross_entropy",
    "census_difference",
    "charbonnier",
    "charged_unseen",
    "confidence_cross_entropy",
    "consensus",
    "consensus_mask",
    "cross_task_consistency",
    "disparity_cross_entropy",
    "disparity_edges",
    "explainability_regularisation",
    "explained_reprojection",
    "first_order_smoothness",
    "fitted_scale_and_shift",
    "forward_backward_consistency",
    "forward_backward_depth",
    "fundamental_from_flow",
    "gaussian_nll",
    "general_robust",
    "geometric_consistency",
    "gradient_difference",
    "gradient_matching",
    "image_means",
    "l1",
    "l1_ssim_difference",
    "l2",
    "laplacian_nll",
    "least_reprojection",
    "left_right_consistency",
    "log_partition",
    "loop_consistency",
    "loop_error",
    "low_rank",
    "masked_mean",
    "mean_normalised",
    "minimum_reprojection",
    "moving_pixels",
    "multi_scale_sum",
    "ordinal_ranking",
    "root_scale_invariant_log",
    "sampson",
    "scale_and_shift_invariant",
    "scale_and_shift_invariant_l2",
    "scale_invariant_log",
    "second_order_smoothness",
    "smooth_l1",
    "squared_sampson_distance",
    "standardised",
    "subspace",
    "trimmed_scale_and_shift_invariant",
    "without_largest",
]
