import numpy as np

from leadline.data.datasets.occlusion import hidden_from_left, hidden_from_right, leaves_frame


def test_matches_left_of_the_right_image():
    disparity = np.full((1, 5), 2.4, np.float32)
    valid = np.array([[True, False, True, True, True]])
    # Matches at -2.4, unknown, -0.4 (still the first pixel), 0.6 and 1.6.
    assert leaves_frame(disparity, valid).tolist() == [[True, False, False, False, False]]


def test_a_nearer_surface_hides_the_one_behind():
    # A foreground of disparity 3 at left columns 5 and 6 is seen at right columns 2 and 3; the background has 1.
    disparity = np.ones((1, 8), np.float32)
    disparity[0, 5:7] = 3
    right = np.ones((1, 8), np.float32)
    right[0, 2:4] = 3
    known = np.ones((1, 8), bool)
    # Left 3 and 4 match right 2 and 3, where the foreground stands; left 0 matches column -1.
    hidden = [True, False, False, True, True, False, False, False]
    assert hidden_from_right(disparity, known, right, known).tolist() == [hidden]
    # Right 4 and 5 match left 5 and 6, where the foreground stands; right 7 matches column 8.
    right_hidden = [False, False, False, False, True, True, False, True]
    assert hidden_from_left(right, known, disparity, known).tolist() == [right_hidden]
    assert not hidden_from_right(disparity, known, right, ~known)[0, 1:].any()
    assert not hidden_from_right(disparity, ~known, right, known).any()
