import numpy as np
import pytest

from leadline.errors import InputError
from leadline.metrics.reduce import masked_mean, masked_values


def test_only_masked_values_count() -> None:
    values = np.array([1.0, np.nan, 3.0, 1000.0])
    assert masked_mean(values, np.array([True, False, True, False])) == 2.0


def test_mean_of_booleans_is_a_share() -> None:
    assert masked_mean(np.array([[True, False], [False, False]]), np.ones((2, 2), dtype=bool)) == 0.25


def test_float32_is_averaged_in_float64() -> None:
    # In float32 a running sum of 0.1 drifts; the float64 mean of n equal values is that value.
    values = np.full(1_000_003, 0.1, dtype=np.float32)
    assert masked_mean(values, np.ones(values.shape, dtype=bool)) == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_values_keep_row_major_order() -> None:
    values = np.array([[1, 2], [3, 4]])
    np.testing.assert_array_equal(masked_values(values, np.array([[False, True], [True, True]])), [2.0, 3.0, 4.0])


def test_empty_mask_is_refused() -> None:
    with pytest.raises(InputError, match="empty mask"):
        masked_mean(np.ones(3), np.zeros(3, dtype=bool))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_value_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="got 1 that are not"):
        masked_mean(np.array([0.0, value]), np.ones(2, dtype=bool))
