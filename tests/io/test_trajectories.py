"""Trajectories written and read in TUM's and KITTI's forms, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.errors import InputError
from leadline.geometry.trajectory import Trajectory, quaternion_of_rotation, rotation_of_quaternion
from leadline.io.trajectories import read_trajectory, write_kitti, write_tum


def some() -> Trajectory:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[1, :3, :3] = rotation_of_quaternion(np.array([0.1, -0.2, 0.3, 0.9]))
    poses[:, :3, 3] = [[0, 0, 0], [1.25, -0.5, 2], [3, 0, 4]]
    return Trajectory(poses, np.array([1.5, 1.6, 1.75]))


def test_both_forms_come_back(tmp_path: Path):
    write_tum(tmp_path / "tum.txt", some())
    write_kitti(tmp_path / "kitti.txt", some())
    tum, kitti = read_trajectory(tmp_path / "tum.txt"), read_trajectory(tmp_path / "kitti.txt")
    np.testing.assert_allclose(tum.poses, some().poses, atol=1e-8)
    np.testing.assert_allclose(kitti.poses, some().poses, atol=1e-8)
    assert tum.times_s is not None
    assert tum.times_s.tolist() == [1.5, 1.6, 1.75]
    assert kitti.times_s is None


def test_a_folder_of_matrices_in_natural_order(tmp_path: Path):
    for name, z in (("10", 2.0), ("9", 1.0)):
        pose = np.eye(4)
        pose[2, 3] = z
        np.savetxt(tmp_path / f"{name}.txt", pose)
    assert read_trajectory(tmp_path).positions[:, 2].tolist() == [1.0, 2.0]


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: sum(v * v for v in q) > 0.01))
def test_quaternions_and_rotations_agree(values: list[float]):
    quaternion = np.array(values) / np.linalg.norm(values)
    rotation = rotation_of_quaternion(quaternion)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    back = quaternion_of_rotation(rotation)
    assert abs(float(back @ quaternion)) == pytest.approx(1.0, abs=1e-9)
    # The formula of the matrix, entry by entry.
    x, y, z, w = quaternion
    by_hand = [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)]
    np.testing.assert_allclose(rotation[0], by_hand, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# no pose\n", "got none"),
        ("1 2 3\n", "got 3 in"),
        ("0 0 0 0 0 0 0 1\n1 0 0 1 0 1 0 0 0 0 1 0\n", "got 8 and 12 in"),
        ("0 0 0 0 0 0 0 0\n", "quaternion x y z w of a length above 0"),
        ("1 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 1\n", "times that increase"),
        ("2 0 0 0 0 2 0 0 0 0 2 0\n", "off orthonormal at pose 0"),
        ("-1 0 0 0 0 1 0 0 0 0 1 0\n", "a mirror image at pose 0"),
        ("nan 0 0 0 0 1 0 0 0 0 1 0\n", "finite"),
    ],
)
def test_what_is_no_trajectory_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_trajectory(tmp_path / "t.txt")


def test_real_poses_are_read(real_dir: Path):
    clip = read_trajectory(real_dir / "video" / "kitti_odometry_a" / "poses.txt")
    # 51 frames at 10 Hz of a car in a street.
    assert len(clip) == 51
    assert 20 < clip.length_m < 100
    assert len(read_trajectory(real_dir / "video" / "shelf_rgbd" / "poses")) == 30
