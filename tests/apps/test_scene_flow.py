"""`leadline scene-flow` and its evaluation, on a textured plane that the camera approaches."""

import json

import cv2
import numpy as np
import pytest

from leadline.io.kitti_flow_png import read_kitti_flow, write_kitti_flow
from leadline.io.kitti_png import read_kitti_disparity, write_kitti_disparity
from leadline.io.ply import read_ply

FOCAL_PX, BASELINE_M, FAR_M, AHEAD_M = 200.0, 0.5, 5.0, 0.25
WIDTH, HEIGHT = 240, 180


def view(texture, depth_m, right_m):
    """A fronto-parallel plane at a depth, from so far to the right; on the plane, a texel is 1/100 m."""
    y, x = np.indices((HEIGHT, WIDTH), np.float32)
    across = (x - (WIDTH - 1) / 2) / FOCAL_PX * depth_m + right_m
    down = (y - (HEIGHT - 1) / 2) / FOCAL_PX * depth_m
    return cv2.remap(texture, 100 * across + 500, 100 * down + 400, cv2.INTER_LINEAR)


def wall():
    noise = np.random.default_rng(1).normal(size=(800, 1000))
    smooth = sum(s * cv2.GaussianBlur(noise, (0, 0), s) for s in (2.0, 4.0, 8.0))
    return cv2.normalize(smooth, None, 10, 245, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A scene in KITTI's layout: 20 px of disparity, then 100 / 4.75 px."""
    texture = wall()
    root = tmp_path_factory.mktemp("kit")
    for side in (0, 1):
        (root / f"image_{side}").mkdir()
        for time, depth in ((10, FAR_M), (11, FAR_M - AHEAD_M)):
            image = view(texture, depth, side * BASELINE_M)
            cv2.imwrite(str(root / f"image_{side}" / f"000000_{time}.png"), image)
    (root / "calib").mkdir()
    rows = "{f} 0 {x} {t} 0 {f} {y} 0 0 0 1 0"
    lines = [
        f"P{side}: " + rows.format(f=FOCAL_PX, x=(WIDTH - 1) / 2, y=(HEIGHT - 1) / 2, t=-side * FOCAL_PX * BASELINE_M)
        for side in (0, 1)
    ]
    (root / "calib" / "000000.txt").write_text("\n".join(lines) + "\n")
    known = np.ones((HEIGHT, WIDTH), bool)
    (root / "disp_occ").mkdir()
    (root / "flow_occ").mkdir()
    write_kitti_disparity(root / "disp_occ" / "000000_10.png", np.full((HEIGHT, WIDTH), 20, np.float32), known)
    y, x = np.indices((HEIGHT, WIDTH)).astype(np.float32)
    growth = FAR_M / (FAR_M - AHEAD_M) - 1
    flow = np.dstack([growth * (x - (WIDTH - 1) / 2), growth * (y - (HEIGHT - 1) / 2)]).astype(np.float32)
    write_kitti_flow(root / "flow_occ" / "000000_10.png", flow, known)
    return root


def images(kit):
    return [kit / f"image_{side}" / f"000000_{time}.png" for time in (10, 11) for side in (0, 1)]


def test_a_camera_that_drives_towards_a_wall(leadline, kit, tmp_path):
    words = ("scene-flow", *images(kit), "--calibration", kit / "calib" / "000000.txt")
    done = leadline(*words, "--model", "sgbm", "--max-disparity", "48", "--fps", "10", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    camera = summary["camera"]
    assert camera["translation_m"] == pytest.approx(AHEAD_M, rel=0.03)
    assert camera["speed_m_per_s"] == pytest.approx(10 * AHEAD_M, rel=0.03)
    assert camera["rotation_deg"] < 0.1
    assert camera["agreeing_share"] > 0.9
    assert summary["objects"] == []
    assert "moving by themselves: 0 objects" in done.out
    arrays = np.load(tmp_path / "out" / "scene_flow.npz")
    inner = np.s_[40:-40, 80:-60]
    np.testing.assert_allclose(np.median(arrays["points"][inner][..., 2]), FAR_M, rtol=0.01)
    np.testing.assert_allclose(np.median(arrays["motion"][inner], axis=(0, 1))[2], -AHEAD_M, rtol=0.05)
    assert np.abs(np.median(arrays["own_motion"][inner], axis=(0, 1))).max() < 0.01
    disparity, known = read_kitti_disparity(tmp_path / "out" / "disp_1.png")
    np.testing.assert_allclose(np.median(disparity[known]), 100 / (FAR_M - AHEAD_M), atol=0.1)
    flow, valid = read_kitti_flow(tmp_path / "out" / "flow.png")
    wanted, _ = read_kitti_flow(kit / "flow_occ" / "000000_10.png")
    assert np.median(np.linalg.norm(flow - wanted, axis=2)[valid]) < 0.2
    assert len(read_ply(tmp_path / "out" / "cloud.ply").points) == summary["points"] > 1000
    assert b"property float motion_z" in (tmp_path / "out" / "cloud.ply").read_bytes()[:400]
    again = leadline(*words, "--output", tmp_path / "out")
    assert again.code == 2
    assert "--overwrite" in again.one_line


def test_a_sequence_goes_on_where_it_stopped(leadline, kit, tmp_path):
    texture = wall()
    for number, ahead in (("9", 0.0), ("10", 0.25), ("11", 0.75)):
        for side, name in enumerate(("left", "right")):
            (tmp_path / name).mkdir(exist_ok=True)
            image = view(texture, FAR_M - ahead, side * BASELINE_M)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), image)
    words = ("--calibration", kit / "calib" / "000000.txt", "--model", "sgbm", "--max-disparity", "48")
    out = tmp_path / "out"
    done = leadline("scene-flow", tmp_path, *words, "--output", out)
    assert done.code == 0, done.err
    moved = [json.loads((out / name / "summary.json").read_text())["camera"]["translation_m"] for name in ("9", "10")]
    assert moved == [pytest.approx(0.25, rel=0.03), pytest.approx(0.5, rel=0.03)]
    (out / "10" / "summary.json").unlink()
    again = leadline("scene-flow", tmp_path / "left", tmp_path / "right", *words, "--output", out)
    assert again.code == 0, again.err
    assert "1 of 2 pairs of moments are finished and skipped" in again.err
    assert (out / "10" / "summary.json").exists()
    for more, said in (
        ((tmp_path, tmp_path / "left", tmp_path), "one folder or as two"),
        ((kit / "image_0" / "000000_10.png",), "expected four images"),
    ):
        failed = leadline("scene-flow", *more, *words, "--output", tmp_path / "none")
        assert failed.code == 2
        assert said in failed.one_line
    (tmp_path / "left" / "9.png").unlink()
    (tmp_path / "left" / "10.png").unlink()
    failed = leadline("scene-flow", tmp_path, *words, "--output", tmp_path / "none")
    assert failed.code == 2
    assert "at least two pairs" in failed.one_line
    assert not (tmp_path / "none").exists()


def test_evaluation_as_kitti_does(leadline, kit, tmp_path):
    words = ("eval", "scene-flow", kit, "--models", "sgbm+dis,sgbm+dis:plain", "--max-disparity", "48")
    done = leadline(*words, "--json", tmp_path / "scores.json")
    assert done.code == 0, done.err
    assert "bg, fg not scored: no object map" in done.err
    rows = json.loads((tmp_path / "scores.json").read_text())["rows"]
    found = {
        (row["method"], row["metric"]): row["value"]
        for row in rows
        if row["scene"] is None and (row["mask"], row["rule"]) == ("all", "background-interpolated")
    }
    assert found["sgbm+dis", "Fl"] <= found["sgbm+dis:plain", "Fl"]
    assert found["sgbm+dis", "D1+Fl"] < 10.0
    assert ("sgbm+dis", "SF") not in found


def test_what_cannot_be_used_is_one_line(leadline, kit, tmp_path):
    left0, right0, left1, right1 = images(kit)
    cameras = ("--calibration", kit / "calib" / "000000.txt")
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), cv2.imread(str(left1))[:100])
    for words, said in (
        ((left0, right0, left1, right1), "expected the cameras, got none"),
        ((left0, right0, left0, right1, *cameras), "got one left image twice"),
        ((left0, left0, left1, right1, *cameras), "one image twice"),
        ((left0, right0, small, small, *cameras), "one image twice"),
        ((left0, right0, left1, right1, *cameras, "--fps", "0"), "above 0"),
        ((left0, right0, left1, right1, *cameras, "--model", "dis"), "use it with `leadline flow`"),
        ((left0, right0, left1, right1, *cameras, "--flow-model", "sgbm"), "use it with `leadline stereo`"),
    ):
        done = leadline("scene-flow", *words, "--output", tmp_path / "out")
        assert done.code == 2, words
        assert said in done.one_line, done.err
        assert not (tmp_path / "out").exists()
    done = leadline("eval", "scene-flow", kit, "--models", "sgbm")
    assert done.code == 2
    assert "such as leadline-fast+dis, got 'sgbm'" in done.one_line
