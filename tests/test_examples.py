"""The scripts and notebooks of examples/, each in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="examples/ is not part of an installed package")


def run(script: str, folder: Path, *words: str) -> str:
    """What a script printed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES / script), *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_own_camera_recovers_baseline_and_distances(tmp_path: Path):
    said = run("own_camera.py", tmp_path)
    baseline, error = re.search(r"baseline ([\d.]+) m, reprojection error ([\d.]+) px", said).groups()
    assert float(baseline) == pytest.approx(0.1, rel=0.02)
    assert float(error) < 0.2
    distances = [float(metres) for metres in re.findall(r"frame \d: ([\d.]+) m", said)]
    assert distances == pytest.approx([0.5, 0.6, 0.7], rel=0.02)


def test_photo_to_3d_writes_metric_depth_and_a_cloud(tmp_path: Path):
    said = run("photo_to_3d.py", tmp_path)
    error = re.search(r"median error of the depth: (\d+) %", said)
    assert error is not None
    assert int(error[1]) < 15
    assert (tmp_path / "photo-3d" / "result" / "cloud.ply").is_file()


def test_a_robot_flies_through_a_room(tmp_path: Path):
    said = run("fly_through_a_world.py", tmp_path)
    metres = re.search(r"reached after [\d.]+ s and ([\d.]+) m", said)
    assert metres is not None
    # The goal is 10 m ahead, reached within 1 m, and boxes are in the straight way.
    assert 9.0 < float(metres[1]) < 13.0
    assert (tmp_path / "flight" / "way.png").is_file()


def test_stereo_from_scratch_scores_four_methods(tmp_path: Path):
    said = run("notebooks/stereo_from_scratch.py", tmp_path)
    bad2 = [float(value) for value in re.findall(r"bad-2 +([\d.]+) %", said)]
    assert len(bad2) == 4
    assert min(bad2[:2]) > max(bad2[2:])
    assert bad2[3] == pytest.approx(8.7, abs=0.1)


def test_confidence_sorts_the_pixels(tmp_path: Path):
    said = run("notebooks/confidence.py", tmp_path)
    epe = [float(value) for value in re.findall(r"most confident +\d+ %: EPE ([\d.]+) px", said)]
    assert len(epe) == 5
    assert epe == sorted(epe, reverse=True)
    assert float(re.search(r"calibration error ([\d.]+)", said)[1]) < 0.05
    assert float(re.search(r"density ([\d.]+) %", said)[1]) == pytest.approx(87.5, abs=0.1)


@pytest.mark.slow
def test_own_network_is_scored_beside_others(tmp_path: Path):
    said = run("evaluate_your_network.py", tmp_path)
    for name in ("BlockMatcher", "predictions", "leadline-fast", "sgbm-3way"):
        assert name in said


@pytest.mark.slow
def test_a_network_of_ones_own_is_trained_exported_and_run(tmp_path: Path):
    said = run("train_a_variant.py", tmp_path)
    assert "motorcycle/bad2" in said
    assert (tmp_path / "my-variant" / "result" / "disparity.pfm").is_file()


@pytest.mark.slow
def test_adaptation_scores_held_out_pairs(tmp_path: Path):
    run("adapt_to_your_camera.py", tmp_path)
    assert (tmp_path / "my-adaptation" / "adapted" / "adapted.onnx").is_file()
