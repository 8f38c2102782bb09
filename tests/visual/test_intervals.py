"""Charts of shares with their intervals."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.visual.intervals import Interval, interval_chart


def test_the_point_is_at_its_share_of_the_axis():
    chart = interval_chart([Interval("half", 0.5, 0.25, 0.75)], "share")
    row = chart[40 + 15].astype(int)
    blue = np.flatnonzero((row[:, 2] > 120) & (row[:, 0] < 100))
    # The axis goes from column 202 to 618.
    assert (blue.min(), blue.max()) == pytest.approx((202 + 104, 202 + 312), abs=2)


@pytest.mark.parametrize("rows", [[], [Interval("a", 0.5, 0.6, 0.7)], [Interval("a", 0.5, 0.1, 1.2)]])
def test_impossible_intervals_are_refused(rows):
    with pytest.raises(InputError, match="0 <= low <= share <= high <= 1"):
        interval_chart(rows, "share")
