"""Differentiable building blocks of depth networks, in torch."""

from leadline.ops.cost_volume import correlation_volume
from leadline.ops.regression import windowed_soft_argmax
from leadline.ops.upsample import convex_upsample
from leadline.ops.warp import warp_by_disparity

__all__ = ["convex_upsample", "correlation_volume", "warp_by_disparity", "windowed_soft_argmax"]
