"""The exponential of rigid motions against OpenCV, the matrix exponential and finite differences."""

import cv2
import numpy as np
import pytest
import torch

from leadline.ops import inverse_motion, rigid_flow, se3_exponential, warp_by_depth

ANGLES = (0.0, 1e-12, 1e-5, 0.1, 0.4999, 0.5001, 1.0, 3.0, np.pi, 6.0)


def twists(angle: float, count: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    axis = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator, dtype=torch.float64), dim=1)
    velocity = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return torch.cat([velocity, angle * axis], dim=1)


@pytest.mark.parametrize("angle", ANGLES)
def test_it_is_opencvs_rotation_and_the_matrix_exponential(angle):
    twist = twists(angle)
    found = se3_exponential(twist)
    for number, values in enumerate(twist.numpy()):
        np.testing.assert_allclose(found[number, :3, :3], cv2.Rodrigues(values[3:])[0], atol=1e-14)
        x, y, z = values[3:]
        generator = np.zeros((4, 4))
        generator[:3, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        generator[:3, 3] = values[:3]
        torch.testing.assert_close(found[number], torch.matrix_exp(torch.tensor(generator)), atol=1e-13, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 0.5, 2.0])
def test_its_derivatives_are_exact_at_every_angle(angle):
    twist = twists(angle, 2).requires_grad_()
    assert torch.autograd.gradcheck(se3_exponential, (twist,))
    assert torch.autograd.gradgradcheck(se3_exponential, (twist,))


def test_its_derivative_at_zero_is_the_generators():
    jacobian = torch.autograd.functional.jacobian(se3_exponential, torch.zeros(6, dtype=torch.float64))
    wanted = torch.zeros(4, 4, 6, dtype=torch.float64)
    wanted[[0, 1, 2], 3, [0, 1, 2]] = 1.0
    for axis, (row, column) in enumerate([(2, 1), (0, 2), (1, 0)]):
        wanted[row, column, 3 + axis], wanted[column, row, 3 + axis] = 1.0, -1.0
    torch.testing.assert_close(jacobian, wanted, atol=0, rtol=0)


def test_the_way_back_is_the_inverse_and_half_precision_is_widened():
    motion = se3_exponential(twists(1.3))
    torch.testing.assert_close(inverse_motion(motion), motion.inverse())
    torch.testing.assert_close(inverse_motion(motion), se3_exponential(-twists(1.3)))
    assert se3_exponential(torch.zeros(6, dtype=torch.float16)).dtype == torch.float32


def reference_flow(depth: np.ndarray, camera: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The flow of a still scene, pixel by pixel in numpy."""
    flow = np.zeros((2, *depth.shape))
    for y, x in np.ndindex(depth.shape):
        point = depth[y, x] * np.array([(x - camera[0, 2]) / camera[0, 0], (y - camera[1, 2]) / camera[1, 1], 1.0])
        moved = motion[:3, :3] @ point + motion[:3, 3]
        flow[:, y, x] = camera[:2, :2] @ (moved[:2] / moved[2]) + camera[:2, 2] - (x, y)
    return flow


def test_rigid_flow_and_the_warp_are_those_of_a_reference_in_numpy():
    rng = np.random.default_rng(4)
    depth, image = rng.uniform(2.0, 5.0, (6, 9)), rng.random((2, 6, 9))
    camera = np.array([[11.0, 0.0, 4.3], [0.0, 9.0, 2.2], [0.0, 0.0, 1.0]])
    motion = se3_exponential(torch.tensor([0.3, -0.2, 0.15, 0.05, -0.1, 0.2], dtype=torch.float64))
    wanted = reference_flow(depth, camera, motion.numpy())
    arguments = (torch.tensor(depth)[None, None], torch.tensor(camera)[None], motion[None])
    flow, in_front = rigid_flow(*arguments)
    np.testing.assert_allclose(flow[0], wanted, atol=1e-12)
    assert in_front.all()
    warped, seen = warp_by_depth(torch.tensor(image)[None], *arguments)
    for y, x in np.ndindex(depth.shape):
        u, v = x + wanted[0, y, x], y + wanted[1, y, x]
        assert bool(seen[0, 0, y, x]) == (-0.5 <= u <= 8.5 and -0.5 <= v <= 5.5)
        u, v = np.clip(u, 0, 8), np.clip(v, 0, 5)
        left, top = min(int(u), 7), min(int(v), 4)
        window, across, down = image[:, top : top + 2, left : left + 2], u - left, v - top
        value = np.einsum("cij,i,j->c", window, [1 - down, down], [1 - across, across])
        np.testing.assert_allclose(warped[0, :, y, x], value, atol=1e-12)
