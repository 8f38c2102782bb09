import numpy as np
import pytest
from skimage.metrics import mean_squared_error

from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.visual.colormap import confidence_grey, plasma, plasma_depth, robust_range


def warmth(color: np.ndarray) -> int:
    return int(color[0]) + int(color[1]) - int(color[2])


def test_plasma_runs_from_dark_blue_to_yellow() -> None:
    image = plasma(np.array([[0.0, 1.0, 2.0]]), np.ones((1, 3), dtype=bool), (0.0, 2.0))
    # The ends of matplotlib's table: #0d0887 and #f0f921.
    assert mean_squared_error(image[0, 0], np.array([13, 8, 135])) < 2
    assert mean_squared_error(image[0, 2], np.array([240, 249, 33])) < 2
    assert warmth(image[0, 0]) < warmth(image[0, 1]) < warmth(image[0, 2])


def test_invalid_is_black_even_where_not_finite() -> None:
    image = plasma(np.array([[np.nan, 1.0, 5.0]]), np.array([[False, True, True]]))
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[0, 1].any()


def test_outliers_do_not_eat_the_range() -> None:
    values = np.concatenate([np.linspace(10, 20, 999), [1e6]])[None, :]
    low, high = robust_range(values, np.ones(values.shape, dtype=bool))
    assert 10 <= low < 10.5
    assert 19.5 < high <= 20


@pytest.mark.parametrize(("values", "valid", "expected"), [([3.0, 3.0], True, (2.5, 3.5)), ([3.0, 9.0], False, (0, 1))])
def test_degenerate_ranges(values: list[float], valid: bool, expected: tuple[float, float]) -> None:
    assert robust_range(np.array([values]), np.full((1, 2), valid)) == expected


@pytest.mark.parametrize("bad_range", [(1.0, 1.0), (2.0, 1.0), (0.0, np.inf)])
def test_bad_range(bad_range: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="low < high"):
        plasma(np.ones((1, 1)), np.ones((1, 1), dtype=bool), bad_range)


def test_closer_depth_is_hotter_for_every_kind() -> None:
    values = np.array([[1.0, 2.0, 4.0, 0.0]], dtype=np.float32)
    valid = np.ones((1, 4), dtype=bool)
    metric = plasma_depth(DepthMap(values, valid, "metric"))
    assert warmth(metric[0, 0]) > warmth(metric[0, 1]) > warmth(metric[0, 2])
    assert metric[0, 3].tolist() == [0, 0, 0]
    inverse = plasma_depth(DepthMap(values, valid, "affine_inverse"))
    assert warmth(inverse[0, 2]) > warmth(inverse[0, 0])
    # Depth with a shift may be 0 or less, and is still nearer where it is smaller.
    shifted = plasma_depth(DepthMap(values - 2, valid, "affine_depth"))
    assert warmth(shifted[0, 0]) > warmth(shifted[0, 1]) > warmth(shifted[0, 2])


def test_confidence_is_grey_with_white_certain() -> None:
    image = confidence_grey(np.array([[0.0, 0.2, 1.0, 1.2]], dtype=np.float32))
    assert image[0].tolist() == [[0] * 3, [51] * 3, [255] * 3, [255] * 3]


def test_confidence_must_be_finite() -> None:
    with pytest.raises(InputError, match="finite confidence"):
        confidence_grey(np.array([[np.nan]], dtype=np.float32))
