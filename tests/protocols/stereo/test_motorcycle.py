"""The real pair that needs no download."""

import sys

import numpy as np
import pytest

from leadline.errors import MissingExtraError
from leadline.protocols.stereo.motorcycle import motorcycle


def test_truth_becomes_the_depth_that_its_calibration_gives() -> None:
    scene, rig = motorcycle()
    assert scene.truth is not None
    depth = scene.truth.to_depth(rig)
    row, column = 250, 300
    expected = 994.978 * 0.193001 / (scene.truth.disparity[row, column] + 31.086)
    assert depth.depth[row, column] == pytest.approx(expected, rel=1e-5)
    assert 1.5 < float(np.median(depth.depth[depth.valid])) < 6.0  # a workshop


def test_unknown_truth_is_invalid_and_not_a_number_in_disguise() -> None:
    scene, _ = motorcycle()
    assert scene.truth is not None
    assert scene.left.shape == (500, 741, 3)
    assert 0.8 < scene.truth.valid.mean() < 1.0
    assert (scene.truth.disparity[~scene.truth.valid] == 0.0).all()


def test_missing_scikit_image_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(MissingExtraError, match=r"leadline\[demo\]"):
        motorcycle()
