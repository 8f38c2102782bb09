import numpy as np

from leadline.classical.fill import fill_background


def fill(rows):
    """Fills zeros of a hand-written map."""
    disparity = np.array(rows, np.float32)
    return fill_background(disparity, disparity > 0).tolist()


def test_a_hole_takes_the_farther_neighbour():
    assert fill([[5, 0, 0, 3], [3, 0, 0, 5]]) == [[5, 3, 3, 3], [3, 3, 3, 5]]


def test_borders_take_their_only_neighbour():
    assert fill([[0, 0, 7, 0]]) == [[7, 7, 7, 7]]


def test_empty_rows_take_the_farther_of_the_rows_around():
    assert fill([[0, 0], [4, 9], [0, 0], [0, 0], [6, 2], [0, 0]]) == [[4, 9], [4, 9], [4, 2], [4, 2], [6, 2], [6, 2]]


def test_nothing_known_is_zero():
    assert fill([[0, 0], [0, 0]]) == [[0, 0], [0, 0]]


def test_invalid_values_are_never_read():
    disparity = np.array([[np.nan, 4, np.inf, 6]], np.float32)
    assert fill_background(disparity, np.isfinite(disparity)).tolist() == [[4, 4, 4, 6]]
