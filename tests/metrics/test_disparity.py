import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.metrics.disparity import absolute_error, avgerr, bad, d1, density, error_quantile, has_prediction, rms

ALL = np.ones(4, dtype=bool)


def test_a_guess_is_finite_and_positive() -> None:
    values = np.array([[0.0, 0.0, 5.0, -1.0, np.nan, np.inf]], dtype=np.float32)
    valid = np.array([[True, False, False, False, False, False]])
    np.testing.assert_array_equal(
        has_prediction(DisparityMap(values, valid)), [[True, False, True, False, False, False]]
    )


def test_absolute_error_is_float64_and_keeps_unknown_as_nan() -> None:
    error = absolute_error(
        np.array([3.0, 5.0, np.nan, np.inf], dtype=np.float32), np.array([4.0, 2.5, 1.0, np.inf], dtype=np.float32)
    )
    assert error.dtype == np.float64
    np.testing.assert_array_equal(error, [1.0, 2.5, np.nan, np.nan])


def test_avgerr_and_rms_of_four_pixels() -> None:
    error = np.array([0.0, 1.0, 2.0, 3.0])
    assert avgerr(error, ALL) == 1.5
    assert rms(error, ALL) == pytest.approx(np.sqrt(14 / 4), rel=1e-15)


def test_bad_is_strict_and_counts_missing_predictions() -> None:
    error = np.array([0.5, 2.0, 2.01, np.inf])
    assert bad(error, ALL, 2.0) == 0.5
    assert bad(error, ALL, 0.5) == 0.75
    assert bad(error, np.array([True, True, True, False]), 2.0) == pytest.approx(1 / 3)


def test_d1_needs_both_clauses() -> None:
    # 5 % of 100 is 5 px, so 4 px pass there; 2.9 px of 10 pass by the first clause, 3.1 px of 10 fail both.
    error = np.array([4.0, 5.1, 2.9, 3.1])
    truth = np.array([100.0, 100.0, 10.0, 10.0], dtype=np.float32)
    assert d1(error, truth, ALL) == 0.5
    np.testing.assert_array_equal([d1(error[i : i + 1], truth[i : i + 1], ALL[:1]) for i in range(4)], [0, 1, 0, 1])


def test_d1_is_strict_in_both_clauses_and_counts_missing_predictions() -> None:
    assert d1(np.array([3.0, 5.0]), np.array([10.0, 100.0]), ALL[:2]) == 0.0
    assert d1(np.array([np.inf]), np.array([100.0]), ALL[:1]) == 1.0


def test_quantiles_interpolate_between_ranks() -> None:
    error = np.array([4.0, 0.0, 1.0, 2.0, 3.0])
    mask = np.ones(5, dtype=bool)
    assert error_quantile(error, mask, 0.5) == 2.0
    # Rank 0.9 * (5 - 1) = 3.6 lies between 3 and 4.
    assert error_quantile(error, mask, 0.9) == pytest.approx(3.6)


def test_density_is_over_counted_pixels_only() -> None:
    predicted = np.array([True, False, True, True])
    assert density(predicted, np.array([True, True, False, False])) == 0.5


@pytest.mark.parametrize("score", [avgerr, rms])
def test_infinite_error_is_no_average(score: object) -> None:
    assert callable(score)
    with pytest.raises(InputError, match="finite"):
        score(np.array([1.0, np.inf]), ALL[:2])


def test_nan_is_neither_good_nor_bad() -> None:
    with pytest.raises(InputError, match="NaN"):
        bad(np.array([1.0, np.nan]), ALL[:2], 2.0)
    with pytest.raises(InputError, match="NaN"):
        d1(np.array([1.0, 1.0]), np.array([1.0, np.nan]), ALL[:2])


def test_quantile_outside_unit_interval() -> None:
    with pytest.raises(InputError, match=r"got 90\.0"):
        error_quantile(np.ones(4), ALL, 90.0)
