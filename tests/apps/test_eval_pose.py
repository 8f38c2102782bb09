"""`leadline eval pose`: numbers derived by hand, and files that do not belong together."""

import json

import numpy as np
import pytest

from leadline.geometry.trajectory import Trajectory
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
