"""Errors of trajectories: values derived by hand, and invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.errors import InputError
from leadline.geometry.trajectory import Trajectory, inverse_poses, rotation_angles_deg, rotation_of_quaternion
from leadline.metrics.pose import (
    PoseAlignment,
    absolute_errors_m,
    align_poses,
    constant_velocity,
    match_trajectories,
    relative_errors,
    snippet_errors_m,
)


def turn(axis: int, degrees: float) -> np.ndarray:
    quaternion = np.zeros(4)
    quaternion[axis], quaternion[3] = np.sin(np.radians(degrees) / 2), np.cos(np.radians(degrees) / 2)
    return rotation_of_quaternion(quaternion)


def walk(seed: int, count: int = 12) -> np.ndarray:
    """A smooth random walk that turns."""
    rng = np.random.default_rng(seed)
    poses = [np.eye(4)]
    for _ in range(count - 1):
        step = np.eye(4)
        step[:3, :3] = turn(int(rng.integers(3)), rng.normal(0, 5))
        step[:3, 3] = rng.normal(0, 0.2, 3) + np.array([0.0, 0.0, 1.0])
        poses.append(poses[-1] @ step)
    return np.stack(poses)


def straight(*z: float) -> np.ndarray:
    poses = np.tile(np.eye(4), (len(z), 1, 1))
    poses[:, 2, 3] = z
    return poses


@given(st.integers(0, 1000), st.floats(0.1, 10.0), st.floats(-170, 170), st.integers(0, 2))
def test_a_similarity_is_found_and_undone(seed: int, scale: float, degrees: float, axis: int):
    truth = walk(seed)
    elsewhere = PoseAlignment(scale, turn(axis, degrees), np.array([3.0, -2.0, 7.0])).apply(truth)
    found = align_poses(elsewhere, truth, "sim3")
    assert found.scale == pytest.approx(1 / scale, rel=1e-6)
    aligned = found.apply(elsewhere)
    np.testing.assert_allclose(aligned, truth, atol=1e-6)
    assert absolute_errors_m(aligned, truth).max() < 1e-6
    errors = relative_errors(aligned, truth, 3)
    assert max(errors.translation_m.max(), errors.rotation_deg.max()) < 1e-5
    assert snippet_errors_m(elsewhere, truth).max() < 1e-6


def test_se3_keeps_the_scale():
    truth = walk(0)
    twice = PoseAlignment(2.0, np.eye(3), np.zeros(3)).apply(truth)
    assert align_poses(twice, truth, "se3").scale == 1.0
    assert absolute_errors_m(align_poses(twice, truth, "se3").apply(twice), truth).max() > 1.0


def test_a_mirrored_path_is_not_mirrored_back():
    truth = walk(1)
    mirrored = truth.copy()
    mirrored[:, 0, 3] *= -1
    assert np.linalg.det(align_poses(mirrored, truth, "sim3").rotation) == pytest.approx(1.0)


def test_alignment_by_scale_lays_the_first_poses_upon_each_other():
    truth = walk(2)
    other = PoseAlignment(0.5, turn(1, 30), np.array([1.0, 2.0, 3.0])).apply(truth)
    np.testing.assert_allclose(align_poses(other, truth, "scale").apply(other), truth, atol=1e-9)


def test_a_mirror_costs_what_it_costs_by_hand():
    """Points at +-3, +-2 and +-1 on the axes against the same with z mirrored.

    Of all turns none is best; the scale is (9 + 4 - 1) / 14 = 6/7. Squared errors: (3/7)^2, (2/7)^2 and (6/7 + 1)^2.
    """
    truth, mirrored = np.tile(np.eye(4), (6, 1, 1)), np.tile(np.eye(4), (6, 1, 1))
    truth[:, :3, 3] = np.concatenate([np.diag([3.0, 2.0, 1.0]), -np.diag([3.0, 2.0, 1.0])])
    mirrored[:, :3, 3] = truth[:, :3, 3] * (1.0, 1.0, -1.0)
    found = align_poses(mirrored, truth, "sim3")
    assert found.scale == pytest.approx(6 / 7)
    np.testing.assert_allclose(found.rotation, np.eye(3), atol=1e-12)
    errors = absolute_errors_m(found.apply(mirrored), truth)
    np.testing.assert_allclose(errors, [3 / 7, 2 / 7, 13 / 7] * 2)


@pytest.mark.parametrize("kind", ["sim3", "se3"])
def test_a_straight_path_has_rank_one_and_an_exact_alignment(kind):
    scale = 0.5 if kind == "sim3" else 1.0
    truth = straight(0, 1, 2, 3)
    elsewhere = PoseAlignment(scale, turn(1, 90), np.array([5.0, 0.0, 0.0])).apply(truth)
    found = align_poses(elsewhere, truth, kind)
    assert found.scale == pytest.approx(1 / scale)
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(absolute_errors_m(found.apply(elsewhere), truth), 0.0, atol=1e-9)
    # Steps 1, 1, 1 against 1, 2, 1 m, about their means: -1.5 -0.5 0.5 1.5 and -2 -1 1 2, scale 7 / 5.
    other = straight(0, 1, 3, 4)
    errors = absolute_errors_m(align_poses(truth, other, kind).apply(truth), other)
    np.testing.assert_allclose(errors, [0.1, 0.3, 0.3, 0.1] if kind == "sim3" else [0.5] * 4, atol=1e-9)


def test_a_path_that_runs_backwards_is_not_made_right_by_a_negative_scale():
    truth, backwards = straight(0, 1, 2), straight(0, -1, -2)
    found = align_poses(backwards, truth, "scale")
    assert found.scale == 0.0
    np.testing.assert_allclose(absolute_errors_m(found.apply(backwards), truth), [0, 1, 2])
    # A turn by 180 degrees lays it upon the truth: its motions are still wrong, by 2 m a step.
    turned = align_poses(backwards, truth, "sim3").apply(backwards)
    np.testing.assert_allclose(absolute_errors_m(turned, truth), 0.0, atol=1e-9)
    np.testing.assert_allclose(relative_errors(turned, truth).translation_m, 2.0)


def test_errors_by_hand():
    truth, found = straight(0, 1, 2, 3), straight(0, 1.5, 2, 3)
    np.testing.assert_allclose(absolute_errors_m(found, truth), [0, 0.5, 0, 0])
    np.testing.assert_allclose(relative_errors(found, truth).translation_m, [0.5, 0.5, 0])
    found[2:, :3, :3] = turn(1, 10)
    np.testing.assert_allclose(relative_errors(found, truth).rotation_deg, [0, 10, 0], atol=1e-9)


def test_snippets_have_the_published_definition():
    # Scale by least squares: (1*1 + 2*3) / (1 + 9) = 0.7; errors 0.3 and 0.1; root of 0.1 over three frames.
    error = snippet_errors_m(straight(0, 1, 3), straight(0, 1, 2), frames=3)
    np.testing.assert_allclose(error, [np.sqrt(0.09 + 0.01) / 3])
    still = snippet_errors_m(straight(0, 0, 0), straight(0, 1, 2), frames=3)
    np.testing.assert_allclose(still, [np.sqrt(5) / 3])


def test_constant_velocity_repeats_the_first_motion():
    np.testing.assert_allclose(constant_velocity(straight(5, 6, 8))[:, 2, 3], [5, 6, 7])


@given(st.floats(1e-7, 180))
def test_angles_are_exact_for_small_and_large_rotations(degrees: float):
    assert rotation_angles_deg(turn(0, degrees)[None])[0] == pytest.approx(degrees, rel=1e-6)


def test_inverse_poses():
    poses = walk(3)
    np.testing.assert_allclose(inverse_poses(poses) @ poses, np.tile(np.eye(4), (len(poses), 1, 1)), atol=1e-12)


def test_a_camera_that_stands_still_has_no_scale():
    with pytest.raises(InputError, match="standing still"):
        align_poses(straight(1, 1, 1), straight(0, 1, 2), "sim3")
    for kind in ("sim3", "scale"):
        with pytest.raises(InputError, match="got the truth standing still"):
            align_poses(straight(0, 1, 2), straight(1, 1, 1), kind)
    with pytest.raises(InputError, match="at least 3 poses to align by se3, got 2"):
        align_poses(straight(0, 1), straight(0, 1), "se3")


def test_each_pose_has_one_partner_in_time():
    poses = straight(0, 1, 2, 3)
    truth = Trajectory(poses, np.array([0.0, 0.01, 0.02, 0.03]))
    found, wanted, notes = match_trajectories(Trajectory(poses[:2], np.array([0.011, 0.5])), truth)
    assert (found[:, 2, 3].tolist(), wanted[:, 2, 3].tolist()) == ([0.0], [1.0])
    assert notes == ("3 of 4 true poses have no estimate within 0.02 s",)
    with pytest.raises(InputError, match=r"runs from 100\.000 to 103\.000 s"):
        match_trajectories(Trajectory(poses, np.arange(100.0, 104.0)), truth)
    with pytest.raises(InputError, match="got 3 and 4"):
        match_trajectories(Trajectory(poses[:3]), truth)
