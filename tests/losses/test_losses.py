"""Losses on numbers that are derived by hand."""

import math

import pytest
import torch

from leadline.losses import (
    confidence_cross_entropy,
    disparity_cross_entropy,
    masked_mean,
    multi_scale_sum,
    smooth_l1,
)


def row(*values: float) -> torch.Tensor:
    return torch.tensor([float(value) for value in values]).reshape(1, 1, 1, -1)


def test_masked_mean_weighs():
    assert masked_mean(row(1, 2, 30), row(1, 3, 0)).item() == pytest.approx((1 + 6) / 4)


def test_masked_mean_of_nothing_is_0_with_zero_gradient():
    values = row(1, 2, 3).requires_grad_()
    loss = masked_mean(values, torch.zeros(1, 1, 1, 3))
    loss.backward()
    assert loss.item() == 0.0
    assert values.grad is not None
    assert values.grad.abs().max() == 0.0


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_what_has_no_weight_does_not_spread(poison):
    values = row(1, 3, poison).requires_grad_()
    loss = masked_mean(values, row(1, 1, 0))
    loss.backward()
    assert loss.item() == pytest.approx(2.0)
    torch.testing.assert_close(values.grad, row(0.5, 0.5, 0.0))


def test_multi_scale_sum_takes_every_second_pixel_of_every_map():
    values, weight = row(1, 2, 3, 4, 5), row(1, 1, 0, 1, 1)
    # Means of (1, 2, 4, 5), of (1, 5), and of (1, 5).
    assert multi_scale_sum(masked_mean, values, weight, scales=3).item() == pytest.approx(3.0 + 3.0 + 3.0)
    assert multi_scale_sum(masked_mean, values, row(1, 1, 1, 1, 0), scales=3).item() == pytest.approx(2.5 + 2.0 + 1.0)
    assert multi_scale_sum(masked_mean, values, weight, scales=0).item() == 0.0


def test_smooth_l1_has_its_corner_at_1_px():
    # Errors 0.5 and 3 px: 0.125 and 2.5; the third pixel has no truth.
    loss = smooth_l1(row(1.5, 7, 4), row(1, 10, math.nan), row(1, 1, 0))
    assert loss.item() == pytest.approx((0.125 + 2.5) / 2)


def test_cross_entropy_of_uniform_scores_is_the_logarithm_of_the_bins():
    loss = disparity_cross_entropy(torch.zeros(1, 8, 1, 3), row(0, 2.5, 7), torch.ones(1, 1, 1, 3))
    assert loss.item() == pytest.approx(math.log(8))


def test_cross_entropy_splits_between_the_nearest_bins():
    probability = torch.tensor([0.1, 0.2, 0.3, 0.4])
    loss = disparity_cross_entropy(probability.log().reshape(1, 4, 1, 1), row(1.25), row(1))
    assert loss.item() == pytest.approx(-0.75 * math.log(0.2) - 0.25 * math.log(0.3))


def test_cross_entropy_at_the_last_bin_and_beyond():
    scores = torch.tensor([0.1, 0.2, 0.7]).log().reshape(1, 3, 1, 1).expand(1, 3, 1, 2)
    loss = disparity_cross_entropy(scores, row(2, 2.01), row(1, 1))
    assert loss.item() == pytest.approx(-math.log(0.7), rel=1e-5)


def test_confidence_target_is_an_error_below_the_threshold_without_gradient_to_disparity():
    logit = row(2.0, 2.0).requires_grad_()
    prediction = row(5.9, 6.1).requires_grad_()
    loss = confidence_cross_entropy(logit, prediction, row(5, 5), row(1, 1))
    loss.backward()
    assert loss.item() == pytest.approx((math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 2)
    assert prediction.grad is None


def test_the_best_confidence_is_the_share_of_right_pixels():
    # Three of four are right: the gradient vanishes at the logit of 3/4.
    logit = torch.full((1, 1, 1, 4), math.log(3.0), requires_grad=True)
    confidence_cross_entropy(logit, row(1, 1, 1, 9), row(1, 1, 1, 1), torch.ones(1, 1, 1, 4)).backward()
    assert logit.grad is not None
    assert logit.grad.sum().item() == pytest.approx(0.0, abs=1e-7)
