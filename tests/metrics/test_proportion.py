"""Wilson's interval against numbers by hand and from a textbook."""

import pytest

from leadline.errors import InputError
from leadline.metrics.proportion import wilson_interval


def test_no_hit_of_ten_is_z_squared_over_n_plus_z_squared():
    low, high = wilson_interval(0, 10, z=2.0)
    assert low == 0.0
    assert high == pytest.approx(4.0 / 14.0)


def test_half_of_four_with_z_of_two():
    # (0.5 + 4/8 +- 2 sqrt(0.25/4 + 4/64)) / 2 = (1 +- 2 sqrt(1/8)) / 2
    assert wilson_interval(2, 4, z=2.0) == pytest.approx((0.5 - 0.125**0.5, 0.5 + 0.125**0.5))


def test_published_example():
    # Newcombe, Statistics in Medicine 1998, table I: 81 of 263, Wilson without continuity correction.
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_all_hits_end_at_one():
    assert wilson_interval(5, 5)[1] == 1.0


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (3, 2), (-1, 4)])
def test_impossible_counts_are_refused(hits, trials):
    with pytest.raises(InputError, match="hits from 0 up to the trials"):
        wilson_interval(hits, trials)
