import numpy as np
import pytest

from leadline.errors import InputError
from leadline.scale.consensus import consensus_fit


def line(x):
    return np.stack([x, np.ones_like(x)], axis=1)


def test_a_line_among_outliers_is_exact():
    x = np.arange(20.0)
    y = 3.0 * x - 5.0
    y[[1, 4, 7, 8, 12, 15, 19]] += [50.0, -80.0, 900.0, 40.0, 33.0, -7.0, 5000.0]
    fit = consensus_fit(line(x), y)
    np.testing.assert_allclose(fit.coefficients, [3.0, -5.0], rtol=1e-9)
    assert fit.inliers.sum() == 13
    assert not fit.inliers[[1, 4, 7, 8, 12, 15, 19]].any()
    assert fit.sigma == pytest.approx(0.0, abs=1e-9)


def test_few_data_are_fitted_by_least_squares():
    # Of (0, 0), (1, 2), (2, 1): slope 0.5, intercept 0.5, residuals -0.5, 1, -0.5; variance 1.5 (1 degree of freedom).
    fit = consensus_fit(line(np.array([0.0, 1.0, 2.0])), np.array([0.0, 2.0, 1.0]))
    np.testing.assert_allclose(fit.coefficients, [0.5, 0.5])
    assert fit.inliers.all()
    assert fit.sigma == pytest.approx(1.5**0.5)
    # Var(slope) = variance / sum (x - mean)^2, Var(intercept) = variance (1/n + mean^2 / sum (x - mean)^2).
    np.testing.assert_allclose(np.diag(fit.covariance), [1.5 / 2, 1.5 * (1 / 3 + 1 / 2)])


def test_as_many_data_as_unknowns_show_no_error():
    fit = consensus_fit(line(np.array([1.0, 3.0])), np.array([2.0, 6.0]))
    np.testing.assert_allclose(fit.coefficients, [2.0, 0.0], atol=1e-12)
    assert fit.covariance is None
    assert fit.sigma == 0.0


def test_columns_of_any_size():
    x = np.linspace(1e6, 1.001e6, 50)
    fit = consensus_fit(line(x), 1e-9 * x + 4.0)
    np.testing.assert_allclose(fit.coefficients, [1e-9, 4.0], rtol=1e-6)


def test_the_error_bar_covers_the_truth():
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.uniform(0.0, 10.0, 60)
        y = 2.0 * x + 1.0 + rng.normal(0.0, 0.3, 60)
        y[:12] += rng.uniform(5.0, 50.0, 12)
        fit = consensus_fit(line(x), y)
        errors.append((fit.coefficients[0] - 2.0) / fit.covariance[0, 0] ** 0.5)
    # Standard normal but for the cut at 2.5 sigma.
    assert 0.7 < np.std(errors) < 1.4


@pytest.mark.parametrize(
    ("x", "count"), [([1.0], "got 1 that do not"), ([2.0, 2.0, 2.0], "got 3 that do not"), ([], "got 0 that")]
)
def test_data_that_determine_nothing_are_refused(x, count):
    with pytest.raises(InputError, match=count):
        consensus_fit(line(np.array(x)), np.ones(len(x)))


def test_two_places_and_an_outlier():
    # A line through the six at x = 2 and the outlier at x = 1 has as low a median as the one through both places.
    x = np.array([1.0] * 5 + [2.0] * 6)
    y = np.array([10.0, 10.0, 10.0, 10.0, 50.0] + [20.0] * 6)
    fit = consensus_fit(line(x), y)
    np.testing.assert_allclose(fit.coefficients, [10.0, 0.0], atol=1e-9)
    np.testing.assert_array_equal(np.flatnonzero(~fit.inliers), [4])


def test_data_that_are_mostly_alike_leave_a_line():
    # Six of eight share one x: whichever line is taken goes through them and one of the others.
    x = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 7.0])
    fit = consensus_fit(line(x), np.array([3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 7.0, 900.0]))
    assert fit.inliers[:6].all()
    assert fit.inliers[6:].sum() == 1
    assert np.isfinite(fit.coefficients).all()
