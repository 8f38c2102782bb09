"""Losses against a true disparity."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.losses.reduce import masked_mean
from leadline.losses.robust import masked_error


def smooth_l1(
    prediction: Float[Tensor, "b 1 h w"], truth: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Huber's loss with its corner at 1 px: e^2 / 2 below, |e| - 1/2 above.

    Args:
        prediction: Disparity in px.
        truth: True disparity in px; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
    Source: Girshick 2015, "Fast R-CNN".
    """
    error = masked_error(prediction, truth, weight)
    return masked_mean(functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none"), weight)


def disparity_cross_entropy(
    scores: Float[Tensor, "b d h w"], truth: Float[Tensor, "b 1 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Cross-entropy of a cost volume against the true disparity, split linearly between its two nearest bins.

    Args:
        scores: Unnormalised log-probabilities of the disparities 0 .. d - 1.
        truth: True disparity in bins; pixels beyond the last bin do not count. Anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
    """
    last = scores.shape[1] - 1
    weight = weight * (truth <= last)
    position = truth.masked_fill(weight == 0, 0.0).clamp(0, last)
    lower = position.floor().clamp(max=max(last - 1, 0))
    fraction = position - lower
    log_probability = scores.log_softmax(dim=1)
    index = lower.long()
    nearest = log_probability.gather(1, index), log_probability.gather(1, (index + 1).clamp(max=last))
    return masked_mean(-(1.0 - fraction) * nearest[0] - fraction * nearest[1], weight)


def confidence_cross_entropy(
    logit: Float[Tensor, "b 1 h w"],
    prediction: Float[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    threshold_px: float = 1.0,
) -> Float[Tensor, ""]:
    """Trains a confidence to be P(|error| < threshold): a proper score, so its optimum is calibrated.

    Args:
        logit: Logit of the confidence.
        prediction: Disparity in px; no gradient flows into it.
        truth: True disparity in px.
        weight: Per-pixel weight, 0 without truth.
        threshold_px: The error that still counts as right.
    """
    right = ((prediction.detach() - truth).abs() < threshold_px).to(logit.dtype)
    return masked_mean(functional.binary_cross_entropy_with_logits(logit, right, reduction="none"), weight)
