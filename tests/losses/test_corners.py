"""Losses and operators at their corners against references in float64: empty batches, bright images, half precision."""

import math

import numpy as np
import pytest
import torch

from leadline import losses
from leadline.errors import InputError
from leadline.losses import disparity_cross_entropy, gradient_matching, low_rank, subspace
from leadline.ops import (
    box_ssim,
    displacement_correlation_volume,
    forward_backward_occluded,
    left_right_occluded,
    sampled_correlation,
    ssim,
    warp_by_disparity,
    windowed_soft_argmax,
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf, 1e30])
def test_cross_entropy_of_a_volume_does_not_look_at_truth_without_weight(hole: float):
    scores = random(1, 5, 2, 3).requires_grad_()
    truth, weight = 4.0 * random(1, 1, 2, 3, seed=1), torch.ones(1, 1, 2, 3, dtype=torch.float64)
    weight[..., 0] = 0.0
    probability = scores.detach().softmax(dim=1)[0].numpy()
    wanted = []
    for y in range(2):
        for x in (1, 2):
            lower, part = divmod(float(truth[0, 0, y, x]), 1.0)
            near, far = probability[int(lower), y, x], probability[int(lower) + 1, y, x]
            wanted.append(-(1.0 - part) * math.log(near) - part * math.log(far))
    value = disparity_cross_entropy(scores, truth.masked_fill(weight == 0, hole), weight)
    # Sums are in float32 at least, and these are in float64.
    assert float(value.detach()) == pytest.approx(np.mean(wanted), rel=1e-6)
    value.backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[..., 0] == 0).all()


def test_cross_entropy_of_a_volume_of_one_bin_is_nothing():
    one = torch.zeros(1, 1, 2, 2)
    assert float(disparity_cross_entropy(one, one, torch.ones_like(one))) == 0.0


def moments(first: np.ndarray, second: np.ndarray, weights: np.ndarray):
    """SSIM at each pixel from weighted windows, in two passes: means, then deviations from them."""
    radius, (height, width) = weights.shape[0] // 2, first.shape
    found = np.empty(first.shape)
    for y in range(height):
        for x in range(width):
            top, left = max(0, y - radius), max(0, x - radius)
            window = np.s_[top : y + radius + 1, left : x + radius + 1]
            share = weights[top - y + radius :, left - x + radius :][: first[window].shape[0], : first[window].shape[1]]
            share = share / share.sum()
            one, other = first[window], second[window]
            mean, other_mean = (share * one).sum(), (share * other).sum()
            covariance = (share * (one - mean) * (other - other_mean)).sum()
            variances = (share * (one - mean) ** 2).sum() + (share * (other - other_mean) ** 2).sum()
            luminance = (2 * mean * other_mean + 1e-4) / (mean**2 + other_mean**2 + 1e-4)
            found[y, x] = luminance * (2 * covariance + 9e-4) / (variances + 9e-4)
    return found


@pytest.mark.parametrize("measure", [ssim, box_ssim])
@pytest.mark.parametrize("level", [0.999, 0.5])
def test_ssim_of_bright_flat_images_is_exact_in_float32(measure, level: float):
    noise = np.random.default_rng(0).normal(0.0, 1e-4, (2, 9, 11))
    first, second = (level + noise).astype(np.float32)
    offsets = np.arange(-5, 6)
    gaussian = np.exp(-0.5 * (offsets / 1.5) ** 2)
    weights = np.outer(gaussian, gaussian) if measure is ssim else np.ones((3, 3))
    found = measure(torch.from_numpy(first)[None, None], torch.from_numpy(second)[None, None])
    assert found.dtype == torch.float32
    np.testing.assert_allclose(
        found[0, 0].numpy(), moments(first.astype(float), second.astype(float), weights), atol=2e-7
    )
    assert float(measure(*[torch.from_numpy(first)[None, None]] * 2).max()) <= 1.0


@pytest.mark.parametrize(
    "name",
    [
        "scale_invariant_log",
        "root_scale_invariant_log",
        "scale_and_shift_invariant",
        "scale_and_shift_invariant_l2",
        "trimmed_scale_and_shift_invariant",
        "gradient_matching",
    ],
)
def test_depth_losses_of_an_empty_batch_are_0_with_a_gradient(name: str):
    prediction = torch.zeros(0, 1, 4, 6, requires_grad=True)
    value = getattr(losses, name)(prediction, torch.zeros(0, 1, 4, 6), torch.zeros(0, 1, 4, 6))
    assert float(value.detach()) == 0.0
    value.backward()
    assert prediction.grad is not None
    assert prediction.grad.shape == (0, 1, 4, 6)


@pytest.mark.parametrize("loss", [low_rank, lambda flow, weight: subspace(flow, weight, 10.0)])
def test_epipolar_losses_of_an_empty_batch_are_0_with_a_gradient(loss):
    flow = torch.zeros(0, 2, 4, 6, requires_grad=True)
    value = loss(flow, torch.zeros(0, 1, 4, 6))
    assert float(value.detach()) == 0.0
    value.backward()
    assert flow.grad is not None


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_the_windowed_expectation_of_half_precision_is_that_of_float64(kind: torch.dtype):
    scores = (8.0 * random(1, 300, 3, 4)).to(kind)
    disparity, probability = windowed_soft_argmax(scores)
    values = scores[0].double().numpy()
    for y in range(3):
        for x in range(4):
            column = values[:, y, x]
            best = int(column.argmax())
            near = np.arange(max(0, best - 2), min(300, best + 3))
            share = np.exp(column[near] - column.max())
            assert float(disparity[0, 0, y, x]) == pytest.approx((share * near).sum() / share.sum(), rel=1e-6)
            assert float(probability[0, 0, y, x]) == pytest.approx(1.0 / np.exp(column - column.max()).sum(), rel=1e-5)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_warp_in_half_precision_reads_the_columns_of_float64(kind: torch.dtype):
    width = 600
    features = random(1, 1, 1, width).to(kind)
    disparity = (40.0 * random(1, 1, 1, width, seed=1)).to(kind)
    warped = warp_by_disparity(features, disparity)[0, 0, 0].double().numpy()
    position = np.clip(np.arange(width) - disparity[0, 0, 0].double().numpy(), 0, width - 1)
    wanted = np.interp(position, np.arange(width), features[0, 0, 0].double().numpy())
    np.testing.assert_allclose(warped, wanted, atol=1e-4)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_sampled_candidates_in_half_precision_read_the_columns_of_float64(kind: torch.dtype):
    width = 3000
    left, right = (random(1, 2, 1, width, seed=seed).to(kind) for seed in (0, 1))
    disparity = (40.0 * random(1, 3, 1, width, seed=2)).to(kind)
    found = sampled_correlation(left, right, disparity)[0, :, 0].double().numpy()
    nearest = np.floor(np.arange(width) - disparity[0, :, 0].double().numpy() + 0.5).clip(0, width - 1).astype(int)
    wanted = (left[0, :, 0].double().numpy()[:, None] * right[0, :, 0].double().numpy()[:, nearest]).sum(axis=0)
    np.testing.assert_allclose(found, wanted, rtol=2e-2)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_occlusion_in_half_precision_is_that_of_float64(kind: torch.dtype):
    left, right = ((40.0 * random(1, 1, 4, 600, seed=seed)).to(kind) for seed in (0, 1))
    assert torch.equal(left_right_occluded(left, right), left_right_occluded(left.double(), right.double()))
    there, back = ((8.0 * random(1, 2, 4, 600, seed=seed) - 4.0).to(kind) for seed in (2, 3))
    found = forward_backward_occluded(there, -there + 0.1 * back)
    assert torch.equal(found, forward_backward_occluded(there.double(), (-there + 0.1 * back).double()))


def test_gradient_matching_is_a_mean_over_the_differences_that_are_known():
    prediction, truth = random(2, 1, 9, 11), random(2, 1, 9, 11, seed=1)
    weight = (random(2, 1, 9, 11, seed=2) > 0.4).double()
    error, known = ((prediction - truth) * weight).numpy(), weight.numpy()
    wanted = 0.0
    for step in (1, 2, 4, 8):
        e, k = error[:, 0, ::step, ::step], known[:, 0, ::step, ::step]
        for axis in (1, 2):
            both = np.minimum(np.take(k, range(1, k.shape[axis]), axis), np.take(k, range(k.shape[axis] - 1), axis))
            if both.sum():
                wanted += (np.abs(np.diff(e, axis=axis)) * both).sum() / both.sum()
    assert float(gradient_matching(prediction, truth, weight)) == pytest.approx(wanted, rel=1e-6)


def test_correlation_of_patches_is_the_naive_loop():
    first, second = random(1, 3, 5, 6) - 0.5, random(1, 3, 5, 6, seed=1) - 0.5
    volume = displacement_correlation_volume(first, second, 1, stride=2, patch=1)

    def at(features: torch.Tensor, y: int, x: int) -> torch.Tensor:
        inside = 0 <= y < 5 and 0 <= x < 6
        return features[0, :, y, x] if inside else torch.zeros(3, dtype=torch.float64)

    steps = [(dy, dx) for dy in (-2, 0, 2) for dx in (-2, 0, 2)]
    offsets = [(oy, ox) for oy in (-1, 0, 1) for ox in (-1, 0, 1)]
    for y in range(5):
        for x in range(6):
            for index, (dy, dx) in enumerate(steps):
                products = [at(first, y + oy, x + ox) * at(second, y + dy + oy, x + dx + ox) for oy, ox in offsets]
                wanted = torch.stack(products).mean(dim=1).sum().item()
                assert volume[0, index, y, x].item() == pytest.approx(wanted)
    with pytest.raises(InputError, match="patch of at least 0"):
        displacement_correlation_volume(first, second, 1, patch=-1)
