"""Losses against a true flow."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.losses.reduce import masked_mean
from leadline.losses.robust import general_robust, masked_error


def endpoint_error(
    prediction: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, "b 1 h w"]:
    """Length of the difference of two flows; 0, with no gradient, where the weight or the error is 0."""
    square = masked_error(prediction, truth, weight.expand_as(truth)).square().sum(dim=1, keepdim=True)
    exact = square == 0
    return square.masked_fill(exact, 1.0).sqrt().masked_fill(exact, 0.0)


def robust_flow(
    prediction: Float[Tensor, "b 2 h w"],
    truth: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b 1 h w"],
    shape: float = 1.0,
    scale_px: float = 0.5,
) -> Float[Tensor, ""]:
    """Barron's loss of the endpoint error, times the scale: for shape 1 about the endpoint error itself.

    Args:
        prediction: Flow in px.
        truth: True flow in px; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
        shape: Barron's alpha.
        scale_px: Barron's c.
    Source: Barron 2019, A General and Adaptive Robust Loss Function.
    """
    error = endpoint_error(prediction, truth, weight)
    return scale_px * masked_mean(general_robust(error, shape, scale_px), weight)


def match_cross_entropy(
    scores: Float[Tensor, "b n n"], truth: Float[Tensor, "b 2 h w"], weight: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Cross-entropy of the matching of all pairs against the true partner, split bilinearly between its four nearest.

    Args:
        scores: Log-probabilities up to a constant a row; rows are pixels of the first frame, columns of the second.
        truth: True flow in pixels of the features.
        weight: Per-pixel weight, 0 without truth or partner; what leaves the frame does not count either.
    """
    height, width = truth.shape[2:]
    columns = torch.arange(width, device=truth.device, dtype=truth.dtype)
    lines = torch.arange(height, device=truth.device, dtype=truth.dtype).unsqueeze(1)
    x, y = truth[:, 0] + columns, truth[:, 1] + lines
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    left, top = x.clamp(0, width - 1).floor().clamp(max=width - 2), y.clamp(0, height - 1).floor().clamp(max=height - 2)
    across, down = x.clamp(0, width - 1) - left, y.clamp(0, height - 1) - top
    log_probability = functional.log_softmax(scores, dim=2)
    total = torch.zeros_like(across).flatten(1)
    for dy, share_y in ((0, 1.0 - down), (1, down)):
        for dx, share_x in ((0, 1.0 - across), (1, across)):
            index = ((top + dy) * width + left + dx).long().flatten(1).unsqueeze(2)
            total = total - (share_x * share_y).flatten(1) * log_probability.gather(2, index).squeeze(2)
    return masked_mean(total.view_as(across).unsqueeze(1), weight * inside.unsqueeze(1))


def flow_confidence_cross_entropy(
    logit: Float[Tensor, "b 1 h w"],
    prediction: Float[Tensor, "b 2 h w"],
    truth: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b 1 h w"],
    threshold_px: float = 1.0,
) -> Float[Tensor, ""]:
    """Trains a confidence to be P(endpoint error < threshold): a proper score, so its optimum is calibrated.

    Args:
        logit: Logit of the confidence.
        prediction: Flow in px; no gradient flows into it.
        truth: True flow in px; anything where the weight is 0.
        weight: Per-pixel weight, 0 without truth.
        threshold_px: The error that still counts as right.
    """
    right = (endpoint_error(prediction.detach(), truth, weight) < threshold_px).to(logit.dtype)
    return masked_mean(functional.binary_cross_entropy_with_logits(logit, right, reduction="none"), weight)
