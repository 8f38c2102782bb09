"""Scale-invariant losses against hand-derived numbers, the naive formula, and numpy's least squares."""

import math

import numpy as np
import pytest
import torch

from leadline.losses import (
    fitted_scale_and_shift,
    gradient_matching,
    root_scale_invariant_log,
    scale_and_shift_invariant,
    scale_invariant_log,
)


def depth(seed: int) -> torch.Tensor:
    return 1.0 + 9.0 * torch.rand(2, 1, 6, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


ONES = torch.ones(2, 1, 6, 7, dtype=torch.float64)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_log_is_the_published_formula(balance):
    truth, prediction = depth(0), depth(1)
    gap = (prediction.log() - truth.log()).flatten(1)
    expected = (gap.square().mean(1) - balance * gap.mean(1).square()).mean()
    torch.testing.assert_close(scale_invariant_log(prediction, truth, ONES, balance), expected)
    pooled = gap.square().mean() - balance * gap.mean().square()
    torch.testing.assert_close(root_scale_invariant_log(prediction, truth, ONES, balance), 10.0 * pooled.sqrt())


def test_a_wrong_scale_costs_half_its_squared_logarithm():
    truth = depth(0)
    assert float(scale_invariant_log(3.0 * truth, truth, ONES)) == pytest.approx(0.5 * math.log(3.0) ** 2)
    assert float(scale_invariant_log(3.0 * truth, truth, ONES, 1.0)) == pytest.approx(0.0, abs=1e-12)


def test_median_and_mean_deviation_forgive_scale_and_shift():
    truth = depth(0)
    assert float(scale_and_shift_invariant(0.2 * truth + 5.0, truth, ONES)) == pytest.approx(0.0, abs=1e-12)
    # Medians 1 and mean absolute deviations 2/3 and 1, so (-1.5, 0, 1.5) against (-1, 0, 2).
    row = torch.tensor([0.0, 1.0, 2.0]).view(1, 1, 1, 3), torch.tensor([0.0, 1.0, 3.0]).view(1, 1, 1, 3)
    assert float(scale_and_shift_invariant(*row, torch.ones(1, 1, 1, 3))) == pytest.approx(1.0 / 3.0)


def test_fit_is_numpys_least_squares():
    truth, prediction = depth(0), depth(1)
    fitted = fitted_scale_and_shift(prediction, truth, ONES)
    for i in range(2):
        x, y = prediction[i].flatten().numpy(), truth[i].flatten().numpy()
        scale, shift = np.polyfit(x, y, 1)
        np.testing.assert_allclose(fitted[i].flatten().numpy(), scale * x + shift)


def test_gradient_matching_of_a_ramp():
    # An error that grows by 1 a column changes by 1, 2, 4 between neighbours of the three scales.
    error = torch.arange(8.0).expand(1, 1, 8, 8)
    assert float(gradient_matching(error, torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8), 3)) == pytest.approx(7.0)


@pytest.mark.parametrize(
    "loss", [scale_invariant_log, root_scale_invariant_log, scale_and_shift_invariant, gradient_matching]
)
def test_no_truth_is_no_loss_and_what_lies_there_does_not_matter(loss):
    prediction = depth(1).requires_grad_()
    missing = torch.full_like(ONES, torch.nan)
    value = loss(prediction, missing, torch.zeros_like(ONES))
    value.backward()
    assert value.item() == 0.0
    assert float(prediction.grad.abs().max()) == 0.0
    weight = ONES.clone()
    weight[..., :3] = 0.0
    truth = depth(0).where(weight > 0, torch.nan)
    assert torch.isfinite(loss(depth(1), truth, weight))


@pytest.mark.parametrize("loss", [scale_invariant_log, root_scale_invariant_log, scale_and_shift_invariant])
def test_gradients_agree_with_finite_differences(loss):
    truth = depth(0)
    assert torch.autograd.gradcheck(lambda prediction: loss(prediction, truth, ONES), depth(1).requires_grad_())
