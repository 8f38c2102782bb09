"""Warps by flow and by depth on positions that one can say beforehand."""

import pytest
import torch

from leadline.ops import rigid_flow, warp_by_depth, warp_by_flow


def ramp(height: int = 5, width: int = 8) -> torch.Tensor:
    """An image whose channels are x and y: a bilinear warp shows where it read."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    return torch.stack([x, y]).unsqueeze(0)


def camera() -> torch.Tensor:
    return torch.tensor([[[10.0, 0.0, 3.2], [0.0, 12.0, 1.7], [0.0, 0.0, 1.0]]], dtype=torch.float64)


def test_no_flow_is_the_identity_to_the_border():
    warped, inside = warp_by_flow(ramp(), torch.zeros(1, 2, 5, 8, dtype=torch.float64))
    torch.testing.assert_close(warped, ramp())
    assert inside.all()


def test_warp_reads_at_the_flow_and_says_what_lies_outside():
    flow = torch.tensor([1.25, -0.75], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, 5, 8)
    warped, inside = warp_by_flow(ramp(), flow)
    torch.testing.assert_close(warped[..., 1:, :6], (ramp() + flow)[..., 1:, :6])
    assert not inside[..., 7].any()
    assert not inside[:, :, 0].any()
    assert inside.sum() == 4 * 7  # what is read up to half a pixel beyond the last centre is inside


def test_positions_are_not_rounded_to_half_precision():
    image = torch.arange(2048.0).div(2048).expand(1, 1, 1, -1).half()
    warped, _ = warp_by_flow(image, torch.full((1, 2, 1, 2048), 0.0, dtype=torch.float16))
    assert warped.dtype == torch.float16
    torch.testing.assert_close(warped, image, atol=1e-3, rtol=0)


def test_sideways_motion_is_disparity():
    # f b / Z = 10 * 0.4 / 2 = 2 px to the left.
    motion = torch.eye(4, dtype=torch.float64).unsqueeze(0)
    motion[0, 0, 3] = -0.4
    flow, in_front = rigid_flow(torch.full((1, 1, 5, 8), 2.0, dtype=torch.float64), camera(), motion)
    torch.testing.assert_close(flow[:, 0], torch.full((1, 5, 8), -2.0).double())
    torch.testing.assert_close(flow[:, 1], torch.zeros(1, 5, 8).double(), atol=1e-12, rtol=0)
    assert in_front.all()


def test_no_motion_is_the_identity_and_points_behind_the_camera_are_invisible():
    depth = torch.full((1, 1, 5, 8), 2.0, dtype=torch.float64)
    motion = torch.eye(4, dtype=torch.float64).unsqueeze(0)
    warped, seen = warp_by_depth(ramp(), depth, camera(), motion)
    torch.testing.assert_close(warped, ramp())
    assert seen.all()
    motion[0, 2, 3] = -3.0
    warped, seen = warp_by_depth(ramp(), depth, camera(), motion)
    assert not seen.any()
    assert warped.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_motion_along_the_axis_magnifies_about_the_principal_point(dtype):
    motion = torch.eye(4, dtype=dtype).unsqueeze(0)
    motion[0, 2, 3] = -1.0  # Z falls from 2 to 1: offsets from the centre double.
    flow, _ = rigid_flow(torch.full((1, 1, 5, 8), 2.0, dtype=dtype), camera().to(dtype), motion)
    centre = torch.tensor([3.2, 1.7], dtype=dtype).view(1, 2, 1, 1)
    torch.testing.assert_close(flow, ramp().to(dtype) - centre)


def test_gradients_agree_with_finite_differences():
    source = ramp(3, 4).requires_grad_()
    flow = torch.full((1, 2, 3, 4), 0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, f: warp_by_flow(s, f)[0], (source, flow))
    depth = torch.full((1, 1, 3, 4), 2.0, dtype=torch.float64, requires_grad=True)
    motion = torch.eye(4, dtype=torch.float64).unsqueeze(0)
    motion[0, :3, 3] = torch.tensor([0.1, 0.05, -0.2])
    motion.requires_grad_()
    assert torch.autograd.gradcheck(lambda d, m: rigid_flow(d, camera(), m)[0], (depth, motion))
