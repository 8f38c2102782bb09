"""`leadline refine`: what it reads, what it refuses."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.io.images import write_image
from leadline.io.kitti_png import write_kitti_disparity
from leadline.io.pfm import read_pfm, write_pfm
from leadline.runtime.card import bundled_cards

needs_network = pytest.mark.skipif("leadline-refine" not in bundled_cards(), reason="leadline-refine is not bundled")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    # Smooth as images are: the network never saw white noise.
    noise = cv2.GaussianBlur(np.random.default_rng(0).random((64, 105, 3)), (0, 0), 2.0)
    texture = (255.0 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    write_image(tmp_path / "left.png", texture[:, :96])
    write_image(tmp_path / "right.png", texture[:, 9:])
    return str(tmp_path / "left.png"), str(tmp_path / "right.png")


def found(width: int = 96) -> np.ndarray:
    """A shift of 9 px with a hole."""
    disparity = np.full((64, width), 9.0, np.float32)
    disparity[20:30, 40:60] = np.inf
    return disparity


@needs_network
@pytest.mark.parametrize("suffix", ["pfm", "npy", "png"])
def test_every_kind_of_file_is_mended(pair, suffix: str, tmp_path: Path):
    path, disparity = tmp_path / f"found.{suffix}", found()
    if suffix == "pfm":
        write_pfm(path, disparity)
    elif suffix == "npy":
        np.save(path, disparity)
    else:
        write_kitti_disparity(path, disparity, np.isfinite(disparity))
    assert main(["refine", *pair, str(path), "--output", str(tmp_path / "out")]) == 0
    mended = read_pfm(tmp_path / "out" / "disparity.pfm")
    assert np.median(np.abs(mended[:, 12:] - 9.0)) < 0.5
    assert {"confidence.pfm", "valid.png", "summary.json"} <= {file.name for file in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    ("name", "disparity", "message"),
    [
        ("found.tif", None, "expected a disparity in .pfm, .npy or 16-bit .png, got found.tif"),
        ("found.npy", np.full((64, 96), np.nan, np.float32), "expected a disparity with known pixels"),
        ("missing.pfm", None, "missing.pfm"),
    ],
)
def test_what_is_no_disparity_is_refused(pair, name: str, disparity, message: str, tmp_path: Path, capsys):
    if disparity is not None:
        np.save(tmp_path / name, disparity)
    assert main(["refine", *pair, str(tmp_path / name), "--output", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_network
def test_another_size_is_refused(pair, tmp_path: Path, capsys):
    write_pfm(tmp_path / "found.pfm", found(80))
    assert main(["refine", *pair, str(tmp_path / "found.pfm"), "--output", str(tmp_path / "out")]) == 2
    assert "expected a disparity of the images' size 96x64, got" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
