"""Bar charts: lengths are values."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.visual.bars import Bar, bar_chart


def blue(row: np.ndarray) -> int:
    return int((row == (90, 140, 200)).all(axis=-1).sum())


def test_a_bar_is_as_long_as_its_value_says():
    chart = bar_chart({"first": [Bar("a", 4.0), Bar("b", 2.0)], "second": [Bar("c", None)]}, "title, px", width=600)
    lengths = [blue(row) for row in chart]
    longest = max(lengths)
    assert 250 < longest < 300  # the space between labels and values
    assert sorted(set(lengths)) == [0, pytest.approx(longest / 2, abs=1), longest]


def test_the_error_bar_and_the_guide_stand_at_their_values():
    chart = bar_chart({"g": [Bar("a", 2.0, 1.0)]}, "t", guide=4.0, width=600)
    # The guide is the farthest of all: half of the way there is the bar's end, three quarters the error bar's.
    bar = blue(max(chart, key=blue))
    start = int(np.flatnonzero((max(chart, key=blue) == (90, 140, 200)).all(axis=-1))[0])
    guide = int(np.flatnonzero((chart[-20] == (200, 60, 40)).all(axis=-1))[0])
    assert guide - start == pytest.approx(2 * bar, abs=3)
    dark = (chart[[blue(row) > 0 for row in chart]] == (40, 40, 40)).all(axis=-1)
    columns = np.flatnonzero(dark.any(axis=0))
    assert columns.max() - start == pytest.approx(1.5 * bar, abs=3)
    assert columns.min() - start == pytest.approx(0.5 * bar, abs=3)


@pytest.mark.parametrize("bars", [[], [Bar("a", None)], [Bar("a", -1.0)], [Bar("a", float("nan"))]])
def test_what_has_no_length_is_refused(bars):
    with pytest.raises(InputError, match="finite lengths"):
        bar_chart({"g": bars}, "t")
