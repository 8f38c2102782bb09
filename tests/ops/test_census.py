"""Census transforms against naive loops."""

import numpy as np
import pytest
import torch

from leadline.errors import InputError
from leadline.ops import (
    census_transform,
    correlation_volume,
    hamming_distance,
    soft_census_transform,
    soft_hamming_distance,
)


def image(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("radius", [1, 3])
def test_transforms_are_the_naive_loop(radius):
    grey = image(2, 1, 4, 5)
    hard, soft = census_transform(grey, radius), soft_census_transform(grey, radius)
    span = range(-radius, radius + 1)
    places = [(dy, dx) for dy in span for dx in span if (dy, dx) != (0, 0)]
    for b, y, x in np.ndindex(2, 4, 5):
        for k, (dy, dx) in enumerate(places):
            neighbour = grey[b, 0, min(max(y + dy, 0), 3), min(max(x + dx, 0), 4)].item()
            delta = 255.0 * (grey[b, 0, y, x].item() - neighbour)
            assert hard[b, k, y, x].item() == (1.0 if delta > 0 else -1.0)
            assert soft[b, k, y, x].item() == pytest.approx(delta / np.sqrt(0.81 + delta**2))


def test_distances_by_hand():
    first = torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1)
    second = torch.tensor([1.0, 1.0, -1.0]).view(1, 3, 1, 1)
    assert hamming_distance(first, second).item() == 2.0
    # Differences 0, 2 and 2: twice 4 / 4.1.
    assert soft_hamming_distance(first, second).item() == pytest.approx(8 / 4.1)


def test_correlation_of_transforms_counts_their_differences():
    left, right = (census_transform(image(1, 1, 4, 6, seed=seed), 1) for seed in (0, 1))
    volume = correlation_volume(left, right, 3)
    for d in range(3):
        distance = hamming_distance(left[..., d:], right[..., : 6 - d])
        torch.testing.assert_close(volume[:, d : d + 1, :, d:], (8 - 2 * distance).double())


def test_exposure_changes_no_order_and_a_shift_goes_along():
    grey = image(1, 1, 8, 12)
    torch.testing.assert_close(census_transform(0.4 * grey + 0.3), census_transform(grey))
    torch.testing.assert_close(soft_census_transform(grey + 0.3), soft_census_transform(grey))
    shifted = soft_census_transform(grey[..., 2:], 2)
    torch.testing.assert_close(shifted[..., 2:], soft_census_transform(grey, 2)[..., 4:])


def test_a_flat_image_has_no_darker_neighbour_and_finite_gradients():
    flat = torch.full((1, 1, 4, 5), 0.5, requires_grad=True)
    assert (census_transform(flat) == -1.0).all()
    soft = soft_census_transform(flat)
    soft_hamming_distance(soft, soft.detach()).sum().backward()
    assert not soft.any()
    assert not flat.grad.any()


def test_half_precision_is_widened_and_strides_do_not_matter():
    grey = image(1, 1, 4, 5).half()
    torch.testing.assert_close(soft_census_transform(grey), soft_census_transform(grey.float()))
    assert census_transform(grey).dtype == torch.float16
    torch.testing.assert_close(census_transform(grey).float(), census_transform(grey.float()))
    # A distance counts beyond what bfloat16 can: 2^8 + 1.
    many = torch.ones(1, 257, 1, 1, dtype=torch.bfloat16)
    assert hamming_distance(many, -many).item() == 257.0
    assert soft_hamming_distance(many, -many).item() == pytest.approx(257 * 4 / 4.1)
    strided = image(1, 1, 5, 4).mT
    torch.testing.assert_close(soft_census_transform(strided), soft_census_transform(strided.contiguous()))


@pytest.mark.parametrize("transform", [census_transform, soft_census_transform])
def test_a_window_has_neighbours(transform):
    with pytest.raises(InputError, match="radius >= 1, got 0"):
        transform(image(1, 1, 3, 3), 0)


def test_gradients_agree_with_finite_differences():
    # Contrasts of a few grey levels, where the comparisons are not saturated.
    grey = (0.01 * image(1, 1, 3, 4)).requires_grad_()
    assert torch.autograd.gradcheck(lambda g: soft_census_transform(g, 1), (grey,))
    first, second = image(1, 3, 2, 2).requires_grad_(), image(1, 3, 2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(soft_hamming_distance, (first, second))
