import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.metrics.depth import (
    abs_rel,
    delta,
    delta_outliers,
    has_depth,
    log10,
    ordinal_relation,
    ratio_error,
    relative_error,
    rmse,
    rmse_log,
    silog_eigen,
    silog_kitti,
    sq_rel,
    sq_rel_over_square,
    whdr,
)

METRICS = (
    abs_rel,
    sq_rel,
    sq_rel_over_square,
    rmse,
    rmse_log,
    log10,
    silog_eigen,
    silog_kitti,
    delta,
    delta_outliers,
)
# Half of the truth, twice the truth, and a pixel that does not count.
PREDICTION = np.array([1.0, 4.0, np.nan])
TRUTH = np.array([2.0, 2.0, 0.0])
MASK = np.array([True, True, False])


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (abs_rel, (0.5 + 1) / 2),
        (sq_rel, (1 / 2 + 4 / 2) / 2),
        (sq_rel_over_square, (1 / 4 + 4 / 4) / 2),
        (rmse, np.sqrt((1 + 4) / 2)),
        (rmse_log, np.log(2)),
        (log10, np.log10(2)),
        (silog_eigen, np.log(2) ** 2),
        (silog_kitti, 100 * np.log(2)),
        (delta, 0),
        (delta_outliers, 1),
    ],
)
def test_of_two_pixels(metric, value: float) -> None:
    assert metric(PREDICTION, TRUTH, MASK) == pytest.approx(value, rel=1e-14)
    assert metric(PREDICTION.astype(np.float32), TRUTH.astype(np.float32), MASK) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_what_is_no_depth_is_no_score(metric, bad: float) -> None:
    everywhere = np.ones(2, dtype=bool)
    with pytest.raises(InputError, match="under the mask"):
        metric(np.array([1.0, bad]), np.array([1.0, 1.0]), everywhere)
    with pytest.raises(InputError, match="under the mask"):
        metric(np.array([1.0, 1.0]), np.array([1.0, bad]), everywhere)


@pytest.mark.parametrize("metric", METRICS)
def test_no_pixel_is_no_perfect_score(metric) -> None:
    with pytest.raises(InputError, match="at least one pixel"):
        metric(np.ones(2), np.ones(2), np.zeros(2, dtype=bool))


def test_deltas_are_strict_and_nested() -> None:
    prediction, truth = np.array([1.25, 1.2, 1.5, 1.9]), np.ones(4)
    mask = np.ones(4, dtype=bool)
    # Exactly 1.25 is neither below nor above it; 1.25^2 is 1.5625 and 1.25^3 is 1.953125.
    assert [delta(prediction, truth, mask, n) for n in (1, 2, 3)] == [0.25, 0.75, 1.0]
    assert delta_outliers(prediction, truth, mask) == 0.5
    assert delta(truth, prediction, mask) == 0.25


def test_scale_invariant_log_errors_ignore_the_scale_and_only_it() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 80, 1000)
    prediction = truth * rng.lognormal(0, 0.1, 1000)
    mask = np.ones(1000, dtype=bool)
    for metric in (silog_eigen, silog_kitti):
        assert metric(7.3 * prediction, truth, mask) == pytest.approx(metric(prediction, truth, mask), rel=1e-12)
    assert silog_kitti(prediction, truth, mask) == pytest.approx(100 * np.sqrt(silog_eigen(prediction, truth, mask)))
    assert rmse_log(prediction, truth, mask) ** 2 == pytest.approx(
        silog_eigen(prediction, truth, mask) + np.mean(np.log(prediction / truth)) ** 2
    )


def test_equal_torchmetrics() -> None:
    functional = pytest.importorskip("torchmetrics.functional")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    truth = rng.uniform(1, 80, 500)
    prediction = truth * rng.lognormal(0, 0.2, 500)
    mask = np.ones(500, dtype=bool)
    z, g = torch.from_numpy(prediction), torch.from_numpy(truth)
    assert abs_rel(prediction, truth, mask) == pytest.approx(
        float(functional.mean_absolute_percentage_error(z, g)), rel=1e-12
    )
    assert rmse(prediction, truth, mask) == pytest.approx(
        float(functional.mean_squared_error(z, g, squared=False)), rel=1e-12
    )
    assert rmse_log(prediction, truth, mask) == pytest.approx(
        float(functional.mean_squared_error(z.log(), g.log(), squared=False)), rel=1e-12
    )
    assert log10(prediction, truth, mask) == pytest.approx(
        float(functional.mean_absolute_error(z.log10(), g.log10())), rel=1e-12
    )


def test_errors_of_pixels() -> None:
    np.testing.assert_allclose(relative_error(PREDICTION, TRUTH)[MASK], [0.5, 1.0])
    np.testing.assert_allclose(ratio_error(PREDICTION, TRUTH)[MASK], [2.0, 2.0])


def test_guesses_are_positive_and_finite() -> None:
    depth = np.array([[3.0, 3.0, 0.0, -1.0, np.nan, np.inf, 0.0]], dtype=np.float32)
    valid = np.array([[True, False, False, False, False, False, True]])
    assert has_depth(DepthMap(depth, valid, "metric")).tolist() == [[True, True, False, False, False, False, True]]


def test_ordinal_relation_of_four_pairs() -> None:
    first = np.array([2.0, 1.0, 1.01, 1.03])
    second = np.array([1.0, 2.0, 1.0, 1.0])
    assert ordinal_relation(first, second, tolerance=0.02).tolist() == [1, -1, 0, 1]
    assert ordinal_relation(first, second, tolerance=0.0).tolist() == [1, -1, 1, 1]


def test_whdr_weighs_pairs() -> None:
    predicted, judged = np.array([1, -1, 0, 1]), np.array([1, 1, 0, -1])
    assert whdr(predicted, judged) == 0.5
    assert whdr(predicted, judged, np.array([1.0, 3.0, 2.0, 2.0])) == 5 / 8


@pytest.mark.parametrize("tolerance", [-0.1, np.nan])
def test_negative_tolerance(tolerance: float) -> None:
    with pytest.raises(InputError, match="tolerance"):
        ordinal_relation(np.ones(1), np.ones(1), tolerance)


def test_order_of_what_is_no_depth() -> None:
    with pytest.raises(InputError, match="above 0"):
        ordinal_relation(np.zeros(1), np.ones(1), 0.02)


@pytest.mark.parametrize("weight", [[-1.0, 1.0], [np.nan, 1.0], [0.0, 0.0]])
def test_weights_that_are_none(weight: list[float]) -> None:
    with pytest.raises(InputError, match="weights"):
        whdr(np.array([1, 1]), np.array([1, 1]), np.array(weight))


def test_no_pairs() -> None:
    with pytest.raises(InputError, match="at least one pair"):
        whdr(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
