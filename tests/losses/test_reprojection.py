"""Losses of depth and camera motion against references in numpy, and their gradients."""

import math

import numpy as np
import pytest
import torch

from leadline.losses import (
    auto_masked_reprojection,
    charged_unseen,
    explainability_regularisation,
    explained_reprojection,
    least_reprojection,
)


def maps(seed: int, sources: int = 2, size: tuple[int, int] = (4, 5)) -> torch.Tensor:
    return torch.rand((2, sources, *size), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SEEN = maps(9) > 0.35


def test_the_least_difference_is_that_of_a_loop():
    differences = maps(1)
    wanted = [
        min(differences[b, s, y, x].item() for s in range(2) if SEEN[b, s, y, x])
        for b, y, x in np.ndindex(2, 4, 5)
        if SEEN[b, :, y, x].any()
    ]
    assert len(wanted) < 40
    assert least_reprojection(differences, SEEN).item() == pytest.approx(np.mean(wanted))


def test_what_moves_with_the_camera_costs_what_it_costs_unwarped():
    differences, unwarped = maps(1), maps(2)
    loss, kept = auto_masked_reprojection(differences, unwarped, SEEN, torch.Generator().manual_seed(0))
    costs = np.where(SEEN, differences, np.inf).min(axis=1), unwarped.numpy().min(axis=1)
    assert (np.abs(costs[0] - costs[1]) > 1e-4).all()  # far from the noise that decides between equals
    assert loss.item() == pytest.approx(np.minimum(*costs).mean())
    assert (kept[:, 0].numpy() == (costs[0] < costs[1])).all()


def test_a_pixel_that_nothing_sees_counts_and_teaches_nothing():
    differences = maps(1).requires_grad_()
    nowhere = torch.zeros_like(SEEN)
    loss, kept = auto_masked_reprojection(differences, maps(2), nowhere, torch.Generator().manual_seed(0))
    loss.backward()
    assert loss.item() == pytest.approx(maps(2).amin(dim=1).mean().item())
    assert not kept.any()
    assert not differences.grad.any()
    alone = maps(1).requires_grad_()
    least_reprojection(alone, nowhere).backward()
    assert not alone.grad.any()


def test_an_image_that_explains_itself_unwarped_is_left_alone():
    generator = torch.Generator().manual_seed(0)
    still = torch.zeros(1, 2, 40, 50)
    _, kept = auto_masked_reprojection(still + 1e-3, still, torch.ones_like(still, dtype=torch.bool), generator)
    assert not kept.any()


def test_explained_differences_by_hand():
    differences = torch.tensor([0.2, 0.6, 5.0]).view(1, 1, 1, 3)
    logit = torch.tensor([0.0, math.log(3.0), 0.0]).view(1, 1, 1, 3)  # E = 1/2, 3/4, 1/2
    seen = torch.tensor([True, True, False]).view(1, 1, 1, 3)
    assert explained_reprojection(differences, logit, seen).item() == pytest.approx((0.1 + 0.45) / 2)
    wanted = -(2.0 * math.log(0.5) + math.log(0.75)) / 3
    assert explainability_regularisation(logit).item() == pytest.approx(wanted)


def test_what_is_not_seen_costs_what_it_costs_unwarped():
    differences, unwarped = maps(1), maps(2)
    found = charged_unseen(differences, unwarped, SEEN).numpy()
    np.testing.assert_array_equal(found, np.where(SEEN.numpy(), differences.numpy(), unwarped.numpy()))
    assert torch.autograd.gradcheck(lambda d: charged_unseen(d, unwarped, SEEN), (maps(1).requires_grad_(),))


def test_gradients_agree_with_finite_differences():
    differences, logit = maps(1).requires_grad_(), (4.0 * maps(3) - 2.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda d: least_reprojection(d, SEEN), (differences,))
    assert torch.autograd.gradcheck(
        lambda d: auto_masked_reprojection(d, maps(2), SEEN, torch.Generator().manual_seed(0))[0], (differences,)
    )
    assert torch.autograd.gradcheck(lambda d, e: explained_reprojection(d, e, SEEN), (differences, logit))
    assert torch.autograd.gradcheck(explainability_regularisation, (logit,))
