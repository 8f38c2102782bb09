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
from leadline.io.pfm import write_pfm
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
    assert main(["eval", "stereo", str(shifted_scenes), "--models", "bm"]) == 0
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


def write_predictions(folder: Path, error_px: float = 0.0, sign: float = 1.0) -> Path:
    """A folder whose predictions are off by so much on the right half, and that says nothing of the first row."""
    folder.mkdir()
    values = np.full((64, 128), float(SHIFT), np.float32)
    values[:, 64:] += error_px
    values[0] = np.inf
    write_pfm(folder / "first.pfm", sign * values)
    np.save(folder / "second.npy", sign * values)
    return folder


def rows_of(path: Path, metric: str, mask: str, rule: str) -> dict[str, dict]:
    rows = json.loads(path.read_text())["rows"]
    wanted = (metric, mask, rule, None)
    return {row["method"]: row for row in rows if (row["metric"], row["mask"], row["rule"], row["scene"]) == wanted}


def test_a_folder_of_predictions_is_a_model(shifted_scenes, tmp_path):
    folder = write_predictions(tmp_path / "mine", 3.0)
    out = tmp_path / "scores.json"
    assert main(["eval", "stereo", str(shifted_scenes), "--models", f"{folder},bm", "--json", str(out)]) == 0
    found = rows_of(out, "bad-2", "all", "sparse")["mine"]
    # Half of every row but the first is 3 px off.
    assert found["value"] == 50.0
    assert found["density"] == pytest.approx(63 / 64)


def test_predictions_in_sixteenths_are_told_of(shifted_scenes, tmp_path, capsys):
    folder = write_predictions(tmp_path / "opencv", sign=16.0)
    assert main(["eval", "stereo", str(shifted_scenes), "--models", f"{folder},bm"]) == 0
    assert "warning: opencv is 16 times the truth in the median" in capsys.readouterr().err


def test_a_class_of_ones_own_is_a_model(shifted_scenes, tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(
        "import numpy as np\n"
        "from leadline.maps import DisparityMap\n"
        "class Seven:\n"
        "    def __call__(self, left, right):\n"
        "        size = left.shape[:2]\n"
        "        return DisparityMap(np.full(size, 8.5, np.float32), np.ones(size, bool))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    out = tmp_path / "scores.json"
    assert main(["eval", "stereo", str(shifted_scenes), "--models", "own_networks:Seven", "--json", str(out)]) == 0
    assert rows_of(out, "avgerr", "all", "dense")["own_networks:Seven"]["value"] == pytest.approx(1.5)


def test_equal_density_is_named_in_table_and_json(shifted_scenes, tmp_path, capsys):
    out = tmp_path / "scores.json"
    words = ["eval", "stereo", str(shifted_scenes), "--models", "leadline-fast,bm", "--json", str(out)]
    assert main([*words, "--density", "match:bm", "--threads", "1"]) == 0
    assert "middlebury2014, all, sparse at density of bm, mean-over-scenes" in capsys.readouterr().out
    rows = rows_of(out, "bad-2", "all", "sparse")
    assert {row["at_density"] for row in rows.values()} == {"of bm"}
    assert rows["leadline-fast"]["density"] == rows["bm"]["density"] < 1.0
    assert rows["leadline-fast"]["pixels"] == rows["bm"]["pixels"]
    assert main([*words, "--density", "0.5", "--threads", "1"]) == 0
    rows = rows_of(out, "bad-2", "all", "sparse")
    # Block matching has no confidence, so half of its pixels cannot be chosen.
    assert list(rows) == ["leadline-fast"]
    assert rows["leadline-fast"]["density"] == 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "bm", "--density", "match:sgbm"], "match:METHOD with a METHOD out of bm, as --density"),
        (["--models", "bm", "--density", "85"], "a share above 0 and at most 1, or match:METHOD"),
        (["--models", "bm", "--density", "dense"], "got 'dense'"),
        (["--models", "FOLDER", "--max-disparity", "64"], "--max-disparity 64, got folders of predictions; leave it"),
        (["--models", "FOLDER/sub"], "expected a prediction first.pfm or first.npy"),
        (["--models", "NEGATIVE"], "mostly negative ones; change their sign"),
    ],
)
def test_mistakes_about_densities_and_folders(shifted_scenes, tmp_path, capsys, words, message):
    folder = write_predictions(tmp_path / "mine")
    (folder / "sub").mkdir()
    negative = write_predictions(tmp_path / "negative", sign=-1.0)
    words = [word.replace("FOLDER", str(folder)).replace("NEGATIVE", str(negative)) for word in words]
    assert main(["eval", "stereo", str(shifted_scenes), *words]) == 2
    assert message in capsys.readouterr().err
