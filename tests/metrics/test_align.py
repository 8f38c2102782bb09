from typing import get_args

import numpy as np
import pytest
from scipy.optimize import least_squares

from leadline.errors import InputError
from leadline.maps import DepthKind, DepthMap
from leadline.metrics.align import (
    ACCEPTED_KINDS,
    Aligned,
    Alignment,
    AlignmentName,
    align,
    huber_disparity,
    least_squares_depth,
    least_squares_disparity,
    median_ratio,
    scaled,
)

TRUTH = np.array([[1.0, 2.0, 4.0, 5.0]])
MASK = np.ones((1, 4), dtype=bool)
CAP = 80.0


def depth_map(values: np.ndarray, kind: DepthKind) -> DepthMap:
    return DepthMap(values.astype(np.float32), np.isfinite(values), kind)


def test_median_ratio_of_four_pixels() -> None:
    aligned = median_ratio(np.array([[1.0, 1.0, 2.0, 50.0]]), TRUTH, MASK)
    # The medians are 3 and 1.5.
    assert (aligned.by.scale, aligned.by.shift, aligned.by.space) == (2.0, 0.0, "depth")
    assert aligned.depth.tolist() == [[2.0, 2.0, 4.0, 100.0]]


def test_the_fit_sees_only_what_counts() -> None:
    mask = np.array([[True, True, False, False]])
    aligned = median_ratio(np.array([[1.0, 2.0, np.nan, 7.0]]), TRUTH, mask)
    assert aligned.by.scale == 1.0
    assert aligned.depth[0, 3] == 7.0
    line = least_squares_depth(np.array([[10.0, 20.0, np.nan, -3.0]]), TRUTH, mask)
    assert (line.by.scale, line.by.shift) == pytest.approx((0.1, 0.0))


def test_least_squares_depth_by_hand() -> None:
    # Mean prediction 1.5, mean truth 3: slope = (1.5*2 + .5*1 + .5*1 + 1.5*2) / (2.25 + .25 + .25 + 2.25) = 7 / 5.
    aligned = least_squares_depth(np.array([[0.0, 1.0, 2.0, 3.0]]), TRUTH, MASK)
    assert (aligned.by.scale, aligned.by.shift) == pytest.approx((1.4, 3 - 1.4 * 1.5))
    np.testing.assert_allclose(aligned.depth, [[0.9, 2.3, 3.7, 5.1]])


def test_least_squares_disparity_undoes_scale_and_shift() -> None:
    aligned = least_squares_disparity(3.0 / TRUTH + 7.0, TRUTH, MASK, CAP)
    assert (aligned.by.scale, aligned.by.shift, aligned.by.space) == pytest.approx((1 / 3, -7 / 3, "inverse_depth"))
    np.testing.assert_allclose(aligned.depth, TRUTH, rtol=1e-12)


def test_the_line_is_clamped_before_it_is_inverted() -> None:
    # The line is 1 / truth; on the last pixel, which does not count, it is negative: behind the camera, not near it.
    mask = np.array([[True, True, True, False]])
    inverse = np.array([[1.0, 0.5, 0.25, -0.2]])
    aligned = least_squares_disparity(inverse, TRUTH, mask, CAP)
    np.testing.assert_allclose(aligned.depth, [[1.0, 2.0, 4.0, CAP]])
    # What clamping after the inversion would make of it.
    assert np.clip(1.0 / (aligned.by.scale * inverse + aligned.by.shift), 1e-3, CAP)[0, 3] == 1e-3


def test_least_squares_equal_polyfit() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 10, (20, 30))
    prediction = truth + rng.normal(size=truth.shape)
    mask = rng.random(truth.shape) < 0.7
    depth = least_squares_depth(prediction, truth, mask)
    assert (depth.by.scale, depth.by.shift) == pytest.approx(np.polyfit(prediction[mask], truth[mask], 1), rel=1e-10)
    inverse = least_squares_disparity(prediction, truth, mask, CAP)
    assert (inverse.by.scale, inverse.by.shift) == pytest.approx(
        np.polyfit(prediction[mask], 1 / truth[mask], 1), rel=1e-9
    )


@pytest.mark.parametrize("fit", [least_squares_disparity, huber_disparity])
def test_a_constant_becomes_the_mean_inverse_truth(fit) -> None:
    aligned = fit(np.full((1, 4), 3.3), TRUTH, MASK, CAP)
    assert aligned.by.scale == 0.0
    if fit is least_squares_disparity:
        np.testing.assert_allclose(aligned.depth, 4 / (1 + 1 / 2 + 1 / 4 + 1 / 5))
    assert np.unique(aligned.depth).size == 1
    assert least_squares_depth(np.full((1, 4), 3.3), TRUTH, MASK).depth.tolist() == [[3.0] * 4]


def test_huber_ignores_wrong_truth() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(1, 10, (1, 1000))
    inverse = 2.0 / truth + 1.0
    wrong = truth.copy()
    wrong[0, :200] = 0.5
    mask = np.ones(truth.shape, dtype=bool)
    robust, plain = (fit(inverse, wrong, mask, CAP) for fit in (huber_disparity, least_squares_disparity))
    assert (robust.by.scale, robust.by.shift) == pytest.approx((0.5, -0.5), abs=1e-6)
    assert abs(plain.by.shift + 0.5) > 0.1


def test_huber_equals_scipy() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(1, 10, (1, 400))
    inverse = 2.0 / truth + 1.0 + rng.standard_t(2, truth.shape) * 0.05
    ours = huber_disparity(inverse, truth, np.ones(truth.shape, dtype=bool), CAP)
    residual = np.abs(1 / truth - ours.by.scale * inverse - ours.by.shift)
    # At the solution, it is the minimum of Huber's loss with the threshold found.
    found = least_squares(
        lambda line: (line[0] * inverse + line[1] - 1 / truth).ravel(),
        x0=(1.0, 0.0),
        loss="huber",
        f_scale=1.345 * 1.4826 * np.median(residual),
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    assert (ours.by.scale, ours.by.shift) == pytest.approx(tuple(found.x), rel=1e-6)


def test_sigma_goes_through_the_alignment() -> None:
    sigma = np.full((1, 4), 0.5)
    assert scaled(TRUTH, -4.0).sigma(sigma).tolist() == [[2.0] * 4]
    # z = 1 / q, so dz = z^2 dq.
    inverse = Aligned(TRUTH, Alignment("inverse_depth", 0.2, 1.0))
    np.testing.assert_allclose(inverse.sigma(sigma), 0.1 * TRUTH**2)
    step = 1e-7
    moved = least_squares_disparity(3.0 / TRUTH + 7.0, TRUTH, MASK, CAP)
    numeric = 1.0 / (1.0 / TRUTH + moved.by.scale * step) - TRUTH
    np.testing.assert_allclose(moved.sigma(np.full((1, 4), step)), -numeric, rtol=1e-5)


@pytest.mark.parametrize("name", get_args(AlignmentName))
@pytest.mark.parametrize("kind", get_args(DepthKind))
def test_kinds(name: AlignmentName, kind: DepthKind) -> None:
    relative = {"affine_inverse": 3.0 / TRUTH + 7.0, "affine_depth": TRUTH / 4.0 - 1.0}
    given = {"metric": TRUTH, "up_to_scale": TRUTH / 5.4, **relative}[kind]
    if kind in ACCEPTED_KINDS[name]:
        aligned = align(depth_map(given, kind), TRUTH, MASK, name, CAP)
        np.testing.assert_allclose(aligned.depth, TRUTH, rtol=1e-5)
    else:
        with pytest.raises(InputError, match=f"got {kind}; take one of"):
            align(depth_map(given, kind), TRUTH, MASK, name, CAP)


def test_every_kind_has_an_alignment_and_affine_inverse_refuses_scale_alone() -> None:
    assert set(ACCEPTED_KINDS) == set(get_args(AlignmentName))
    assert {name for name, kinds in ACCEPTED_KINDS.items() if "affine_inverse" in kinds} == {
        "lsq-disparity",
        "huber-disparity",
    }
    assert next(name for name, kinds in ACCEPTED_KINDS.items() if "metric" in kinds) == "none"


def test_median_of_nothing_in_front_of_the_camera() -> None:
    with pytest.raises(InputError, match="median above 0"):
        median_ratio(-TRUTH, TRUTH, MASK)


def test_depth_that_cannot_be_inverted() -> None:
    with pytest.raises(InputError, match="to invert"):
        align(depth_map(np.array([[1.0, 0.0, 1.0, 1.0]]), "metric"), TRUTH, MASK, "lsq-disparity", CAP)


@pytest.mark.parametrize("fit", [least_squares_disparity, huber_disparity])
def test_truth_that_cannot_be_inverted(fit) -> None:
    with pytest.raises(InputError, match="truth above 0"):
        fit(TRUTH, np.array([[1.0, 0.0, 1.0, 1.0]]), MASK, CAP)


@pytest.mark.parametrize("name", ["median", "lsq-depth", "lsq-disparity", "huber-disparity"])
def test_nothing_to_fit_on(name: AlignmentName) -> None:
    with pytest.raises(InputError, match="at least one pixel"):
        align(depth_map(TRUTH, "metric"), TRUTH, np.zeros_like(MASK), name, CAP)


def test_pixels_without_a_value_do_no_harm() -> None:
    values = np.array([[1.0, 2.0, np.inf, 0.0]])
    mask = np.array([[True, True, False, False]])
    for name in ("median", "lsq-depth", "lsq-disparity", "huber-disparity"):
        aligned = align(depth_map(values, "metric"), TRUTH, mask, name, CAP)
        np.testing.assert_allclose(aligned.depth[mask], [1.0, 2.0], rtol=1e-6)
    constant = align(depth_map(np.array([[2.0, 2.0, np.inf, 0.0]]), "metric"), TRUTH, mask, "lsq-depth", CAP)
    assert constant.depth[mask].tolist() == [1.5, 1.5]
