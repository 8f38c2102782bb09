"""Cost volumes and the disparity they give, against naive loops."""

import pytest
import torch

from leadline.errors import InputError
from leadline.ops import (
    concatenation_volume,
    difference_volume,
    displacement_correlation_volume,
    groupwise_correlation_volume,
    soft_argmin,
    top_k_soft_argmin,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_volumes_are_the_naive_loop():
    left, right = noise(2, 6, 3, 5), noise(2, 6, 3, 5, seed=1)
    groups = groupwise_correlation_volume(left, right, 7, 3)
    both, difference = concatenation_volume(left, right, 7), difference_volume(left, right, 7)
    for d in range(7):
        for x in range(5):
            if x < d:
                assert not groups[:, :, d, :, x].any()
                assert not both[:, :, d, :, x].any()
                assert not difference[:, :, d, :, x].any()
                continue
            one, other = left[..., x], right[..., x - d]
            torch.testing.assert_close(groups[:, :, d, :, x], (one * other).reshape(2, 3, 2, 3).mean(2))
            torch.testing.assert_close(both[:, :, d, :, x], torch.cat([one, other], dim=1))
            torch.testing.assert_close(difference[:, :, d, :, x], one - other)


@pytest.mark.parametrize("groups", [0, 4])
def test_groups_must_divide_the_channels(groups):
    with pytest.raises(InputError, match="divides 6 channels"):
        groupwise_correlation_volume(noise(1, 6, 2, 3), noise(1, 6, 2, 3), 2, groups)


def test_displacement_correlation_is_the_naive_loop():
    first, second = noise(1, 3, 4, 5), noise(1, 3, 4, 5, seed=1)
    volume = displacement_correlation_volume(first, second, 1, stride=2)
    for y in range(4):
        for x in range(5):
            for index, (dy, dx) in enumerate((dy, dx) for dy in (-2, 0, 2) for dx in (-2, 0, 2)):
                seen = 0 <= y + dy < 4 and 0 <= x + dx < 5
                expected = (first[0, :, y, x] * second[0, :, y + dy, x + dx]).mean().item() if seen else 0.0
                assert volume[0, index, y, x].item() == pytest.approx(expected)


def test_soft_argmin_is_an_expectation_and_the_top_2_leave_out_a_far_mode():
    probabilities = torch.tensor([0.05, 0.5, 0.25, 0.0001, 0.2], dtype=torch.float64)
    costs = -probabilities.log().reshape(1, 5, 1, 1)
    total = probabilities.sum().item()
    assert soft_argmin(costs).item() == pytest.approx((0.5 + 2 * 0.25 + 3 * 0.0001 + 4 * 0.2) / total)
    assert top_k_soft_argmin(costs, 2).item() == pytest.approx((0.5 + 2 * 0.25) / 0.75)
    torch.testing.assert_close(top_k_soft_argmin(costs, 5), soft_argmin(costs))


@pytest.mark.parametrize("k", [0, 6])
def test_top_k_needs_k_candidates(k):
    with pytest.raises(InputError, match="the 5 candidates"):
        top_k_soft_argmin(torch.zeros(1, 5, 1, 1), k)


def test_soft_argmin_of_half_precision_knows_a_large_disparity():
    costs = torch.full((1, 300, 1, 1), 30.0, dtype=torch.bfloat16)
    costs[:, 257:259] = 0.0
    assert soft_argmin(costs).item() == pytest.approx(257.5, abs=1e-3)


def test_gradients_agree_with_finite_differences():
    left, right = noise(1, 4, 2, 3).requires_grad_(), noise(1, 4, 2, 3, seed=1).requires_grad_()
    for volume in (
        lambda a, b: groupwise_correlation_volume(a, b, 2, 2),
        lambda a, b: concatenation_volume(a, b, 2),
        lambda a, b: difference_volume(a, b, 2),
        lambda a, b: displacement_correlation_volume(a, b, 1),
    ):
        assert torch.autograd.gradcheck(volume, (left, right))
    assert torch.autograd.gradcheck(soft_argmin, (left,))
    assert torch.autograd.gradcheck(lambda c: top_k_soft_argmin(c, 2), (left,))
