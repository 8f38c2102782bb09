"""`leadline adapt`: from recordings to a model, and what it refuses."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest


@pytest.fixture
def recordings(tmp_path, views, write_image):
    """Three pairs under one folder."""
    for side, view in zip(("left", "right"), views, strict=True):
        for number in range(3):
            write_image(tmp_path / "pairs" / side / f"{number}.png", np.roll(view, 20 * number, axis=0))
    return tmp_path / "pairs"


def test_recordings_become_a_model_that_stereo_takes(recordings, tmp_path):
    # In a process of its own: tracing a network whose every call is type-checked takes minutes.
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = ["adapt", str(recordings), "--output", str(tmp_path / "out"), "--steps", "2", "--learning-rate", "0.05"]
    words += ["--rehearsed", "2"]
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "leadline-fast as it was, for adapting made it worse" in done.stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert not summary["improved"]
    assert min(summary["scores"].values()) >= summary["score_before"]
    assert [len(summary["learned_from"]), len(summary["held_back"])] == [2, 1]
    from leadline.runtime.stereo import StereoSession

    left, right = (cv2.imread(str(recordings / side / "0.png"))[..., ::-1] for side in ("left", "right"))
    found, wanted = (
        StereoSession(model, threads=1)(left, right).disparity
        for model in (tmp_path / "out" / "adapted.onnx", "leadline-fast")
    )
    # The old network was kept.
    assert np.quantile(np.abs(found - wanted), 0.999) < 0.02


def test_no_pairs_are_refused(leadline, tmp_path):
    done = leadline("adapt", tmp_path, "--output", tmp_path / "out")
    assert done.code == 2
    assert "expected images in" in done.one_line


def test_views_of_two_sizes_are_refused(leadline, recordings, tmp_path, views, write_image):
    write_image(recordings / "right" / "1.png", views[1][:, :150])
    done = leadline("adapt", recordings, "--output", tmp_path / "out")
    assert done.code == 2
    assert "expected two views of one size" in done.err
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "nobody"), "got 'nobody'"),
        (("--holdout", "2"), "holdout between 0 and 1"),
        (("--steps", "0"), "of at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(leadline, recordings, tmp_path, words, message):
    done = leadline("adapt", recordings / "left", recordings / "right", "--output", tmp_path / "out", *words)
    assert done.code == 2
    assert message in done.one_line


def test_an_earlier_result_is_kept(leadline, recordings, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "adapted.onnx").write_bytes(b"")
    done = leadline("adapt", recordings, "--output", tmp_path / "out")
    assert done.code == 2
    assert "--overwrite" in done.one_line


def test_without_torch_the_extra_is_named(leadline, recordings, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.delitem(sys.modules, "leadline.training.stereo.adapt", raising=False)
    done = leadline("adapt", recordings, "--output", tmp_path / "out")
    assert done.code == 2
    assert "leadline[train]" in done.one_line
