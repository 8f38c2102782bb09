"""Losses: plain functions, summed in plain Python by the training step."""

from leadline.losses.reduce import masked_mean
from leadline.losses.supervised import confidence_cross_entropy, disparity_cross_entropy, smooth_l1

__all__ = ["confidence_cross_entropy", "disparity_cross_entropy", "masked_mean", "smooth_l1"]
