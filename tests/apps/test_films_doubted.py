"""Views in the wrong order, of two moments or of two scenes: told by every command that takes them."""

import json

import cv2
import numpy as np
import pytest

CAMERAS = ("--model", "sgbm", "--fov", "60", "--baseline-m", "0.1")


@pytest.fixture
def places(tmp_path, write_image):
    """Two views 7 px apart at two times, 3 px right and 2 px down between them."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(130, 240, 3)), (0, 0), 2)
    texture = (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    for time in (0, 1):
        for side, shift in (("l", 0), ("r", 7)):
            view = texture[2 * time : 2 * time + 120, 3 * time + shift : 3 * time + shift + 160]
            write_image(tmp_path / side / f"{time}.png", view)
    other = cv2.GaussianBlur(np.random.default_rng(1).normal(size=(120, 160, 3)), (0, 0), 2)
    write_image(tmp_path / "other.png", (255 * (other - other.min()) / np.ptp(other)).astype(np.uint8))
    return tmp_path


def warned(done):
    return [line for line in done.err.splitlines() if line.lower().startswith("warning")]


def notes(folder):
    return " ".join(json.loads((folder / "summary.json").read_text())["notes"])


def words_of(command, places, left, right):
    if command == "scene-flow":
        return (*(places / side / f"{time}.png" for time in (0, 1) for side in (left, right)), *CAMERAS)
    return (places / left, places / right, *(CAMERAS if command == "track-camera" else CAMERAS[:2]))


@pytest.mark.parametrize("command", ["scene-flow", "track-camera", "video"])
def test_swapped_views_are_told_of_without_options_that_are_not_there(leadline, places, command):
    done = leadline(command, *words_of(command, places, "l", "r"), "--output", places / "fine")
    assert (done.code, warned(done)) == (0, [])
    done = leadline(command, *words_of(command, places, "r", "l"), "--output", places / "out")
    lines = done.err.splitlines()
    assert any("THE VIEWS SEEM SWAPPED" in line and "give the left view first" in line for line in lines), done.err
    assert "--swap" not in done.err
    # Without any sure pixel there is no motion at all, and the error says why.
    assert "SWAPPED" in notes(places / "out") if done.code == 0 else command != "video"


def test_frames_in_the_order_of_time_are_no_pairs(leadline, places):
    """LEFT0 LEFT1 RIGHT0 RIGHT1 in place of LEFT0 RIGHT0 LEFT1 RIGHT1."""
    views = (places / side / f"{time}.png" for side in "lr" for time in (0, 1))
    done = leadline("scene-flow", *views, *CAMERAS, "--output", places / "out")
    assert done.code == 0
    assert any("not rectified" in line and "(pair 0)" in line for line in warned(done))


def test_a_motion_that_most_of_the_scene_contradicts(leadline, places):
    left, right = places / "l" / "0.png", places / "r" / "0.png"
    done = leadline("scene-flow", left, right, right, left, *CAMERAS, "--output", places / "out")
    assert "the motion is a guess" in done.err if done.code == 0 else "THE VIEWS SEEM SWAPPED" in done.err


def test_flow_of_two_scenes(leadline, write_image, tmp_path):
    noise = [cv2.GaussianBlur(np.random.default_rng(n).normal(size=(250, 330, 3)), (0, 0), 2) for n in (0, 1)]
    one, other = ((255 * (each - each.min()) / np.ptp(each)).astype(np.uint8) for each in noise)
    write_image(tmp_path / "first.png", one[:240, :320])
    write_image(tmp_path / "second.png", one[2:242, 3:323])
    write_image(tmp_path / "other.png", other[:240, :320])
    done = leadline("flow", tmp_path / "first.png", tmp_path / "other.png", "--output", tmp_path / "out")
    assert any("are these frames of one scene?" in line for line in warned(done))
    done = leadline("flow", tmp_path / "first.png", tmp_path / "second.png", "--output", tmp_path / "fine")
    assert (done.code, warned(done)) == (0, [])
