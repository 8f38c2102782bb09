import numpy as np
import pytest

from leadline.classical.trivial_depth import constant_depth, vertical_ramp
from leadline.maps import DepthMap
from leadline.protocols.mono.evaluate import evaluate_depth
from leadline.protocols.mono.generic import GENERIC
from leadline.samples import DepthSample

IMAGE = np.zeros((5, 4, 3), dtype=np.uint8)


def absrel(truth: np.ndarray) -> tuple[float, float]:
    """Of the constant and of the ramp."""
    metric = DepthMap(truth.astype(np.float32), np.ones(truth.shape, dtype=bool), "metric")
    methods = {"constant": constant_depth, "ramp": vertical_ramp}
    report = evaluate_depth([DepthSample("s", IMAGE, metric)], methods, GENERIC)
    constant, ramp = (report.score(name, "AbsRel", "no-crop", "dense").value for name in methods)
    return constant, ramp


def test_a_ramp_of_five_rows() -> None:
    ramp = vertical_ramp(IMAGE)
    assert ramp.depth[:, 0].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert (ramp.depth == ramp.depth[:, :1]).all()
    assert ramp.valid.all()
    assert ramp.kind == constant_depth(IMAGE).kind == "affine_inverse"
    assert (constant_depth(IMAGE).depth == 1.0).all()


def test_one_row_is_a_constant() -> None:
    assert vertical_ramp(IMAGE[:1]).depth.tolist() == [[0.0] * 4]


def test_a_floor_is_the_ramp_s_and_a_wall_is_both_s() -> None:
    # A floor one unit below the camera: depth = focal / (row - horizon).
    rows = np.arange(5)[:, None] * np.ones((5, 4))
    constant, ramp = absrel(10.0 / (rows + 1.0))
    assert ramp == pytest.approx(0.0, abs=1e-6)
    assert constant > 0.3
    assert absrel(np.full((5, 4), 3.0)) == pytest.approx((0.0, 0.0), abs=1e-7)


def test_the_constant_is_the_harmonic_mean() -> None:
    # Half 1 m and half 3 m: 2 / (1 + 1/3) = 1.5 m, off by a half of both.
    truth = np.ones((5, 4))
    truth[:, 2:] = 3.0
    assert absrel(truth)[0] == pytest.approx(0.5)
