"""Regression of one disparity from a volume of scores."""

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.ops.filters import at_least_float32


def windowed_soft_argmax(
    scores: Float[Tensor, "b d h w"], radius: int = 2
) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 1 h w"]]:
    """Expected disparity under a softmax restricted to the bins around the best one.

    A full soft-argmax averages the modes of an ambiguous pixel into a disparity where there is nothing; the window
    keeps to the strongest mode and still gives sub-bin precision.

    Args:
        scores: Unnormalised log-probabilities of the disparities 0 .. d - 1.
        radius: Bins kept on each side of the maximum.
    Returns:
        Disparity in bins, and the probability of the best bin under the softmax over all bins; at least float32.
    Source: Kendall et al. 2017 (soft-argmin); the window as in Chen et al. 2019, "Over-smoothing".
    """
    scores = at_least_float32(scores)
    bins = torch.arange(scores.shape[1], device=scores.device, dtype=scores.dtype).view(1, -1, 1, 1)
    # One exponential serves both results, and runtimes have a slow softmax over an axis that is not the last.
    likelihood = (scores - scores.amax(dim=1, keepdim=True)).exp()
    near = (bins - scores.argmax(dim=1, keepdim=True).to(scores.dtype)).abs() <= radius
    window = likelihood * near.to(scores.dtype)
    disparity = (window * bins).sum(dim=1, keepdim=True) / window.sum(dim=1, keepdim=True)
    return disparity, 1.0 / likelihood.sum(dim=1, keepdim=True)
