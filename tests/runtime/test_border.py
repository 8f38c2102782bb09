"""Surfaces that run through the left border are continued; everything else stays."""

import numpy as np

from leadline.runtime.border import extend_to_border

HEIGHT, WIDTH, STRIP = 30, 120, 20


def grey(level: int = 120) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def wall(at_border_px: float = 24.0, slope: float = 0.1) -> np.ndarray:
    """The disparity of a wall: 24 px at the border, growing by 0.1 px a column."""
    return np.broadcast_to(at_border_px + slope * np.arange(WIDTH, dtype=np.float32), (HEIGHT, WIDTH)).astype(
        np.float32
    )


def unsure_strip(columns: int = 40) -> np.ndarray:
    confidence = np.full((HEIGHT, WIDTH), 0.95, np.float32)
    confidence[:, :columns] = 0.2
    return confidence


def guessed(truth: np.ndarray) -> np.ndarray:
    found = truth.copy()
    found[:, :STRIP] = 3.0
    return found


def test_slanted_wall_is_continued_to_the_border() -> None:
    truth = wall()
    disparity, confidence = extend_to_border(grey(), guessed(truth), unsure_strip())
    # The slope is drawn a little towards zero: by 20 px^2 beside the 40,000 px^2 that 13 x 24 pixels hold.
    np.testing.assert_allclose(disparity[:, :STRIP], truth[:, :STRIP], atol=0.1)
    np.testing.assert_array_equal(disparity[:, 40:], truth[:, 40:])
    # Odds of 0.2 / 0.8, twice.
    np.testing.assert_allclose(confidence[:, :STRIP], 1.0 / 3.0, rtol=1e-6)
    np.testing.assert_array_equal(confidence[:, 40:], unsure_strip()[:, 40:])


def test_what_the_right_camera_may_see_stays() -> None:
    # The wall at 24 to 28 px hides columns up to about 26: those beyond are the network's, sure or not.
    found = guessed(wall())
    found[:, 28:] += np.float32(0.7)
    disparity, _ = extend_to_border(grey(), found, unsure_strip())
    np.testing.assert_array_equal(disparity[:, 28:], found[:, 28:])


def test_another_colour_is_another_surface() -> None:
    image = grey()
    image[:, :STRIP] = (200, 60, 60)
    found = guessed(wall())
    np.testing.assert_array_equal(extend_to_border(image, found, unsure_strip())[0][:, :STRIP], found[:, :STRIP])


def test_confident_guesses_in_the_strip_stay() -> None:
    confidence = unsure_strip()
    confidence[:, 5:10] = 0.6
    # Column 5 is not the row's first support: a disparity of 24 px and more there cannot be checked.
    found = wall()
    found[:, :5], found[:, 5:10], found[:, 10:STRIP] = 3.0, 30.0, 3.0
    disparity, trust = extend_to_border(grey(), found, confidence)
    np.testing.assert_array_equal(disparity[:, 5:10], 30.0)
    np.testing.assert_allclose(disparity[:, 10:STRIP], wall()[:, 10:STRIP], atol=0.1)
    np.testing.assert_array_equal(trust[:, 5:10], confidence[:, 5:10])


def test_nearer_thing_in_the_window_does_not_bend_the_plane() -> None:
    truth = wall()
    truth[:, 52:] += 9.0
    disparity, _ = extend_to_border(grey(), guessed(truth), unsure_strip())
    np.testing.assert_allclose(disparity[:, :STRIP], wall()[:, :STRIP], atol=0.2)


def test_nothing_sure_changes_nothing() -> None:
    found, confidence = guessed(wall()), np.full((HEIGHT, WIDTH), 0.3, np.float32)
    disparity, trust = extend_to_border(grey(), found, confidence)
    np.testing.assert_array_equal(disparity, found)
    np.testing.assert_array_equal(trust, confidence)


def test_rows_of_their_own_are_left_alone_where_none_of_them_is_sure() -> None:
    confidence = unsure_strip()
    confidence[12] = 0.1
    found = guessed(wall())
    disparity, _ = extend_to_border(grey(), found, confidence)
    np.testing.assert_array_equal(disparity[12], found[12])
    assert (disparity[13, :STRIP] > 20.0).all()
