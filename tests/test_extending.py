"""The examples of docs/extending.md, as its reader would run them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.io.pfm import read_pfm, write_pfm

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"


def block(language: str, first: str) -> str:
    """The page's block of code that begins with a line."""
    (found,) = (
        text for text in re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL) if text.startswith(first)
    )
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder on the path with the page's package, installed as pip does it, and a pair shifted by 7 px."""
    package, metadata = tmp_path / "mypackage", tmp_path / "mypackage-1.0.dist-info"
    package.mkdir()
    metadata.mkdir()
    (package / "__init__.py").touch()
    (package / "matching.py").write_text(block("python", "# mypackage/matching.py"))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mypackage\nVersion: 1.0\n")
    entry = block("toml", "# pyproject.toml").splitlines()[-1].replace('"', "")
    (metadata / "entry_points.txt").write_text(f"[leadline.models]\n{entry}\n")
    texture = np.random.default_rng(0).integers(0, 256, (80, 167, 3), dtype=np.uint8)
    for name, view in (("left", texture[:, :160]), ("right", texture[:, 7:])):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), view)
    return tmp_path


def leadline(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "leadline", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["mypackage.matching:BlockMatcher", "block-matcher"])
def test_the_class_matches_a_pair(installed: Path, name: str):
    done = leadline(installed, "stereo", "left.png", "right.png", "--model", name, "--max-disparity", "32")
    assert done.returncode == 0, done.stderr
    disparity = read_pfm(installed / "leadline-output" / "disparity.pfm")
    assert np.median(disparity[10:-10, 50:-10]) == 7.0
    assert json.loads((installed / "leadline-output" / "summary.json").read_text())["model"] == name


def test_the_class_is_scored(installed: Path):
    scene = installed / "scenes" / "seven"
    scene.mkdir(parents=True)
    for side, name in ((0, "left"), (1, "right")):
        (scene / f"im{side}.png").write_bytes((installed / f"{name}.png").read_bytes())
    truth = np.full((80, 160), np.inf, np.float32)
    truth[10:-10, 50:-10] = 7.0
    truth[10:-10, 50] = 17.0  # one column in a hundred is wrong
    write_pfm(scene / "disp0.pfm", truth)
    words = ["--models", "mypackage.matching:BlockMatcher", "--max-disparity", "32", "--json", "report.json"]
    done = leadline(installed, "eval", "stereo", "scenes", *words)
    assert done.returncode == 0, done.stderr
    rows = json.loads((installed / "report.json").read_text())["rows"]
    wanted = {"scene": None, "metric": "bad-2", "mask": "all", "rule": "dense"}
    (row,) = (row for row in rows if {key: row[key] for key in wanted} == wanted)
    assert row["value"] == pytest.approx(1.0, abs=0.05)


def test_the_class_is_measured(installed: Path):
    words = ["--sizes", "96x64", "--models", "block-matcher,bm", "--repeats", "1", "--json", "rows.json"]
    done = leadline(installed, "bench", "stereo", *words)
    assert done.returncode == 0, done.stderr
    own, ours = json.loads((installed / "rows.json").read_text())
    assert (own["model"], ours["model"]) == ("block-matcher", "bm")
    assert own["seconds_median"] > 0


def test_an_option_that_it_does_not_take_is_told_as_a_flag(installed: Path):
    page = (installed / "mypackage" / "matching.py").read_text()
    (installed / "mypackage" / "matching.py").write_text(page.replace(", threads=None", ""))
    done = leadline(installed, "stereo", "left.png", "right.png", "--model", "block-matcher", "--threads", "1")
    assert done.returncode == 2
    assert "expected no --threads for block-matcher, which takes none, got 1" in done.stderr


def test_the_registered_name_is_listed(installed: Path):
    done = leadline(installed, "models")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "block-matcher" in line)
    assert "mypackage.matching:BlockMatcher" in line


def test_the_class_is_called_from_python(installed: Path):
    code = (
        "import leadline; left, right = leadline.imread('left.png'), leadline.imread('right.png')\n"
        + block("python", "from leadline import load_model")
        + "print(float(disparity.disparity[40, 145]))"
    )
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installed,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) == pytest.approx(7.0, abs=0.1)
