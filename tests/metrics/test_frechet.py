"""The Frechet distance of Gaussians, against its closed form."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.metrics.frechet import frechet_distance


def test_it_is_that_of_independent_gaussians():
    # For diagonal covariances: sum of (m1 - m2)^2 + (s1 - s2)^2.
    base = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    unit = base * np.sqrt(3.0 / 4.0)  # variance 1 with n - 1
    assert frechet_distance(unit * [2.0, 5.0] + [3.0, 0.0], unit * [4.0, 1.0]) == pytest.approx(9.0 + 4.0 + 16.0)
    assert frechet_distance(unit, unit) == pytest.approx(0.0, abs=1e-9)


def test_it_does_not_depend_on_the_axes():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(50, 4)), rng.normal(size=(60, 4)) * [1.0, 2.0, 3.0, 4.0] + 1.0
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(frechet_distance(first, second))


@pytest.mark.parametrize("other", [np.zeros((1, 2)), np.zeros((3, 3)), np.full((3, 2), np.nan)])
def test_what_cannot_be_compared_is_refused(other):
    with pytest.raises(InputError):
        frechet_distance(np.zeros((3, 2)), other)
