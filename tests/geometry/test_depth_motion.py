"""The motion of a camera from depth and flow, and where it takes points."""

import numpy as np
import pytest

from leadline.geometry.depth_motion import FEWEST_PIXELS, depth_ratio, motion_of_flow, rays, seen_at

HEIGHT, WIDTH, FOCAL_PX = 48, 64, 55.0
CAMERA = rays(HEIGHT, WIDTH, FOCAL_PX)


def scene() -> np.ndarray:
    """Inverse depth of a wall with relief."""
    return np.random.default_rng(0).uniform(0.2, 1.0, (HEIGHT, WIDTH)).astype(np.float32)


def motion(turn_rad: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    x, y, z = turn_rad
    found = np.eye(4)
    # To first order in the angles, which are small.
    found[:3, :3] += np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    found[:3, 3] = shift
    return found


def flow_of(inverse: np.ndarray, move: np.ndarray) -> np.ndarray:
    """By the projection of each point, point by point."""
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            at = np.array([(column - 31.5) / FOCAL_PX, (row - 23.5) / FOCAL_PX, 1.0]) / inverse[row, column]
            x, y, z = move[:3, :3] @ at + move[:3, 3]
            flow[row, column] = FOCAL_PX * x / z + 31.5 - column, FOCAL_PX * y / z + 23.5 - row
    return flow


def test_turn_and_shift_are_found_and_what_moves_by_itself_is_left_out():
    inverse, move = scene(), motion((0.004, -0.006, 0.003), (0.02, -0.01, -0.03))
    flow = flow_of(inverse, move)
    flow[10:20, 10:25] += 6.0
    found = motion_of_flow(inverse, flow, np.ones((HEIGHT, WIDTH), np.float32), CAMERA)
    assert found is not None
    # The flow is linear in the motion to first order: of motions of 0.03, 0.001 is left.
    np.testing.assert_allclose(found, move, atol=1.5e-3)


def test_points_are_seen_where_projection_puts_them():
    inverse, move = scene(), motion((0.01, 0.02, -0.01), (0.1, 0.0, 0.2))
    x, y, ratio = seen_at(inverse, move, CAMERA)
    flow = flow_of(inverse, move)
    np.testing.assert_allclose(x - np.arange(WIDTH), flow[..., 0], atol=1e-3)
    np.testing.assert_allclose(y - np.arange(HEIGHT)[:, None], flow[..., 1], atol=1e-3)
    # And back again: to where they were, at the depth that they had. The inverse of a motion that is one to first order
    # only is taken as it is.
    back = depth_ratio(inverse / ratio, x, y, np.linalg.inv(move), CAMERA)
    np.testing.assert_allclose(back * ratio, 1.0, atol=1e-5)


@pytest.mark.parametrize("count", [0, FEWEST_PIXELS - 1])
def test_too_few_pixels_tell_no_motion(count: int):
    weight = np.zeros((HEIGHT, WIDTH), np.float32)
    weight.ravel()[:count] = 1.0
    assert motion_of_flow(scene(), np.zeros((HEIGHT, WIDTH, 2), np.float32), weight, CAMERA) is None
