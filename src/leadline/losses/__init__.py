"""Losses: plain functions, summed in plain Python by the training step."""

from leadline.losses.photometric import gradient_difference, l1_ssim_difference
from leadline.losses.reduce import masked_mean
from leadline.losses.robust import charbonnier, general_robust, l1, l2
from leadline.losses.scale_invariant import (
    fitted_scale_and_shift,
    gradient_matching,
    root_scale_invariant_log,
    scale_and_shift_invariant,
    scale_invariant_log,
)
from leadline.losses.smoothness import first_order_smoothness, mean_normalised, second_order_smoothness
from leadline.losses.supervised import confidence_cross_entropy, disparity_cross_entropy, smooth_l1
from leadline.losses.uncertainty import ajna, gaussian_nll, laplacian_nll

__all__ = [
    "ajna",
    "charbonnier",
    "confidence_cross_entropy",
    "disparity_cross_entropy",
    "first_order_smoothness",
    "fitted_scale_and_shift",
    "gaussian_nll",
    "general_robust",
    "gradient_difference",
    "gradient_matching",
    "l1",
    "l1_ssim_difference",
    "l2",
    "laplacian_nll",
    "masked_mean",
    "mean_normalised",
    "root_scale_invariant_log",
    "scale_and_shift_invariant",
    "scale_invariant_log",
    "second_order_smoothness",
    "smooth_l1",
]
