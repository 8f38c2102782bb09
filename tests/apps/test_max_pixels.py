"""The largest image that is read: every command that reads images of people has the option."""

import numpy as np
import pytest


@pytest.mark.parametrize(
    "command", ["flow", "flow-folder", "scene-flow", "track-camera", "track-two", "video", "stereo"]
)
def test_larger_images_are_refused(leadline, tmp_path, write_image, command):
    for side in "ab":
        for number in (0, 1):
            write_image(tmp_path / side / f"{number}.png", np.full((48, 64, 3), 90, np.uint8))
    a, b = tmp_path / "a", tmp_path / "b"
    pair, cameras = (a / "0.png", a / "1.png"), ("--fov", 60, "--baseline-m", "0.1")
    words = {
        "flow": ("flow", *pair),
        "flow-folder": ("flow", a),
        "scene-flow": ("scene-flow", *pair, *pair, *cameras),
        "track-camera": ("track-camera", a, "--fov", 60),
        "track-two": ("track-camera", a, b, *cameras, "--model", "bm"),
        "video": ("video", a, "--model", "leadline-mono"),
        "stereo": ("stereo", *pair),
    }[command]
    done = leadline(*words, "--max-pixels", 48 * 64 - 1, "--output", tmp_path / "out")
    assert done.code != 0
    assert any("expected at most 3071 pixels, got 64x48" in line for line in done.err.splitlines())
    assert not list((tmp_path / "out").rglob("summary.json"))
