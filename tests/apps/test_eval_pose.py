"""`leadline eval pose`: numbers derived by hand, and files that do not belong together."""

import json

import cv2
import numpy as np
import pytest

from leadline.geometry.trajectory import Trajectory, inverse_poses, quaternion_of_rotation
from leadline.io.trajectories import write_kitti, write_tum


@pytest.fixture
def files(tmp_path):
    """A path in the shape of a staircase; an estimate of half its size, in TUM's form; and the truth, in KITTI's."""
    poses = np.tile(np.eye(4), (8, 1, 1))
    poses[:, 0, 3], poses[:, 2, 3] = np.arange(8) // 2, np.arange(1, 9) // 2
    half = poses.copy()
    half[:, :3, 3] /= 2
    write_kitti(tmp_path / "truth.txt", Trajectory(poses))
    write_tum(tmp_path / "half.txt", Trajectory(half, np.arange(8) / 10))
    return tmp_path


def scores(done, path):
    assert done.code == 0, done.err
    return {row["metric"]: row["value"] for row in json.loads(path.read_text())["scores"]}


def test_the_scale_is_found_only_where_it_may_be(leadline, files):
    words = ("eval", "pose", files / "half.txt", "--truth", files / "truth.txt", "--json", files / "r.json")
    found = scores(leadline(*words), files / "r.json")
    assert found["scale"] == pytest.approx(2.0)
    assert max(found["ATE"], found["RPE translation"], found["snippet ATE"]) < 1e-6
    # Unscaled, every step of 1 m is half a metre short.
    found = scores(leadline(*words, "--align", "se3"), files / "r.json")
    assert (found["scale"], found["RPE translation"]) == pytest.approx((1.0, 0.5))
    assert found["snippet ATE"] < 1e-6


def test_what_does_not_belong_together_is_refused(leadline, files):
    (files / "short.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    done = leadline("eval", "pose", files / "short.txt", "--truth", files / "truth.txt")
    assert (done.code, "as many estimated as true poses" in done.one_line) == (2, True)
    done = leadline("eval", "pose", files / "half.txt", "--truth", files / "absent.txt")
    assert (done.code, "absent.txt" in done.one_line) == (2, True)


def turning(count=9):
    """A camera that goes forward and turns about all axes, 2 to 4 degrees a frame."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    for index in range(1, count):
        step = np.eye(4)
        step[:3, :3] = cv2.Rodrigues(np.deg2rad([2.0, 3.0 + 0.2 * index, 1.0]))[0]
        step[:3, 3] = (0.1, 0.02 * index, 1.0)
        poses[index] = poses[index - 1] @ step
    return poses


def tum_line(time, pose, w_first=False):
    x, y, z, w = quaternion_of_rotation(pose[:3, :3])
    turn = (w, x, y, z) if w_first else (x, y, z, w)
    return " ".join(map(str, (time, *pose[:3, 3], *turn)))


@pytest.mark.parametrize(
    ("heading", "w_first", "unit", "told"),
    [
        ("", False, 1.0, ""),
        ("# timestamp tx ty tz qx qy qz qw", False, 1.0, ""),
        ("# timestamp tx ty tz qw qx qy qz", True, 1.0, "quaternions w x y z"),
        ("#timestamp, p_RS_R_x [m], p_y, p_z, q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z []", True, 1e9, "nanoseconds"),
        ("", False, 1e3, "milliseconds"),
        ("", False, 1e6, "microseconds"),
    ],
)
def test_orders_and_times_that_a_file_says(leadline, tmp_path, heading, w_first, unit, told):
    poses = turning()
    write_tum(tmp_path / "truth.txt", Trajectory(poses, 1.4e9 + np.arange(9) / 10))
    lines = [tum_line(f"{(1.4e9 + n / 10) * unit:.3f}", pose, w_first) for n, pose in enumerate(poses)]
    (tmp_path / "found.txt").write_text("\n".join([heading, *lines]) + "\n")
    done = leadline("eval", "pose", tmp_path / "found.txt", "--truth", tmp_path / "truth.txt", "--json", tmp_path / "r")
    found = scores(done, tmp_path / "r")
    assert max(found["ATE"], found["RPE rotation"]) < 1e-4
    assert told in done.err
    assert "warning" not in done.err


def test_euroc_and_colmap_are_read_as_they_are(leadline, tmp_path):
    poses = turning()
    write_kitti(tmp_path / "truth.txt", Trajectory(poses))
    rows = [f"{n * 50_000_000 + 10**18}," + tum_line("", pose, True).strip().replace(" ", ",") + ",0" * 9
            for n, pose in enumerate(poses)]  # fmt: skip
    heading = "#timestamp [ns],p_x [m],p_y,p_z,q_RS_w [],q_RS_x [],q_y,q_z,v\n"
    (tmp_path / "data.csv").write_text(heading + "\n".join(rows))
    lines = ["# Image list with two lines of data per image:"]
    lines += ["#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME"]
    for number in reversed(range(9)):
        inverse = inverse_poses(poses[number])
        x, y, z, w = quaternion_of_rotation(inverse[:3, :3])
        lines += [" ".join(map(str, (9 - number, w, x, y, z, *inverse[:3, 3], 1, f"frame{number + 5}.png"))), ""]
    (tmp_path / "images.txt").write_text("\n".join(lines) + "\n")
    for name, told in (("data.csv", "nanoseconds"), ("images.txt", "world to the camera: turned round")):
        words = ("eval", "pose", tmp_path / name, "--truth", tmp_path / "truth.txt", "--json", tmp_path / "r")
        done = leadline(*words, "--align", "none")
        found = scores(done, tmp_path / "r")
        assert max(found["ATE"], found["RPE rotation"]) < 1e-5
        assert told in done.err


@pytest.mark.parametrize("which", ["estimate", "truth"])
@pytest.mark.parametrize(
    ("form", "words"), [("inverse", "were world to camera: invert"), ("order", "had quaternions w x y z: put w last")]
)
def test_poses_read_the_wrong_way_are_told_of(leadline, tmp_path, which, form, words):
    poses = turning()
    times = np.arange(9) / 10
    write_tum(tmp_path / "right.txt", Trajectory(poses, times))
    if form == "inverse":
        write_tum(tmp_path / "wrong.txt", Trajectory(inverse_poses(poses), times))
    else:
        lines = [tum_line(time, pose, True) for time, pose in zip(times, poses, strict=True)]
        (tmp_path / "wrong.txt").write_text("\n".join(lines))
    found, truth = ("wrong", "right") if which == "estimate" else ("right", "wrong")
    done = leadline("eval", "pose", tmp_path / f"{found}.txt", "--truth", tmp_path / f"{truth}.txt")
    assert done.code == 0
    whose = {"inverse": "one of the two", "estimate": "the estimate", "truth": "the true poses"}
    words = f"{whose['inverse' if form == 'inverse' else which]} {words}"
    assert any(line.startswith("warning") and words in line for line in done.err.splitlines())
