import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.visual.errors import MISSING_RGB, UNKNOWN_RGB, error_legend, error_map


def disparity_map(values: list[float], valid: list[bool] | None = None) -> DisparityMap:
    row = np.array([values], dtype=np.float32)
    return DisparityMap(row, np.ones(row.shape, dtype=bool) if valid is None else np.array([valid]))


def test_error_colours_match_kitti_and_change_at_doublings_of_the_threshold() -> None:
    errors = [0.0, 0.1, 0.2, 0.4, 0.9, 1.9, 2.1, 4.1, 8.1, 16.1, 32.1, 500.0]
    image = error_map(disparity_map(errors), disparity_map([0.0] * len(errors)))
    expected = [
        (49, 54, 149),
        (49, 54, 149),
        (69, 117, 180),
        (116, 173, 209),
        (171, 217, 233),
        (224, 243, 248),
        (254, 224, 144),
        (253, 174, 97),
        (244, 109, 67),
        (215, 48, 39),
        (165, 0, 38),
        (165, 0, 38),
    ]
    assert [tuple(color) for color in image[0].tolist()] == expected


def test_an_error_at_the_threshold_is_still_blue() -> None:
    image = error_map(disparity_map([2.0, 3.0]), disparity_map([0.0, 0.0]))
    assert image[0].tolist() == [[224, 243, 248], [254, 224, 144]]
    at_three = error_map(disparity_map([3.0]), disparity_map([0.0]), correct_px=3.0)
    assert at_three[0].tolist() == [[224, 243, 248]]


def test_guesses_on_invalid_pixels_are_shown() -> None:
    image = error_map(disparity_map([5.0], [False]), disparity_map([5.0]))
    assert image[0].tolist() == [[49, 54, 149]]


def test_missing_and_unknown() -> None:
    image = error_map(disparity_map([0, 0, 5], [False, False, True]), disparity_map([5, 0, 0], [True, False, False]))
    assert [tuple(color) for color in image[0].tolist()] == [MISSING_RGB, UNKNOWN_RGB, UNKNOWN_RGB]


def test_growing_spreads_over_neighbours_but_not_over_known_pixels() -> None:
    valid = np.zeros((5, 5), dtype=bool)
    valid[2, 2] = valid[2, 3] = True
    truth = DisparityMap(np.zeros((5, 5), dtype=np.float32), valid)
    prediction = np.zeros((5, 5), dtype=np.float32)
    prediction[2, 3] = 100.0
    image = error_map(DisparityMap(prediction, np.ones((5, 5), dtype=bool)), truth, grow=True)
    assert image[2, 2].tolist() == [49, 54, 149]
    assert image[2, 3].tolist() == [165, 0, 38]
    assert image[1, 1].tolist() == [49, 54, 149]
    assert image[3, 4].tolist() == [165, 0, 38]
    assert not image[0].any()


def test_legend_shows_every_colour() -> None:
    colors = {tuple(color) for color in error_legend(800).reshape(-1, 3).tolist()}
    assert {(49, 54, 149), (254, 224, 144), (165, 0, 38), MISSING_RGB, UNKNOWN_RGB} <= colors


def test_sizes_must_agree() -> None:
    with pytest.raises(InputError, match="one size"):
        error_map(disparity_map([1]), disparity_map([1, 2]))


def test_threshold_must_be_positive() -> None:
    with pytest.raises(InputError, match="positive error threshold"):
        error_map(disparity_map([1]), disparity_map([1]), correct_px=0.0)
