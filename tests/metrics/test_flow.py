"""Errors of flow, at numbers worked out by hand."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.metrics.flow import angular_error, endpoint_error, epe, fl, speed_band


def row(*pixels: tuple[float, float]) -> np.ndarray:
    return np.array([pixels], np.float32)


EVERYWHERE = np.ones((1, 4), bool)


def test_endpoint_error_is_a_length_and_its_mean_the_epe():
    error = endpoint_error(row((3, 4), (1, 1), (-6, 8), (0, 0)), row((0, 0), (1, 1), (0, 0), (0, 2)))
    np.testing.assert_array_equal(error, [[5.0, 0.0, 10.0, 2.0]])
    assert epe(error, EVERYWHERE) == 4.25
    assert epe(error, np.array([[True, True, False, False]])) == 2.5
    with pytest.raises(InputError):
        epe(error, np.zeros((1, 4), bool))


def test_an_outlier_needs_both_clauses():
    """3 px is not above 3 px; 4 px is, but not above 5 % of 100 px."""
    truth = row((0, 0), (10, 0), (100, 0), (60, 80))
    error = np.array([[3.0, 4.0, 4.0, 5.5]])
    assert fl(error, truth, EVERYWHERE) == 0.5
    assert fl(np.full((1, 4), np.inf), truth, EVERYWHERE) == 1.0
    with pytest.raises(InputError, match="NaN"):
        fl(np.full((1, 4), np.nan), truth, EVERYWHERE)


def test_angular_error_is_that_of_the_directions_in_space_and_time():
    flow, truth = row((1, 0), (0, 0), (1, 1), (3, 4)), row((0, 1), (0, 0), (-1, -1), (3, 4))
    # (1,0,1) and (0,1,1): cos = 1/2; (1,1,1) and (-1,-1,1): cos = -1/3.
    expected = [60.0, 0.0, np.degrees(np.arccos(-1 / 3)), 0.0]
    np.testing.assert_allclose(angular_error(flow, truth)[0], expected, atol=1e-9)
    # By arccos of the float64 cosine this would be 0.
    tiny = angular_error(np.array([[[1e-9, 0.0]]]), np.zeros((1, 1, 2)))
    np.testing.assert_allclose(tiny, np.degrees(1e-9), rtol=1e-6)


def test_speed_bands_share_all_pixels():
    truth = row((6, 8), (9.9, 0), (0, 40), (24, 31))
    bands = [speed_band(truth, *band)[0].tolist() for band in ((0.0, 10.0), (10.0, 40.0), (40.0, np.inf))]
    assert bands == [[False, True, False, False], [True, False, False, True], [False, False, True, False]]
