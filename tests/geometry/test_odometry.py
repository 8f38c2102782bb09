"""The path of a single camera: random points with exact flow, turns alone, and cameras that stand still."""

import itertools

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.odometry import Odometry, projected, triangulated_depth, two_view_motion
from leadline.geometry.trajectory import inverse_poses, rotation_angles_deg, rotation_of_quaternion

CAMERA = Pinhole(300.0, 310.0, 158.0, 121.0, 240, 320)


def pose(x=0.0, y=0.0, z=0.0, turn_deg=0.0) -> np.ndarray:
    found = np.eye(4)
    half = np.radians(turn_deg) / 2
    found[:3, :3] = rotation_of_quaternion(np.array([0.0, np.sin(half), 0.0, np.cos(half)]))
    found[:3, 3] = x, y, z
    return found


def seen(points: np.ndarray, camera_pose: np.ndarray) -> np.ndarray:
    inverse = inverse_poses(camera_pose)
    return projected(points @ inverse[:3, :3].T + inverse[:3, 3], CAMERA)


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform((-3, -2, 4), (3, 2, 12), (800, 3))


def test_turn_direction_and_depth_of_two_views(points: np.ndarray):
    second = pose(0.3, -0.1, 0.4, turn_deg=3.0)
    noise = np.random.default_rng(1).normal(0, 0.1, (800, 2))
    found = two_view_motion(seen(points, np.eye(4)), seen(points, second) + noise, CAMERA)
    true = inverse_poses(second)
    error = found.second_from_first[:3, :3] @ true[:3, :3].T
    assert rotation_angles_deg(error[None])[0] < 0.05
    direction = true[:3, 3] / np.linalg.norm(true[:3, 3])
    assert np.degrees(np.arccos(found.second_from_first[:3, 3] @ direction)) < 1.0
    exact = triangulated_depth(seen(points, np.eye(4)), seen(points, second), true, CAMERA)
    known = np.isfinite(exact)
    assert known.mean() > 0.95
    np.testing.assert_allclose(exact[known], points[known, 2], rtol=1e-6)


def test_a_third_of_wrong_points_changes_nothing(points: np.ndarray):
    second = pose(z=0.5)
    pixels = seen(points, second)
    pixels[::3] += np.random.default_rng(2).uniform(-30, 30, pixels[::3].shape)
    found = two_view_motion(seen(points, np.eye(4)), pixels, CAMERA)
    np.testing.assert_allclose(found.second_from_first[:3, 3], [0, 0, -1], atol=0.01)
    assert found.agreeing / found.looked_at < 0.75


def test_a_camera_that_only_turns_has_no_translation(points: np.ndarray):
    found = two_view_motion(seen(points, np.eye(4)), seen(points, pose(turn_deg=2.0)), CAMERA)
    assert not found.moved
    assert rotation_angles_deg(found.second_from_first[None, :3, :3])[0] == pytest.approx(2.0, abs=0.02)
    assert not two_view_motion(seen(points, np.eye(4)), seen(points, np.eye(4)), CAMERA).moved
    with pytest.raises(InputError, match="at least 50 points that two frames share, got 10"):
        two_view_motion(np.zeros((10, 2)), np.zeros((10, 2)), CAMERA)


def plane_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Flow of two walls that meet in a corner, z = 6 + |x| of the world, from one pose to another."""
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width].astype(float)
    rays = np.stack(
        [(columns - CAMERA.center_x_px) / CAMERA.focal_x_px, (rows - CAMERA.center_y_px) / CAMERA.focal_y_px], -1
    )
    rays = np.concatenate([rays, np.ones((*rows.shape, 1))], -1) @ first[:3, :3].T
    start = first[:3, 3]
    length = np.maximum(*((6 + s * start[0] - start[2]) / (rays[..., 2] - s * rays[..., 0]) for s in (-1.0, 1.0)))
    world = start + rays * length[..., None]
    return (seen(world.reshape(-1, 3), second).reshape(*rows.shape, 2) - np.stack([columns, rows], -1)).astype(
        np.float32
    )


def test_steps_have_their_lengths_in_units_of_the_first():
    path = [pose(), pose(x=0.2), pose(x=0.6), pose(x=0.7, z=0.3), pose(x=0.7, z=0.3, turn_deg=1.0), pose(x=0.9, z=0.3)]
    texture = np.tile(np.arange(0, 240, 12, dtype=np.uint8), (240, 16))
    odometry = Odometry(CAMERA)
    for first, second in itertools.pairwise(path):
        odometry.add(texture, texture, plane_flow(first, second), plane_flow(second, first))
    found = odometry.trajectory().positions
    np.testing.assert_allclose(found[:5], np.array([p[:3, 3] for p in path[:5]]) / 0.2, atol=0.05)
    # One step turned only: after it, the next step's length is taken to be that of the last one that moved.
    assert odometry.still == 1
    assert min(odometry.shares) > 0.9
