"""Scores of a rendered clip: a camera that moves towards a textured wall, whose truth is known."""

import json

import cv2
import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.errors import InputError
from leadline.io.images import write_image
from leadline.maps import DepthMap
from leadline.protocols.video.clips import find_clip, score_clip

COUNT, HEIGHT, WIDTH, FOCAL_PX = 5, 96, 128, 100.0


@pytest.fixture
def wall(tmp_path):
    """Frames 0.1 m apart, the wall 3 m from the first."""
    noise = np.random.default_rng(0).normal(size=(400, 400, 3))
    smooth = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in (2.0, 5.0))
    texture = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    for name in ("images", "depth", "poses"):
        (tmp_path / name).mkdir()
    (tmp_path / "K.txt").write_text(f"{FOCAL_PX} 0 63.5 0 {FOCAL_PX} 47.5 0 0 1")
    for index in range(COUNT):
        depth = 3.0 - 0.1 * index
        # 100 texels a metre.
        x, y = ((axis - centre) / FOCAL_PX * depth * 100 + 200 for axis, centre in ((columns, 63.5), (rows, 47.5)))
        write_image(tmp_path / "images" / f"{index}.png", cv2.remap(texture, x, y, cv2.INTER_LINEAR))
        write_image(tmp_path / "depth" / f"{index}.png", np.full((HEIGHT, WIDTH), round(1000 * depth), np.uint16))
        pose = np.eye(4)
        pose[2, 3] = 0.1 * index
        np.savetxt(tmp_path / "poses" / f"{index}.txt", pose)
    return tmp_path


def test_the_truth_is_steady_and_flicker_is_told_by_its_size(wall):
    clip = find_clip(wall)
    samples = [files.load() for files in clip.files]
    assert clip.poses is not None
    assert [sample.depth[0, 0] for sample in samples] == pytest.approx([3.0, 2.9, 2.8, 2.7, 2.6])
    exact = [sample.truth for sample in samples if sample.truth is not None]
    scores = score_clip(clip, samples, exact, 80.0)
    assert (scores.abs_rel, scores.delta1) == pytest.approx((0.0, 1.0), abs=1e-5)
    assert scores.tae == pytest.approx(0.0, abs=1e-5)
    # The wall does come nearer, by 3.3 to 3.8 per cent a frame.
    assert scores.opw == pytest.approx(np.log(3.0 / 2.6) / 4, rel=0.02)
    factors = (0.95, 1.05, 0.95, 1.05, 0.95)
    flickering = [DepthMap(f * m.depth, m.valid, "up_to_scale") for f, m in zip(factors, exact, strict=True)]
    worse = score_clip(clip, samples, flickering, 80.0)
    # By hand: the line through five points of inverse depth, and how far each wall is from where its neighbour puts it.
    truth = np.array([3.0, 2.9, 2.8, 2.7, 2.6])
    inverse = 1 / (np.array(factors) * truth)
    z = 1 / np.polyval(np.polyfit(inverse, 1 / truth, 1), inverse)
    steps = [(abs(z[k + 1] - z[k] + 0.1) / z[k + 1], abs(z[k] - z[k + 1] - 0.1) / z[k]) for k in range(4)]
    assert worse.tae == pytest.approx(np.mean(steps), rel=1e-3)
    assert worse.opw > scores.opw


def test_the_command_prints_both_modes(wall, capsys):
    assert main(["eval", "video", str(wall), "--json", str(wall / "r.json"), "--window", "4", "--overlap", "1"]) == 0
    rows = json.loads((wall / "r.json").read_text())["scores"]
    assert [row["mode"] for row in rows] == ["frame by frame", "steadied"]
    assert all(row["tae"] is not None for row in rows)
    assert "steadied" in capsys.readouterr().out


def test_clips_without_poses_have_no_tae_and_single_frames_are_refused(wall):
    for path in (wall / "poses").iterdir():
        path.unlink()
    (wall / "poses").rmdir()
    assert "no poses" in find_clip(wall).notes[0]
    (wall / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    assert "1 poses for 5 frames" in find_clip(wall).notes[0]
    for index in range(1, COUNT):
        (wall / "images" / f"{index}.png").unlink()
    with pytest.raises(InputError, match="at least two frames"):
        find_clip(wall)
