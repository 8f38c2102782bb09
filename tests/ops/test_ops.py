"""Building blocks against naive loops in float64, and against numbers that one can say beforehand."""

import math

import pytest
import torch
from torch.nn import functional

from leadline.ops import (
    convex_upsample,
    correlation_volume,
    sampled_correlation,
    warp_by_disparity,
    windowed_soft_argmax,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_correlation_volume_is_the_naive_loop():
    left, right = noise(2, 3, 4, 9), noise(2, 3, 4, 9, seed=1)
    volume = correlation_volume(left, right, 5)
    for d in range(5):
        for x in range(9):
            expected = (left[..., x] * right[..., x - d]).sum(1) if x >= d else torch.zeros(2, 4, dtype=torch.float64)
            torch.testing.assert_close(volume[:, d, :, x], expected)


def test_correlation_volume_may_see_farther_than_the_image_is_wide():
    volume = correlation_volume(noise(1, 2, 3, 4), noise(1, 2, 3, 4, seed=1), 7)
    assert volume.shape == (1, 7, 3, 4)
    assert (volume[:, 4:] == 0).all()


def test_sampled_correlation_is_the_volume_at_the_nearest_disparity():
    left, right = noise(2, 3, 4, 9), noise(2, 3, 4, 9, seed=1)
    disparities = torch.tensor([0.0, 1.4, 2.6, 3.5], dtype=torch.float64).view(1, 4, 1, 1).expand(2, 4, 4, 9)
    volume = correlation_volume(left, right, 9)
    found = sampled_correlation(left, right, disparities)
    for candidate, nearest in enumerate((0, 1, 3, 3)):
        torch.testing.assert_close(found[:, candidate, :, 4:], volume[:, nearest, :, 4:])


def test_sampled_correlation_repeats_the_border():
    left, right = noise(1, 2, 3, 5), noise(1, 2, 3, 5, seed=1)
    found = sampled_correlation(left, right, torch.full((1, 1, 3, 5), 40.0, dtype=torch.float64))
    torch.testing.assert_close(found[:, 0], (left * right[..., :1]).sum(1))


def test_shift_by_7_px_gives_disparity_7():
    texture = functional.normalize(noise(1, 16, 6, 47), dim=1)
    left, right = texture[..., :40], texture[..., 7:]
    disparity, _ = windowed_soft_argmax(100.0 * correlation_volume(left, right, 12))
    torch.testing.assert_close(disparity[..., 7:], torch.full((1, 1, 6, 33), 7.0).double(), atol=1e-6, rtol=0)


def test_warp_is_the_naive_loop_and_repeats_the_border():
    right = noise(2, 3, 4, 8)
    disparity = 12.0 * torch.rand(2, 1, 4, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64) - 2.0
    warped = warp_by_disparity(right, disparity)
    for b in range(2):
        for y in range(4):
            for x in range(8):
                position = min(max(x - float(disparity[b, 0, y, x]), 0.0), 7.0)
                low = min(int(position), 6)
                share = position - low
                expected = (1 - share) * right[b, :, y, low] + share * right[b, :, y, low + 1]
                torch.testing.assert_close(warped[b, :, y, x], expected)


@pytest.mark.parametrize("shift", [0, 3])
def test_warp_by_whole_pixels_is_exact(shift):
    right = noise(1, 2, 5, 11)
    warped = warp_by_disparity(right, torch.full((1, 1, 5, 11), float(shift), dtype=torch.float64))
    torch.testing.assert_close(warped[..., shift:], right[..., : 11 - shift])
    torch.testing.assert_close(warped[..., :shift], right[..., :1].expand(-1, -1, -1, shift))


def test_windowed_soft_argmax_averages_equal_neighbours_and_ignores_a_far_mode():
    scores = torch.full((1, 20, 1, 1), -50.0, dtype=torch.float64)
    scores[0, 4:6] = 5.0
    scores[0, 15] = 4.9
    disparity, certainty = windowed_soft_argmax(scores)
    assert disparity.item() == pytest.approx(4.5)
    assert certainty.item() == pytest.approx(1.0 / (2.0 + math.exp(-0.1)))


def test_soft_argmax_is_the_naive_loop():
    scores = noise(1, 9, 2, 3)
    found, certainty = windowed_soft_argmax(scores, radius=1)
    for y in range(2):
        for x in range(3):
            column = scores[0, :, y, x]
            peak = int(column.argmax())
            kept = torch.arange(max(peak - 1, 0), min(peak + 1, 8) + 1)
            expected = (column[kept].softmax(0) * kept).sum()
            torch.testing.assert_close(found[0, 0, y, x], expected)
            torch.testing.assert_close(certainty[0, 0, y, x], column.softmax(0).max())


def test_uniform_convex_upsampling_is_the_box_mean():
    values = noise(1, 1, 4, 5)
    fine = convex_upsample(values, torch.zeros(1, 36, 4, 5, dtype=torch.float64), 2)
    box = functional.avg_pool2d(functional.pad(values, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    torch.testing.assert_close(fine, box.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_convex_upsampling_takes_the_neighbour_that_the_mask_names():
    values = torch.arange(12.0, dtype=torch.float64).reshape(1, 1, 3, 4)
    mask = torch.zeros(1, 9, 2, 2, 3, 4, dtype=torch.float64)
    mask[:, 5, 0, 1] = 1e3  # upper right fine pixel: neighbour 5 is the one to the right
    mask[:, 4, 1, :] = 1e3  # lower fine pixels: the pixel itself
    fine = convex_upsample(values, mask.reshape(1, 36, 3, 4), 2)
    torch.testing.assert_close(fine[0, 0, 0::2, 1::2][:, :-1], values[0, 0, :, 1:])
    torch.testing.assert_close(fine[0, 0, 1::2, 0::2], values[0, 0])


def test_gradients_agree_with_finite_differences():
    left, right = noise(1, 2, 2, 5).requires_grad_(), noise(1, 2, 2, 5, seed=1).requires_grad_()
    # Away from whole pixels, where a bilinear warp has a corner.
    disparity = torch.full((1, 1, 2, 5), 1.3, dtype=torch.float64, requires_grad=True)
    scores, mask = noise(1, 6, 2, 2).requires_grad_(), noise(1, 36, 2, 2).requires_grad_()
    values = noise(1, 1, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: correlation_volume(a, b, 3), (left, right))
    assert torch.autograd.gradcheck(lambda a, b: sampled_correlation(a, b, disparity.detach()), (left, right))
    assert torch.autograd.gradcheck(warp_by_disparity, (right, disparity))
    assert torch.autograd.gradcheck(windowed_soft_argmax, (scores,))
    assert torch.autograd.gradcheck(lambda v, m: convex_upsample(v, m, 2), (values, mask))
