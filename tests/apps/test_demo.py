import json
import sys

import numpy as np
import pytest

from leadline.apps.cli import demo as command
from leadline.errors import OutputError
from leadline.io import read_image, read_pfm, read_ply
from leadline.loading import load_model
from leadline.maps import DisparityMap

pytest.importorskip("skimage", reason="the demo's pair comes with scikit-image")


@pytest.fixture
def truthful(monkeypatch):
    """A network that knows the truth of the whole image and is sure of its left half."""
    scene, _ = command.motorcycle()

    def method(left, _right):
        confidence = np.zeros(left.shape[:2], np.float32)
        confidence[:, :370] = 1.0
        return DisparityMap(scene.truth.disparity, scene.truth.valid, confidence)

    monkeypatch.setattr(
        command, "load_model", lambda name, task, **how: method if name == "ours" else load_model(name, task, **how)
    )
    return scene


def test_everything_is_in_the_folder(leadline, truthful, tmp_path):
    out = tmp_path / "out"
    done = leadline("demo", "--output", out, "--model", "ours")
    assert (done.code, done.err) == (0, "")
    assert "middlebury2014, all, dense, one-scene, motorcycle, 741x500" in done.out
    rows = {line.split()[1]: line.split()[3:12:2] for line in done.out.splitlines() if line.startswith("│ ")}
    assert [float(value) for value in rows["ours"][:3]] == [0.0, 0.0, 0.0]
    # Tuned on images like this one; the exact figure belongs to the benchmark.
    assert 4.0 < float(rows["sgbm-3way"][1]) < 12.0
    # As many pixels as the matcher has, and the network that knows the truth is right on all of them.
    assert float(rows["ours"][3]) == 0.0
    assert float(rows["sgbm-3way"][3]) < float(rows["sgbm-3way"][1])
    assert float(rows["leadline-accurate"][3]) < float(rows["leadline-accurate"][1])
    assert "% of the pixels, as many as sgbm-3way has" in " ".join(done.out.split())
    assert "without loading" in done.out
    for name in ("disparity.pfm", "depth.pfm", "depth_mm.png", "confidence.png", "im0.png", "calib.txt"):
        assert (out / name).exists()
    assert (out / "sgbm-3way" / "disparity.pfm").exists()
    assert (out / "leadline-accurate" / "confidence.png").exists()
    assert not (out / "sgbm-3way" / "confidence.png").exists()
    sheet = read_image(out / "sheet.png").pixels
    assert min(sheet.shape[:2]) > 1000
    known = truthful.truth.valid
    depth = read_pfm(out / "depth.pfm")
    expected = 994.978 * 0.193001 / (truthful.truth.disparity[known].astype(np.float64) + 31.086)
    np.testing.assert_allclose(depth[known], expected, rtol=1e-5)
    assert np.isinf(depth[~known]).all()
    cloud = read_ply(out / "cloud.ply")
    assert 0.8 * known[:, :370].sum() < len(cloud.points) <= known[:, :370].sum()
    summary = json.loads((out / "summary.json").read_text())
    assert {(row["metric"], row["protocol"]) for row in summary["scores"]} == {
        (metric, "middlebury2014") for metric in ("bad-1", "bad-2", "avgerr")
    }
    done = leadline("demo", "--output", out, "--model", "ours")
    assert done.code == 2
    assert "--overwrite" in done.one_line


def test_a_disk_that_fills_up_leaves_nothing(leadline, truthful, tmp_path, monkeypatch):
    """The last method's cloud no longer fits: neither images nor results of the others stay."""
    written = []

    def write_ply(path, *_words):
        written.append(path)
        if len(written) == 3:
            raise OutputError(f"expected to write {path}, got no space left on device; free space")

    monkeypatch.setattr("leadline.results.stereo.write_ply", write_ply)
    done = leadline("demo", "--output", tmp_path / "out", "--model", "ours")
    assert done.code == 2
    assert "no space left" in done.one_line
    assert len(written) == 3
    assert list((tmp_path / "out").iterdir()) == []


def test_calibration_is_of_the_small_images():
    scene, rig = command.motorcycle()
    assert scene.left.shape == (500, 741, 3)
    assert rig.doffs_px == pytest.approx(31.086)
    # The nearest and farthest things of this garage.
    depths = rig.left.focal_x_px * rig.baseline_m / (scene.truth.disparity[scene.truth.valid] + rig.doffs_px)
    assert 2.0 < depths.min() < depths.max() < 6.0


def test_without_scikit_image(leadline, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    done = leadline("demo", "--output", tmp_path / "out")
    assert done.code == 2
    assert "leadline[demo]" in done.one_line
    assert not (tmp_path / "out").exists()
