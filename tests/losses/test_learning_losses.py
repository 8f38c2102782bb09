"""Robust, likelihood, photometric and smoothness losses on numbers derived by hand."""

import math

import pytest
import torch

from leadline.errors import InputError
from leadline.losses import (
    ajna,
    auto_mask,
    census_difference,
    charbonnier,
    first_order_smoothness,
    gaussian_nll,
    general_robust,
    gradient_difference,
    l1,
    l1_ssim_difference,
    l2,
    laplacian_nll,
    mean_normalised,
    minimum_reprojection,
    second_order_smoothness,
)


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("loss", "expected"), [(l1, (2 + 3 * 4) / 4), (l2, (4 + 3 * 16) / 4), (charbonnier, (2 + 3 * 4) / 4)]
)
def test_errors_are_weighed_and_an_unknown_truth_spreads_nowhere(loss, expected):
    prediction = row(3.0, 6.0, 5.0).requires_grad_()
    found = loss(prediction, row(1.0, 10.0, math.nan), row(1.0, 3.0, 0.0))
    found.backward()
    assert found.item() == pytest.approx(expected, rel=1e-6)
    assert prediction.grad[0, 0, 0, 2] == 0.0
    assert prediction.grad.isfinite().all()
    prediction.grad = None
    nothing = loss(prediction, row(math.nan, math.nan, math.nan), torch.zeros_like(prediction))
    nothing.backward()
    assert nothing.item() == 0.0
    assert not prediction.grad.any()


@pytest.mark.parametrize(
    ("alpha", "formula"),
    [
        (2.0, lambda z: z / 2),
        (1.0, lambda z: (z + 1).sqrt() - 1),
        (0.0, lambda z: (z / 2 + 1).log()),
        (-2.0, lambda z: 2 * z / (z + 4)),
        (-math.inf, lambda z: 1 - (-z / 2).exp()),
    ],
)
def test_general_robust_is_exact_at_its_special_cases_and_continuous_there(alpha, formula):
    error = torch.linspace(-6, 6, 13, dtype=torch.float64)
    expected = formula((error / 1.5) ** 2)
    torch.testing.assert_close(general_robust(error, alpha, 1.5), expected)
    near = (-1e9,) if alpha == -math.inf else (alpha - 1e-9, alpha + 1e-9)
    for beside in near:
        torch.testing.assert_close(general_robust(error, beside, 1.5), expected, rtol=1e-6, atol=1e-9)
    single = general_robust(error.float(), alpha + 1e-6, 1.5)
    torch.testing.assert_close(single, expected.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("alpha", [2.0, 1.999999, 1.0, 1e-9, 0.0, -2.0, -math.inf, 3.0])
def test_general_robust_has_the_right_gradient(alpha):
    error = torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda e: general_robust(e, alpha, 1.5), (error,))


@pytest.mark.parametrize(
    ("loss", "optimum"),
    [
        (laplacian_nll, math.log(2.5)),
        (gaussian_nll, 0.5 * math.log(8.5)),
        (ajna, math.log(math.expm1(math.sqrt(2.5)))),
    ],
)
def test_the_best_spread_of_errors_1_and_4(loss, optimum):
    spread = torch.full((1, 1, 1, 3), optimum, dtype=torch.float64, requires_grad=True)
    loss(row(1.0, 4.0, 0.0), row(0.0, 0.0, math.nan), spread, row(1.0, 1.0, 0.0)).backward()
    assert spread.grad.sum().item() == pytest.approx(0.0, abs=1e-12)


def test_likelihoods_are_those_of_torch():
    error, spread, one = row(0.3, -2.0), row(0.2, -0.4), row(1.0, 1.0)
    for loss, kind in ((laplacian_nll, torch.distributions.Laplace), (gaussian_nll, torch.distributions.Normal)):
        expected = -kind(torch.zeros_like(error), spread.exp()).log_prob(error).mean()
        torch.testing.assert_close(loss(error, torch.zeros_like(error), spread, one), expected)


def test_photometric_differences_by_hand():
    flat = torch.full((1, 3, 4, 5), 0.5, dtype=torch.float64)
    assert not l1_ssim_difference(flat, flat).abs().gt(1e-12).any()
    brighter = flat + 0.1
    luminance = (2 * 0.5 * 0.6 + 1e-4) / (0.25 + 0.36 + 1e-4)
    expected = torch.full((1, 1, 4, 5), 0.85 * (1 - luminance) / 2 + 0.15 * 0.1, dtype=torch.float64)
    torch.testing.assert_close(l1_ssim_difference(brighter, flat), expected)
    assert gradient_difference(brighter, flat).abs().max() < 1e-12
    ramp = flat + 0.01 * torch.arange(5)
    torch.testing.assert_close(gradient_difference(ramp, flat)[..., 1:-1], torch.full((1, 1, 4, 3), 0.01).double())


def test_census_difference_by_hand():
    dark, step = torch.zeros(1, 3, 3, 3, dtype=torch.float64), torch.zeros(1, 3, 3, 3, dtype=torch.float64)
    step[:, 0] = 0.01 * torch.arange(3)  # averaged over channels 0.85 grey levels a column
    comparison = 0.85 / math.sqrt(0.81 + 0.85**2)
    # In the middle, three neighbours on either side differ by the comparison, two not at all.
    expected = 6 / 8 * comparison**2 / (0.1 + comparison**2)
    assert census_difference(step, dark, 1)[0, 0, 1, 1].item() == pytest.approx(expected)
    assert not census_difference(step + 0.2, step).gt(1e-12).any()
    with pytest.raises(InputError, match="radius >= 1"):
        census_difference(step, dark, 0)


def test_one_source_may_see_what_another_does_not():
    differences = torch.tensor([[0.3, 0.1, math.inf, math.inf], [0.2, 0.4, 0.5, math.inf]]).reshape(1, 2, 1, 4)
    differences.requires_grad_()
    least = minimum_reprojection(differences)
    least[..., :3].sum().backward()
    torch.testing.assert_close(least, torch.tensor([0.2, 0.1, 0.5, math.inf]).reshape(1, 1, 1, 4))
    torch.testing.assert_close(differences.grad, torch.tensor([[0.0, 1, 0, 0], [1, 0, 1, 0]]).reshape(1, 2, 1, 4))


def test_auto_mask_keeps_pixels_where_the_warped_error_is_lower():
    warped = torch.tensor([[0.3, 0.1], [0.2, 0.4]]).reshape(1, 2, 1, 2)
    unwarped = torch.tensor([[0.5, 0.3], [0.25, 0.05]]).reshape(1, 2, 1, 2)
    mask = auto_mask(warped, unwarped, torch.Generator().manual_seed(0))
    assert mask.flatten().tolist() == [True, False]
    # Noise of 1e-5 decides between equals, for either side, alike for alike generators, and for nothing else.
    flat = torch.full((1, 1, 40, 50), 0.1)
    again = [auto_mask(flat, flat, torch.Generator().manual_seed(7)) for _ in range(2)]
    assert 0.45 < again[0].float().mean() < 0.55
    assert (again[0] == again[1]).all()
    assert auto_mask(flat - 1e-4, flat, torch.Generator().manual_seed(7)).all()
    assert not auto_mask(flat + 1e-4, flat, torch.Generator().manual_seed(7)).any()


def test_photometric_maps_accept_half_precision_and_strided_tensors():
    one, other = noise(1, 3, 6, 5), noise(1, 3, 6, 5, seed=1)
    for difference in (l1_ssim_difference, census_difference):
        found = difference(one, other)
        half = difference(one.half(), other.half())
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, found.float(), atol=0.02, rtol=0)
        torch.testing.assert_close(difference(one.mT.contiguous().mT, other), found)


def test_smoothness_by_hand():
    values, guide = row(0.0, 1.0, 3.0, 3.0), row(0.0, 0.0, 0.5, 0.5)
    assert first_order_smoothness(values, guide, 2.0).item() == pytest.approx((1 + 2 * math.exp(-1)) / 3)
    # Second differences 1 and -2 of the values, 0.5 and -0.5 of the guide.
    assert second_order_smoothness(values, guide, 2.0).item() == pytest.approx(3 * math.exp(-1) / 2)
    plane = (torch.arange(5.0) + 2 * torch.arange(4.0).unsqueeze(1)).expand(1, 1, 4, 5)
    assert second_order_smoothness(plane, torch.zeros(1, 3, 4, 5)).item() == 0.0
    assert first_order_smoothness(plane, torch.zeros(1, 3, 4, 5)).item() == pytest.approx(3.0)
    torch.testing.assert_close(mean_normalised(7.0 * plane + 7.0), mean_normalised(plane + 1.0))


def test_gradients_agree_with_finite_differences():
    one, other = noise(1, 2, 3, 4).requires_grad_(), noise(1, 2, 3, 4, seed=1).requires_grad_()
    weight = torch.ones(1, 2, 3, 4, dtype=torch.float64)
    for loss in (l1_ssim_difference, gradient_difference, first_order_smoothness, second_order_smoothness):
        assert torch.autograd.gradcheck(loss, (one, other))
    for loss in (l1, l2, charbonnier):
        assert torch.autograd.gradcheck(lambda p, loss=loss: loss(p, other.detach(), weight), (one,))
    # A few grey levels, where the comparisons are not saturated.
    faint = ((0.01 * values).detach().requires_grad_() for values in (one, other))
    assert torch.autograd.gradcheck(lambda a, b: census_difference(a, b, 1), tuple(faint))
    assert torch.autograd.gradcheck(minimum_reprojection, (one,))
