"""Scale-invariant losses against hand-derived numbers, the naive formula, and numpy's least squares."""

import math

import numpy as np
import pytest
import torch

from leadline.errors import InputError
from leadline.losses import (
    fitted_scale_and_shift,
    gradient_matching,
    ordinal_ranking,
    root_scale_invariant_log,
    scale_and_shift_invariant,
    scale_and_shift_invariant_l2,
    scale_invariant_log,
    trimmed_scale_and_shift_invariant,
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


def naive_residuals(prediction: torch.Tensor, truth: torch.Tensor, known: torch.Tensor) -> np.ndarray:
    """|both maps less their median over their mean absolute deviation| of the pixels with truth."""
    standardised = []
    for values in (prediction[known].numpy(), truth[known].numpy()):
        centred = values - np.sort(values)[(len(values) - 1) // 2]
        standardised.append(centred / np.abs(centred).mean())
    return np.sort(np.abs(standardised[0] - standardised[1]))


def test_trimming_leaves_out_the_worst_fifth_of_each_image():
    prediction, truth, weight = depth(1), depth(0), ONES.clone()
    weight[1, ..., :2] = 0.0  # 30 of 42 pixels are left
    truth = truth.where(weight > 0, torch.nan)
    residuals = [naive_residuals(p, t, w > 0) for p, t, w in zip(prediction, truth, weight, strict=True)]
    kept = np.concatenate([residuals[0][:34], residuals[1][:24]])
    assert trimmed_scale_and_shift_invariant(prediction, truth, weight).item() == pytest.approx(kept.mean())
    everything = trimmed_scale_and_shift_invariant(prediction, truth, weight, trim=0.0)
    assert everything.item() == pytest.approx(np.concatenate(residuals).mean())
    assert everything.item() == pytest.approx(scale_and_shift_invariant(prediction, truth, weight).item())


def test_what_is_trimmed_does_not_pull():
    # Median 0 and mean absolute deviation 1 of both: only the last two of ten disagree, by 4 each.
    prediction = torch.tensor([-1.0, -1, -1, 0, 0, 1, 1, 1, 2, -2], dtype=torch.float64).view(1, 1, 2, 5)
    truth = torch.tensor([-1.0, -1, -1, 0, 0, 1, 1, 1, -2, 2], dtype=torch.float64).view(1, 1, 2, 5)
    found = trimmed_scale_and_shift_invariant(prediction, truth, torch.ones_like(truth))
    assert found.item() == pytest.approx(0.0, abs=1e-12)
    assert scale_and_shift_invariant(prediction, truth, torch.ones_like(truth)).item() == pytest.approx(0.8)


@pytest.mark.parametrize("trim", [-0.1, 1.0, math.nan])
def test_something_must_be_left(trim):
    with pytest.raises(InputError, match=r"trim in \[0, 1\)"):
        trimmed_scale_and_shift_invariant(depth(0), depth(1), ONES, trim)


def test_least_squares_loss_ignores_scale_and_shift_and_equals_numpys_residual():
    truth, prediction = depth(0), depth(1)
    assert scale_and_shift_invariant_l2(0.2 * truth + 5.0, truth, ONES).item() == pytest.approx(0.0, abs=1e-12)
    expected = []
    for x, y in zip(prediction.flatten(1).numpy(), truth.flatten(1).numpy(), strict=True):
        _, squares, *_ = np.linalg.lstsq(np.stack([x, np.ones_like(x)], axis=1), y)
        expected.append(squares[0] / len(x))
    assert scale_and_shift_invariant_l2(prediction, truth, ONES).item() == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(
    "loss", [scale_and_shift_invariant, trimmed_scale_and_shift_invariant, scale_and_shift_invariant_l2]
)
def test_a_constant_prediction_and_half_precision_are_finite(loss):
    flat = torch.full_like(ONES, 3.0).requires_grad_()
    value = loss(flat, depth(0), ONES)
    value.backward()
    assert value.isfinite()
    assert flat.grad.isfinite().all()
    half = loss(depth(1).half(), depth(0).half(), ONES.half())
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(loss(depth(1), depth(0), ONES).item(), rel=0.01)
    strided = depth(1).mT.contiguous().mT
    torch.testing.assert_close(loss(strided, depth(0), ONES), loss(depth(1), depth(0), ONES))


def test_ranking_of_pairs_by_hand():
    first, second = torch.tensor([2.0, 2.0, 2.0, math.nan], requires_grad=True), torch.tensor([0.5, 0.5, 0.5, 1.0])
    relation = torch.tensor([1, -1, 0, 1])
    found = ordinal_ranking(first, second, relation, torch.tensor([1.0, 1.0, 2.0, 0.0]))
    found.backward()
    expected = math.log1p(math.exp(-1.5)) + math.log1p(math.exp(1.5)) + 2 * 1.5**2
    assert found.item() == pytest.approx(expected / 4)
    slopes = [-1 / (1 + math.exp(1.5)) / 4, 1 / (1 + math.exp(-1.5)) / 4, 2 * 2 * 1.5 / 4, 0.0]
    assert first.grad.tolist() == pytest.approx(slopes)
    # Beyond where an exponential overflows, the wrong order costs the gap.
    far = ordinal_ranking(torch.tensor([-500.0]), torch.tensor([500.0]), torch.tensor([1]), torch.tensor([1.0]))
    assert far.item() == pytest.approx(1000.0)
    nothing = ordinal_ranking(first, second, relation, torch.zeros(4))
    assert nothing.item() == 0.0


def test_ranking_has_the_right_gradient():
    first, second = depth(0).requires_grad_(), depth(1).requires_grad_()
    relation = torch.arange(84).reshape(ONES.shape) % 3 - 1
    assert torch.autograd.gradcheck(lambda a, b: ordinal_ranking(a, b, relation, ONES), (first, second))


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
    "loss",
    [
        scale_invariant_log,
        root_scale_invariant_log,
        scale_and_shift_invariant,
        scale_and_shift_invariant_l2,
        trimmed_scale_and_shift_invariant,
        gradient_matching,
    ],
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


@pytest.mark.parametrize(
    "loss",
    [
        scale_invariant_log,
        root_scale_invariant_log,
        scale_and_shift_invariant,
        scale_and_shift_invariant_l2,
        trimmed_scale_and_shift_invariant,
        gradient_matching,
    ],
)
def test_gradients_agree_with_finite_differences(loss):
    truth = depth(0)
    assert torch.autograd.gradcheck(lambda prediction: loss(prediction, truth, ONES), depth(1).requires_grad_())
