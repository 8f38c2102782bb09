"""Losses against a true flow, at numbers worked out by hand."""

import math

import pytest
import torch

from leadline.losses.flow import endpoint_error, flow_confidence_cross_entropy, match_cross_entropy, robust_flow


def flow(*pixels: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(pixels, dtype=torch.float64).T.reshape(1, 2, 1, -1)


def test_endpoint_error_is_the_length_and_unknown_truth_counts_for_nothing():
    truth = flow((0, 0), (1, 1), (math.nan, math.inf))
    weight = torch.tensor([1.0, 1.0, 0.0]).reshape(1, 1, 1, 3)
    prediction = flow((3, 4), (1, 1), (5, 5)).requires_grad_()
    error = endpoint_error(prediction, truth, weight)
    assert error.flatten().tolist() == [5.0, 0.0, 0.0]
    error.sum().backward()
    assert prediction.grad is not None
    torch.testing.assert_close(prediction.grad, flow((0.6, 0.8), (0, 0), (0, 0)))


def test_charbonnier_of_the_error():
    """Shape 1: c (sqrt((e / c)^2 + 1) - 1) times c over c: with e = 1.5 and c = 2, 2 (1.25 - 1) = 0.5."""
    weight = torch.ones(1, 1, 1, 2, dtype=torch.float64)
    loss = robust_flow(flow((1.5, 0), (0, 1.5)), flow((0, 0), (0, 0)), weight, shape=1.0, scale_px=2.0)
    assert float(loss) == pytest.approx(0.5)


def test_match_cross_entropy_is_split_between_the_four_partners():
    """Six pixels in two rows; the truth of pixel 0 lies at (0.25, 0.5)."""
    scores = torch.log(torch.tensor([0.1, 0.2, 0.3, 0.15, 0.05, 0.2], dtype=torch.float64)).repeat(6, 1).unsqueeze(0)
    truth = torch.zeros(1, 2, 2, 3, dtype=torch.float64)
    truth[0, :, 0, 0] = torch.tensor([0.25, 0.5])
    weight = torch.zeros(1, 1, 2, 3, dtype=torch.float64)
    weight[0, 0, 0, 0] = 1.0
    by_hand = -(0.375 * math.log(0.1) + 0.125 * math.log(0.2) + 0.375 * math.log(0.15) + 0.125 * math.log(0.05))
    assert float(match_cross_entropy(scores, truth, weight)) == pytest.approx(by_hand)
    # A constant a row changes nothing, and what leaves the frame does not count.
    assert float(match_cross_entropy(scores + 3.0, truth, weight)) == pytest.approx(by_hand)
    truth[0, 0, 0, 0] = 2.5
    assert float(match_cross_entropy(scores, truth, weight)) == 0.0


def test_confidence_learns_which_errors_are_below_one_pixel():
    """Logits of 0 cost log 2 each; a sure and right one costs next to nothing."""
    logit = torch.tensor([0.0, 30.0, -30.0], dtype=torch.float64).reshape(1, 1, 1, 3)
    prediction, truth = flow((0.6, 0.6), (0, 0.9), (0, 1.1)), flow((0, 0), (0, 0), (0, 0))
    weight = torch.ones(1, 1, 1, 3, dtype=torch.float64)
    loss = flow_confidence_cross_entropy(logit, prediction, truth, weight)
    assert float(loss) == pytest.approx(math.log(2.0) / 3.0)
