"""`leadline track-camera`: a camera that moves along a textured wall, with one view and with two."""

import json

import cv2
import numpy as np
import pytest

from leadline.io.trajectories import read_trajectory

FOCAL_PX, DEPTH_M, STEP_M, BASELINE_M, COUNT = 120.0, 3.0, 0.1, 0.25, 4


@pytest.fixture(scope="module")
def texture():
    noise = np.random.default_rng(0).normal(size=(160, 320, 3))
    smooth = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in (1.5, 4.0))
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def view(texture, x_m):
    """A wall at 3 m on the left half and 2 m on the right half of the texture: 4 and 6 px a step."""
    far = texture[:, :160].copy()
    near = texture[:, 160:]
    shift = round(x_m * FOCAL_PX / DEPTH_M), round(x_m * FOCAL_PX / 2.0)
    image = np.concatenate([np.roll(far, -shift[0], axis=1), np.roll(near, -shift[1], axis=1)])
    return np.ascontiguousarray(image[:, :140])


@pytest.fixture
def clip(tmp_path, texture, write_image):
    for index in range(COUNT):
        write_image(tmp_path / "left" / f"{index}.png", view(texture, index * STEP_M))
        write_image(tmp_path / "right" / f"{index}.png", view(texture, index * STEP_M + BASELINE_M))
    return tmp_path


def test_one_view_gives_a_path_in_steps(leadline, clip):
    words = ("track-camera", clip / "left", "--focal-px", FOCAL_PX, "--fps", "10", "--output", clip / "out")
    done = leadline(*words)
    assert done.code == 0, done.err
    found = read_trajectory(clip / "out" / "trajectory_tum.txt")
    np.testing.assert_allclose(found.positions, [[n, 0, 0] for n in range(COUNT)], atol=0.15)
    assert found.times_s is not None
    assert found.times_s.tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert "unknown" in json.loads((clip / "out" / "summary.json").read_text())["scale"]
    np.testing.assert_allclose(read_trajectory(clip / "out" / "trajectory_kitti.txt").poses, found.poses, atol=1e-6)
    assert leadline(*words).code == 2  # results exist


def test_two_views_give_metres(leadline, clip):
    cameras = ("--focal-px", FOCAL_PX, "--baseline-m", BASELINE_M, "--model", "sgbm")
    done = leadline("track-camera", clip / "left", clip / "right", *cameras, "--output", clip / "out")
    assert done.code == 0, done.err
    found = read_trajectory(clip / "out" / "trajectory_kitti.txt")
    np.testing.assert_allclose(found.positions[:, 0], np.arange(COUNT) * STEP_M, rtol=0.03, atol=2e-3)
    assert json.loads((clip / "out" / "summary.json").read_text())["scale"] == "metres"


def test_an_unknown_camera_and_a_still_one_are_told_of(leadline, clip, texture, write_image):
    done = leadline("track-camera", clip / "left", "--output", clip / "out")
    assert (done.code, "60 degrees across the width is taken" in done.err) == (0, True)
    for index in range(3):
        write_image(clip / "still" / f"{index}.png", view(texture, 0.0))
    done = leadline("track-camera", clip / "still", "--fov", "60", "--output", clip / "s")
    assert done.code == 0, done.err
    assert "it never moved" in done.err
    assert read_trajectory(clip / "s" / "trajectory_tum.txt").length_m == 0.0


@pytest.mark.parametrize("views", [("left",), ("left", "right")])
def test_the_threads_are_those_asked_for(leadline, clip, monkeypatch, views):
    given = []
    monkeypatch.setattr(cv2, "setNumThreads", given.append)
    words = ("track-camera", *(clip / view for view in views), "--focal-px", FOCAL_PX, "--flow-model", "dis")
    words += ("--model", "sgbm", "--baseline-m", BASELINE_M) if len(views) == 2 else ()
    done = leadline(*words, "--threads", "1000000", "--output", clip / "a")
    assert (done.code, "expected at most" in done.one_line) == (2, True)
    assert leadline(*words, "--threads", "3", "--output", clip / "a").code == 0
    assert given == [3] * len(views)


def test_what_has_no_path_is_refused(leadline, clip, write_image):
    done = leadline("track-camera", str(clip / "left" / "0*.png"), "--fov", "60", "--output", clip / "a")
    assert (done.code, "at least two frames" in done.one_line) == (2, True)
    done = leadline("track-camera", clip / "left", clip / "right", "--output", clip / "a")
    assert (done.code, "expected the cameras" in done.one_line) == (2, True)
    done = leadline("track-camera", clip / "left", "--model", "sgbm", "--fov", "60", "--output", clip / "a")
    assert (done.code, "no stereo model for one view, got sgbm" in done.one_line) == (2, True)
    write_image(clip / "left" / "2.png", np.full((320, 140, 3), 90, np.uint8))
    done = leadline("track-camera", clip / "left", "--fov", "60", "--output", clip / "a")
    assert done.code == 2
    assert "(1 and 2)" in done.err.splitlines()[-1]
    assert not (clip / "a").exists()
