import numpy as np
import pytest

from leadline.errors import InputError
from leadline.metrics.paired import paired_difference


def test_a_difference_that_is_the_same_everywhere_has_no_spread() -> None:
    found = paired_difference([3.0, 5.0, 8.0], [2.5, 4.5, 7.5])
    assert (found.mean, found.low, found.high, found.scenes) == (0.5, 0.5, 0.5, 3)
    assert found.relative == pytest.approx(0.5 / (14.5 / 3))
    assert found.certain


def test_one_scene_is_never_certain() -> None:
    found = paired_difference([3.0], [2.0])
    assert (found.mean, found.low, found.high, found.certain) == (1.0, 1.0, 1.0, False)


def test_two_scenes_have_the_interval_of_their_four_draws() -> None:
    # Means of two draws out of {0, 1}: 0, 1/2, 1/2, 1, a quarter each; so 5 % and 95 % are the ends.
    found = paired_difference([0.0, 2.0], [0.0, 1.0])
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)
    assert not found.certain
    # The middle half of the draws, from 25 % to 75 %, lies between 0 and 1/2, and 1/2 and 1.
    narrow = paired_difference([0.0, 2.0], [0.0, 1.0], level=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_many_scenes_have_the_normal_interval() -> None:
    difference = np.random.default_rng(3).normal(0.2, 1.0, 400)
    found = paired_difference(difference.tolist(), [0.0] * 400)
    half = 1.645 * float(difference.std()) / 20.0
    assert found.low == pytest.approx(found.mean - half, abs=0.01)
    assert found.high == pytest.approx(found.mean + half, abs=0.01)


def test_exchanging_the_methods_mirrors_the_difference() -> None:
    first, second = [1.0, 4.0, 2.0, 9.0], [2.0, 3.0, 2.5, 4.0]
    one, other = paired_difference(first, second), paired_difference(second, first)
    assert (one.mean, one.low, one.high) == (-other.mean, pytest.approx(-other.high), pytest.approx(-other.low))


def test_a_perfect_second_method_leaves_no_relative_difference() -> None:
    assert paired_difference([1.0], [0.0]).relative == np.inf
    assert paired_difference([0.0], [0.0]).relative == 0.0


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([], []), ([np.nan], [1.0])])
def test_scores_that_cannot_be_compared_are_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(InputError, match="expected"):
        paired_difference(first, second)
