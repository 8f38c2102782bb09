"""Losses that tie depth, camera motion and flow together: numpy loops, values by hand, and gradients."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from leadline.losses import (
    consensus,
    consensus_mask,
    cross_task_consistency,
    forward_backward_depth,
    geometric_consistency,
    loop_consistency,
    loop_error,
    moving_pixels,
)
from leadline.ops import geometrically_consistent, moved_depth, rigid_flow

H, W = 5, 7


def maps(seed: int, channels: int = 1, low: float = 0.0, high: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand((2, channels, H, W), generator=generator, dtype=torch.float64)


def read(map_: np.ndarray, x: float, y: float) -> np.ndarray | None:
    """Bilinear value of a map (c, h, w), its border repeated; None beyond the outermost half pixel."""
    height, width = map_.shape[1:]
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        return None
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = min(math.floor(x), width - 2), min(math.floor(y), height - 2)
    a, b = x - left, y - top
    upper = (1 - a) * map_[:, top, left] + a * map_[:, top, left + 1]
    lower = (1 - a) * map_[:, top + 1, left] + a * map_[:, top + 1, left + 1]
    return (1 - b) * upper + b * lower


def places() -> list[tuple[int, int, int]]:
    return [(b, y, x) for b in range(2) for y in range(H) for x in range(W)]


FORWARD, BACKWARD = maps(1, 2, -1.3, 1.3), maps(2, 2, -1.3, 1.3)
WEIGHT = (maps(3) > 0.3).double()


def test_geonets_mask_and_loss_are_those_of_a_loop():
    f, b = FORWARD.numpy(), BACKWARD.numpy()
    total, count, kept = 0.0, 0, np.zeros((2, H, W), bool)
    for n, y, x in places():
        back = read(b[n], x + f[n, 0, y, x], y + f[n, 1, y, x])
        if back is None:
            continue
        delta = f[n, :, y, x] + back
        kept[n, y, x] = np.hypot(*delta) < max(0.8, 0.9 * np.hypot(*f[n, :, y, x]))
        if kept[n, y, x] and WEIGHT[n, 0, y, x]:
            total, count = total + np.abs(delta).sum(), count + 1
    assert 10 < count < kept.sum() < 2 * H * W
    found = geometrically_consistent(FORWARD, BACKWARD, 0.8, 0.9)
    assert (found[:, 0].numpy() == kept).all()
    loss = geometric_consistency(FORWARD, BACKWARD, WEIGHT, 0.8, 0.9)
    assert loss.item() == pytest.approx(total / count)


def test_geonets_mask_by_hand():
    forward = torch.zeros(1, 2, 1, 100)
    forward[:, 0, 0, 0] = 80.0  # 5 % of it are 4 px
    backward = torch.zeros(1, 2, 1, 100)
    backward[:, 0, 0, 80] = -76.1
    backward[:, 0, 0, 5], backward[:, 0, 0, 6] = 2.9, 3.1
    kept = geometrically_consistent(forward, backward)[0, 0, 0]
    assert kept[[0, 5, 6]].tolist() == [True, True, False]
    backward[:, 0, 0, 80] = -75.9
    assert not geometrically_consistent(forward, backward)[0, 0, 0, 0]


def camera() -> tuple[Tensor, Tensor]:
    intrinsics = torch.tensor([[6.0, 0.0, 3.1], [0.0, 5.0, 2.2], [0.0, 0.0, 1.0]], dtype=torch.float64).repeat(2, 1, 1)
    motion = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    angle = 0.1
    motion[:, :3, :3] = torch.tensor(
        [[math.cos(angle), 0.0, math.sin(angle)], [0.0, 1.0, 0.0], [-math.sin(angle), 0.0, math.cos(angle)]]
    )
    motion[:, :3, 3] = torch.tensor([0.1, -0.05, -0.3])
    return intrinsics, motion


def test_depth_in_the_other_camera_is_that_of_the_moved_point():
    intrinsics, motion = camera()
    depth = maps(4, 1, 2.0, 4.0)
    found = moved_depth(depth, intrinsics, motion)
    for n, y, x in places():
        point = depth[n, 0, y, x].item() * np.linalg.inv(intrinsics[n].numpy()) @ [x, y, 1.0]
        wanted = motion[n, 2, :3].numpy() @ point + motion[n, 2, 3].item()
        assert found[n, 0, y, x].item() == pytest.approx(wanted)


def test_depth_there_and_back_is_that_of_a_loop():
    intrinsics, motion = camera()
    depth, other = maps(4, 1, 2.0, 4.0), maps(5, 1, 2.0, 4.0)
    flow, moved = rigid_flow(depth, intrinsics, motion)[0], moved_depth(depth, intrinsics, motion)
    errors = []
    for n, y, x in places():
        found = read(other[n].numpy(), x + flow[n, 0, y, x].item(), y + flow[n, 1, y, x].item())
        if found is not None and WEIGHT[n, 0, y, x]:
            errors.append(abs(moved[n, 0, y, x].item() - found[0]))
    assert 10 < len(errors) < 2 * H * W
    assert forward_backward_depth(moved, other, flow, WEIGHT).item() == pytest.approx(np.mean(errors))


def test_a_wall_that_comes_nearer_agrees_with_itself():
    intrinsics, motion = camera()[0], torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    motion[:, 2, 3] = -0.5
    wall = torch.full((2, 1, H, W), 3.0, dtype=torch.float64)
    flow, moved = rigid_flow(wall, intrinsics, motion)[0], moved_depth(wall, intrinsics, motion)
    weight = torch.ones_like(wall)
    assert forward_backward_depth(moved, wall - 0.5, flow, weight).item() == pytest.approx(0.0, abs=1e-12)
    assert forward_backward_depth(moved, wall, flow, weight).item() == pytest.approx(0.5)


def test_cross_task_consistency_by_hand():
    rigid = torch.tensor([[1.0, 2.0], [0.0, -1.0], [5.0, 5.0]]).T.reshape(1, 2, 1, 3)
    flow = torch.tensor([[0.5, 2.25], [0.0, 1.0], [math.nan, 0.0]]).T.reshape(1, 2, 1, 3)
    weight = torch.tensor([1.0, 1.0, 0.0]).view(1, 1, 1, 3)
    assert cross_task_consistency(rigid, flow, weight).item() == pytest.approx((0.75 + 2.0) / 2)


def test_the_loop_is_that_of_a_numpy_loop():
    disparity, later = maps(6, 1, 0.0, 2.0), maps(7, 1, 0.0, 2.0)
    errors = np.full((2, 2, H, W), np.nan)
    for n, y, x in places():
        d, f = disparity[n, 0, y, x].item(), FORWARD[n, :, y, x].numpy()
        right = read(BACKWARD[n].numpy(), x - d, y)
        there = read(later[n].numpy(), x + f[0], y + f[1])
        if right is not None and there is not None:
            errors[n, :, y, x] = np.array([x - d, y]) + right - (np.array([x, y]) + f - [there[0], 0.0])
    astray, inside = loop_error(disparity, later, FORWARD, BACKWARD)
    known = ~np.isnan(errors[:, 0])
    assert (inside[:, 0].numpy() == known).all()
    np.testing.assert_allclose(np.moveaxis(astray.numpy(), 1, 3)[known], np.moveaxis(errors, 1, 3)[known], atol=1e-12)
    kept = known & (WEIGHT[:, 0].numpy() > 0)
    loss = loop_consistency(disparity, later, FORWARD, BACKWARD, WEIGHT)
    assert loss.item() == pytest.approx(np.abs(errors).sum(axis=1)[kept].mean())


def test_a_plane_that_comes_nearer_closes_the_loop():
    # Depth falls from 4 to 2: disparity doubles, and points move away from the centre by their distance to it.
    x = torch.arange(40.0).expand(1, 1, 10, 40)
    still = torch.zeros_like(x)
    left, right = torch.cat([x - 20.0, still], dim=1), torch.cat([x - 20.0, still], dim=1)
    two, four = torch.full_like(x, 2.0), torch.full_like(x, 4.0)
    astray, inside = loop_error(two, four, left, right)
    assert inside.any()
    assert astray.abs().amax(dim=1, keepdim=True)[inside].max() < 1e-5
    open_loop, _ = loop_error(two, two, left, right)
    assert open_loop[:, :1][inside].unique().tolist() == [-2.0]


def test_the_consensus_and_its_cross_entropy_by_hand():
    rigid = torch.tensor([0.1, 0.3, 0.3]).view(1, 1, 1, 3)
    flow = torch.tensor([0.2, 0.2, 0.2]).view(1, 1, 1, 3)
    apart = torch.tensor([5.0, 5.0, 0.5]).view(1, 1, 1, 3)
    still = consensus(rigid, flow, apart, 1.0)
    assert still.flatten().tolist() == [True, False, True]
    logit = torch.tensor([0.0, math.log(3.0), -math.log(3.0)]).view(1, 1, 1, 3)
    seen = torch.tensor([True, True, True]).view(1, 1, 1, 3)
    wanted = -(math.log(0.5) + math.log(0.25) + math.log(0.25)) / 3
    assert consensus_mask(logit, still, seen).item() == pytest.approx(wanted)
    seen[..., 2] = False
    assert consensus_mask(logit, still, seen).item() == pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2)


def test_what_moves_is_what_both_the_mask_and_the_motions_say():
    logit = torch.tensor([[-1.0, -1.0, 5.0, 0.9], [-1.0, -1.0, 5.0, 0.0]]).view(1, 2, 1, 4)
    apart = torch.tensor([[3.0, 0.5, 3.0, 3.0], [3.0, 1.25, 3.0, 3.0]]).view(1, 2, 1, 4)
    # 0.71 * 0.5 < 0.5: the sources together say that the last pixel moves.
    assert moving_pixels(logit, apart, 1.0).flatten().tolist() == [True, False, False, True]


def test_gradients_agree_with_finite_differences():
    def leaf(values: Tensor) -> Tensor:
        return values[:1].clone().requires_grad_()

    f, b, weight = leaf(FORWARD), leaf(BACKWARD), WEIGHT[:1]
    assert gradcheck(lambda f, b: geometric_consistency(f, b, weight, 0.8, 0.9), (f, b))
    assert gradcheck(lambda f, b: cross_task_consistency(f, b, weight), (f, b))
    d, e = leaf(maps(6, 1, 0.0, 2.0)), leaf(maps(7, 1, 0.0, 2.0))
    assert gradcheck(lambda d, e, f, b: loop_consistency(d, e, f, b, weight), (d, e, f, b))
    assert gradcheck(lambda m, o, f: forward_backward_depth(m, o, f, weight), (d, e, f))
    intrinsics, motion = (each[:1] for each in camera())
    depth = leaf(maps(4, 1, 2.0, 4.0))
    assert gradcheck(lambda z, m: moved_depth(z, intrinsics, m), (depth, motion.clone().requires_grad_()))
    still, seen = maps(8)[:1] > 0.5, WEIGHT[:1] > 0
    assert gradcheck(lambda logit: consensus_mask(logit, still, seen), (leaf(maps(9, 1, -2.0, 2.0)),))
