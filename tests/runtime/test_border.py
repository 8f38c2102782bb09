"""The strip that only the left camera sees."""

import numpy as np

from leadline.runtime.border import fill_unseen_border


def test_the_first_sure_disparity_is_continued_to_the_border() -> None:
    disparity = np.full((2, 40), 3.0, np.float32)
    disparity[:, 12:] = 12.0
    confidence = np.where(np.arange(40) < 12, 0.1, 0.9) * np.ones((2, 1))
    filled = fill_unseen_border(disparity, confidence.astype(np.float32))
    np.testing.assert_array_equal(filled, np.full((2, 40), 12.0, np.float32))


def test_a_pixel_that_the_right_camera_could_see_is_left_alone() -> None:
    disparity = np.full((1, 40), 3.0, np.float32)
    disparity[:, 20:] = 5.0
    confidence = np.where(np.arange(40) < 20, 0.1, 0.9)[None].astype(np.float32)
    filled = fill_unseen_border(disparity, confidence)
    np.testing.assert_array_equal(filled[0, :5], 5.0)  # 4 - 5 < 0: outside the right picture
    np.testing.assert_array_equal(filled[0, 5:], disparity[0, 5:])


def test_a_sure_network_keeps_its_border() -> None:
    disparity = np.linspace(9.0, 4.0, 30, dtype=np.float32)[None].repeat(3, axis=0)
    filled = fill_unseen_border(disparity, np.full((3, 30), 0.9, np.float32))
    first_seen = int(np.argmax(disparity[0] <= np.arange(30)))
    np.testing.assert_array_equal(filled[:, first_seen:], disparity[:, first_seen:])


def test_a_row_without_a_sure_pixel_is_unchanged() -> None:
    disparity = np.arange(60, dtype=np.float32).reshape(2, 30)
    np.testing.assert_array_equal(fill_unseen_border(disparity, np.zeros((2, 30), np.float32)), disparity)
