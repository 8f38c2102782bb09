"""Left-right and forward-backward consistency on scenes whose answer is known."""

import math

import pytest
import torch

from leadline.losses import forward_backward_consistency, left_right_consistency


def ones(map_: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(map_[:, :1])


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def square_before_a_wall() -> tuple[torch.Tensor, torch.Tensor]:
    left, right = torch.full((1, 1, 8, 30), 2.0), torch.full((1, 1, 8, 30), 2.0)
    left[..., 12:18] = 6.0
    right[..., 6:12] = 6.0
    return left, right


def test_left_right_is_the_naive_loop():
    left, right = 4.0 * noise(2, 1, 3, 9), 4.0 * noise(2, 1, 3, 9, seed=1)
    weight = noise(2, 1, 3, 9, seed=2)
    total = count = 0.0
    for b in range(2):
        for y in range(3):
            for x in range(9):
                disparity, share = left[b, 0, y, x].item(), weight[b, 0, y, x].item()
                if x - disparity < -0.5:
                    continue
                position = max(x - disparity, 0.0)
                low = min(int(position), 7)
                partner = right[b, 0, y, low].lerp(right[b, 0, y, low + 1], position - low).item()
                total, count = total + share * abs(disparity - partner), count + share
    assert left_right_consistency(left, right, weight).item() == pytest.approx(total / count)


def test_hidden_pixels_are_accepted_only_within_a_tolerance():
    left, right = square_before_a_wall()
    # Wall at columns 8 to 11 lies behind the square, 4 px off; columns 0 and 1 leave the image.
    assert left_right_consistency(left, right, ones(left)).item() == pytest.approx(4 * 4 / 28)
    assert left_right_consistency(left, right, ones(left), 1.0).item() == 0.0


def test_forward_backward_consistency_is_0_for_the_inverse_and_half_for_half_a_pixel():
    forward = torch.zeros(1, 2, 6, 10)
    forward[:, 0] = 3.0
    astray = torch.tensor([0.5, -0.25]).view(1, 2, 1, 1) - forward
    assert forward_backward_consistency(forward, -forward, ones(forward)).item() == 0.0
    # |f + b'|^2 = 0.3125 against 0.01 (9 + 6.3) + 0.5: seen.
    assert forward_backward_consistency(forward, astray, ones(forward)).item() == pytest.approx(0.75)
    # 1 + 0.0625 would be occluded, so that nothing is left, unless the offset allows it.
    astray = torch.tensor([1.0, 0.25]).view(1, 2, 1, 1) - forward
    assert forward_backward_consistency(forward, astray, ones(forward)).item() == 0.0
    found = forward_backward_consistency(forward, astray, ones(forward), offset_px2=math.inf)
    assert found.item() == pytest.approx(1.25)


@pytest.mark.parametrize(("loss", "channels"), [(left_right_consistency, 1), (forward_backward_consistency, 2)])
def test_no_weight_is_no_loss_and_what_lies_there_does_not_matter(loss, channels):
    one = (0.1 * noise(2, channels, 5, 8)).requires_grad_()
    other = (0.1 * noise(2, channels, 5, 8, seed=1)).requires_grad_()
    nothing = loss(one, other, torch.zeros(2, 1, 5, 8, dtype=torch.float64))
    nothing.backward()
    assert nothing.item() == 0.0
    assert not one.grad.any()
    assert not other.grad.any()
    weight = ones(one)
    weight[..., :4] = 0.0
    poisoned = one.detach().masked_fill(weight == 0, torch.nan).requires_grad_()
    found = loss(poisoned, other, weight)
    found.backward()
    torch.testing.assert_close(found, loss(one, other, weight))
    assert poisoned.grad.isfinite().all()
    assert not poisoned.grad[..., :4].any()


@pytest.mark.parametrize(("loss", "channels"), [(left_right_consistency, 1), (forward_backward_consistency, 2)])
def test_half_precision_is_widened_and_strides_do_not_matter(loss, channels):
    one, other = (0.3 * noise(1, channels, 5, 8, seed=seed) for seed in (0, 1))
    weight = ones(one)
    assert loss(one.half(), other.half(), weight.half()).item() == pytest.approx(loss(one, other, weight).item(), 1e-2)
    assert loss(one.half(), other.half(), weight.half()).dtype == torch.float32
    strided = (map_.mT.contiguous().mT for map_ in (one, other, weight))
    torch.testing.assert_close(loss(*strided), loss(one, other, weight))


@pytest.mark.parametrize(("loss", "channels"), [(left_right_consistency, 1), (forward_backward_consistency, 2)])
def test_gradients_agree_with_finite_differences(loss, channels):
    # Within the same pixels, and never equal: neither the bilinear warp nor the modulus is at a corner.
    one = (0.2 + 0.1 * noise(1, channels, 3, 5)).requires_grad_()
    other = (0.4 + 0.1 * noise(1, channels, 3, 5, seed=1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, ones(one)), (one, other))
