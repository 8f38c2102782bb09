"""Where flow lands, and the way there and back."""

import numpy as np

from leadline.geometry.flow import agreeing, landing, round_trip


def test_landing_is_within_the_outermost_pixels():
    flow = np.zeros((4, 5, 2), np.float32)
    flow[..., 0], flow[..., 1] = 1.4, -0.6
    x, y, inside = landing(flow)
    assert (x[0, 0], y[0, 0]) == (np.float32(1.4), np.float32(-0.6))
    # Columns end at 4.5: 4 + 1.4 is out. Rows begin at -0.5: row 0 lands at -0.6.
    assert inside.tolist() == [[False] * 5, *[[True] * 4 + [False]] * 3]


def test_a_uniform_error_is_its_length():
    forward = np.full((9, 9, 2), [2.0, 1.0], np.float32)
    backward = np.full((9, 9, 2), [-5.0, -5.0], np.float32)
    np.testing.assert_allclose(round_trip(forward, backward), 5.0)


def test_longer_ways_may_miss_by_more():
    """Off by 1.5 px: too far for 4 px (1.2 allowed), near enough for 20 px (2 allowed)."""
    for length, agrees in ((4.0, False), (20.0, True)):
        forward = np.zeros((3, 60, 2), np.float32)
        forward[..., 0] = length
        backward = -forward
        backward[..., 0] += 1.5
        assert agreeing(forward, backward)[:, :30].all() == agrees
