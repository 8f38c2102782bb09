"""`leadline eval stereo`: table, JSON and sheets."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.apps.cli import eval as eval_module
from leadline.apps.cli.main import main
from leadline.data.stereo.scenes import write_stereo_scene
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.images import read_image
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

SHIFT = 7


@pytest.fixture(scope="session")
def shifted_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of a textured plane at 7 px."""
    root = tmp_path_factory.mktemp("scenes")
    camera = Pinhole(100.0, 100.0, 63.5, 31.5, 64, 128)
    for seed, name in enumerate(("first", "second")):
        texture = np.random.default_rng(seed).integers(0, 256, (64, 128 + SHIFT, 3), dtype=np.uint8)
        texture = np.asarray(cv2.GaussianBlur(texture, (0, 0), 0.8))
        disparity, known = np.full((64, 128), float(SHIFT), np.float32), np.ones((64, 128), bool)
        hidden = np.zeros((64, 128), bool)
        hidden[:, :SHIFT] = True
        sample = StereoSample(name, texture[:, :128], texture[:, SHIFT:], DisparityMap(disparity, known), hidden)
        write_stereo_scene(root / name, sample, StereoRig(camera, camera, 0.1))
    return root


def test_matchers_on_scenes_with_truth(shifted_scenes, tmp_path, capsys):
    words = ["eval", "stereo", str(shifted_scenes), "--models", "bm,sgbm-3way", "--max-disparity", "31"]
    assert main([*words, "--output", str(tmp_path / "out"), "--json", str(tmp_path / "scores.json")]) == 0
    shown = capsys.readouterr().out
    assert "middlebury2014, noc, dense, mean-over-scenes, 2 scenes, 128x64" in shown
    assert "bad-0.5" in shown
    report = json.loads((tmp_path / "scores.json").read_text())
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    rows = {
        (row["method"], row["metric"]): row
        for row in report["rows"]
        if row["scene"] is None and (row["mask"], row["rule"]) == ("noc", "dense")
    }
    assert {method for method, _ in rows} == {"bm", "sgbm-3way"}
    assert rows["sgbm-3way", "bad-2"]["value"] < 2.0
    assert rows["sgbm-3way", "bad-2"]["pixels"] == 2 * 64 * 121
    for name in ("first", "second"):
        assert read_image(tmp_path / "out" / f"{name}.png").pixels.shape[1] > 3 * 480


def test_loading_does_not_count(shifted_scenes, monkeypatch):
    calls = []

    def method(left, right):
        from leadline.classical import ClassicalStereo

        calls.append(left.shape)
        return ClassicalStereo("bm", 31)(left, right)

    monkeypatch.setattr(eval_module, "load_model", lambda *_, **__: method)
    assert main(["eval", "stereo", str(shifted_scenes), "--models", "a"]) == 0
    assert len(calls) == 1 + 2


def test_results_are_not_overwritten_unasked(shifted_scenes, tmp_path, capsys):
    words = ["eval", "stereo", str(shifted_scenes), "--models", "bm", "--output", str(tmp_path)]
    (tmp_path / "second.png").write_bytes(b"mine")
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "second.png").read_bytes() == b"mine"
    assert main([*words, "--overwrite"]) == 0
    assert (tmp_path / "second.png").read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "bm,"], "separated by commas"),
        (["--models", "bm,bm"], "separated by commas"),
        (["--models", "nonsense"], "sgbm-3way"),
        (["--protocol", "nonsense"], "kitti2015"),
        (["--models", "bm", "--max-disparity", "0"], "got 0"),
    ],
)
def test_mistakes_are_told_in_one_line(shifted_scenes, capsys, words, message):
    assert main(["eval", "stereo", str(shifted_scenes), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_folder_without_scenes_is_refused(tmp_path, capsys):
    assert main(["eval", "stereo", str(tmp_path)]) == 2
    assert "found none" in capsys.readouterr().err
