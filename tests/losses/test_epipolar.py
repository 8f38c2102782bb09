"""Epipolar losses against naive formulas, OpenCV, and the geometry of a made-up scene."""

import cv2
import numpy as np
import pytest
import torch

from leadline.errors import InputError
from leadline.geometry import Matches, sampson_distances_px
from leadline.losses import fundamental_from_flow, low_rank, sampson, squared_sampson_distance, subspace
from leadline.ops import rigid_flow


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def motion(angle: float, *translation: float) -> torch.Tensor:
    """A turn about the y axis, then a translation."""
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[0, 0] = matrix[2, 2] = np.cos(angle)
    matrix[0, 2], matrix[2, 0] = np.sin(angle), -np.sin(angle)
    matrix[:3, 3] = torch.tensor(translation)
    return matrix.unsqueeze(0)


def camera() -> torch.Tensor:
    return torch.tensor([[[20.0, 0.0, 9.5], [0.0, 22.0, 6.5], [0.0, 0.0, 1.0]]], dtype=torch.float64)


def scene_flow(moved: torch.Tensor, height: int = 12, width: int = 18) -> torch.Tensor:
    return rigid_flow(2.0 + 4.0 * noise(1, 1, height, width), camera(), moved)[0]


def true_fundamental(moved: torch.Tensor) -> torch.Tensor:
    """F = K^-T [t]x R K^-1."""
    x, y, z = moved[0, :3, 3].tolist()
    cross = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
    inverse = camera()[0].inverse()
    matrix = inverse.T @ cross @ moved[0, :3, :3] @ inverse
    return (matrix / matrix.norm()).unsqueeze(0)


def matches_of(flow: torch.Tensor) -> Matches:
    """Pixels of the first image, and where the flow takes them."""
    y, x = np.mgrid[: flow.shape[2], : flow.shape[3]].astype(np.float64)
    first = np.stack([x.ravel(), y.ravel()], axis=1)
    return Matches(first, first + flow[0].double().flatten(1).T.numpy())


def naive_embedding(flow: torch.Tensor) -> np.ndarray:
    """9xN: Kronecker products of the homogeneous points, their mean at 0 and their RMS distance sqrt(2)."""
    matches = matches_of(flow)
    views = []
    for points in (matches.left, matches.right):
        centred = points - points.mean(axis=0)
        scaled = centred * np.sqrt(2.0 / (centred**2).sum(axis=1).mean())
        views.append(np.hstack([scaled, np.ones((len(points), 1))]))
    return np.stack([np.kron(second, first) for first, second in zip(*views, strict=True)], axis=1)


def ones(flow: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(flow[:, :1])


def test_sampson_is_that_of_the_geometry_room():
    flow, fundamental = 3.0 * noise(1, 2, 5, 6), noise(1, 3, 3, seed=1) - 0.5
    expected = sampson_distances_px(matches_of(flow), fundamental[0].numpy()) ** 2
    found = squared_sampson_distance(flow, fundamental)
    np.testing.assert_allclose(found.flatten().numpy(), expected)
    assert sampson(flow, 7.0 * fundamental, ones(flow)).item() == pytest.approx(expected.mean())


def test_a_vertical_offset_of_a_rectified_pair_costs_half_its_square():
    fundamental = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]])
    flow = torch.tensor([-4.0, 3.0]).view(1, 2, 1, 1).expand(1, 2, 4, 5)
    assert sampson(flow, fundamental, ones(flow)).item() == pytest.approx(4.5)


def test_eight_points_find_the_motion():
    moved = motion(0.05, 0.4, -0.1, 0.2)
    flow = scene_flow(moved)
    found, expected = fundamental_from_flow(flow, ones(flow)), true_fundamental(moved)
    sign = (found * expected).sum().sign()
    torch.testing.assert_close(sign * found, expected, atol=1e-7, rtol=0)
    assert sampson(flow, found, ones(flow)).item() < 1e-12


def test_eight_point_matches_opencv_and_ignores_points_without_weight():
    flow = scene_flow(motion(0.05, 0.4, -0.1, 0.2)) + 0.05 * noise(1, 2, 12, 18, seed=3)
    matches = matches_of(flow)
    expected, _ = cv2.findFundamentalMat(matches.left, matches.right, cv2.FM_8POINT)
    expected = torch.from_numpy(expected / np.linalg.norm(expected)).unsqueeze(0)
    found = fundamental_from_flow(flow, ones(flow))
    # OpenCV scales by the mean distance: with noise not quite the same estimate.
    torch.testing.assert_close((found * expected).sum().sign() * found, expected, atol=1e-3, rtol=0)
    assert torch.linalg.matrix_rank(found).item() == 2
    clean, weight = scene_flow(motion(0.05, 0.4, -0.1, 0.2)), ones(flow)
    weight[..., :5] = 0.0
    spoilt = clean.masked_fill(weight == 0, torch.nan)
    assert sampson(spoilt, fundamental_from_flow(spoilt, weight), weight).item() < 1e-12


def test_low_rank_is_the_nuclear_norm_over_n():
    flow = 3.0 * noise(2, 2, 4, 6)
    expected = [np.linalg.norm(naive_embedding(one.unsqueeze(0)), "nuc") / 24 for one in flow]
    assert low_rank(flow, ones(flow)).item() == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("balance", [1e-3, 0.1, 10.0])
def test_subspace_is_the_naive_nxn_formula(balance):
    flow = 3.0 * noise(2, 2, 4, 6)
    expected = []
    for one in flow:
        embedding = naive_embedding(one.unsqueeze(0))
        gram = balance * embedding.T @ embedding
        own = np.linalg.solve(np.eye(24) + gram, gram)
        residual = embedding @ own - embedding
        expected.append(0.5 * (own**2).sum() + 0.5 * balance * (residual**2).sum())
    assert subspace(flow, ones(flow), balance).item() == pytest.approx(np.mean(expected), rel=1e-9)


def test_rigid_motion_has_lower_rank_losses_than_noisy_flow():
    rigid = scene_flow(motion(0.05, 0.4, -0.1, 0.2))
    shaken = rigid + 2.0 * noise(1, 2, 12, 18, seed=3)
    assert low_rank(rigid, ones(rigid)) < low_rank(shaken, ones(rigid))
    # With a large balance, half the number of dimensions: 8 of a rigid scene, else 9.
    assert subspace(rigid, ones(rigid), 1e6).item() == pytest.approx(4.0, abs=1e-3)
    assert subspace(shaken, ones(rigid), 1e6).item() == pytest.approx(4.5, abs=1e-3)


def test_training_on_the_subspace_brings_a_flow_to_one_geometry():
    rigid = scene_flow(motion(0.05, 0.4, -0.1, 0.2))
    flow = (rigid + noise(1, 2, 12, 18, seed=3) - 0.5).requires_grad_()
    before = sampson(flow.detach(), fundamental_from_flow(flow, ones(flow)), ones(flow)).item()
    optimiser = torch.optim.Adam([flow], lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        subspace(flow, ones(flow), 10.0).backward()
        optimiser.step()
    after = sampson(flow.detach(), fundamental_from_flow(flow, ones(flow)), ones(flow)).item()
    assert after < 0.05 * before


LOSSES = [
    low_rank,
    lambda flow, weight: subspace(flow, weight, 0.1),
    lambda flow, weight: sampson(flow, noise(2, 3, 3, seed=1)[: len(flow)], weight),
]


@pytest.mark.parametrize("loss", LOSSES)
def test_no_weight_is_no_loss_and_what_lies_there_does_not_matter(loss):
    flow = noise(2, 2, 4, 6).requires_grad_()
    nothing = loss(flow.masked_fill(torch.tensor(True), torch.nan), torch.zeros(2, 1, 4, 6, dtype=torch.float64))
    nothing.backward()
    assert nothing.item() == 0.0
    assert not flow.grad.any()
    weight = ones(flow)
    weight[..., :2] = 0.0
    poisoned = flow.detach().masked_fill(weight == 0, torch.nan).requires_grad_()
    loss(poisoned, weight).backward()
    assert poisoned.grad.isfinite().all()
    assert not poisoned.grad[..., :2].any()
    torch.testing.assert_close(loss(poisoned, weight), loss(flow, weight))


@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision_is_computed_in_double_and_strides_do_not_matter(loss):
    flow = noise(1, 2, 4, 6).half()
    found = loss(flow, ones(flow))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(flow.double(), ones(flow).double()).float())
    strided = flow.mT.contiguous().mT
    torch.testing.assert_close(loss(strided, ones(strided)), found)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shrinking", [0.0, 1.0])
def test_zero_flow_and_flow_to_one_point_have_finite_gradients(loss, shrinking):
    y, x = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    flow = (-shrinking * torch.stack([x, y]).unsqueeze(0)).requires_grad_()
    found = loss(flow, ones(flow))
    found.backward()
    assert found.isfinite()
    assert flow.grad.isfinite().all()
    assert fundamental_from_flow(flow, ones(flow)).isfinite().all()


@pytest.mark.parametrize("balance", [0.0, -1.0, float("nan")])
def test_the_balance_is_positive(balance):
    with pytest.raises(InputError, match="positive balance"):
        subspace(torch.zeros(1, 2, 3, 3), torch.ones(1, 1, 3, 3), balance)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_agree_with_finite_differences(loss):
    flow = noise(1, 2, 3, 4).requires_grad_()
    weight = noise(1, 1, 3, 4, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(loss, (flow, weight))
