"""Braking distance and safe speed, by hand."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.robotics.limits import RobotLimits


def test_stopping_distance_is_latency_and_braking():
    limits = RobotLimits(acceleration_m_s2=2.0, latency_s=0.25)
    # 1 m/s: 0.25 m until it brakes, then 1 / 4 m.
    assert float(limits.stopping_m(1.0)) == pytest.approx(0.5)


def test_safe_speed_is_the_inverse_of_the_stopping_distance():
    limits = RobotLimits(acceleration_m_s2=1.5, latency_s=0.3)
    speeds = np.array([0.0, 0.3, 1.0, 2.5])
    assert limits.safe_speed_m_s(limits.stopping_m(speeds)) == pytest.approx(speeds)
    assert float(limits.safe_speed_m_s(-1.0)) == 0.0


@pytest.mark.parametrize(("name", "value"), [("speed_m_s", 0.0), ("latency_s", -0.1), ("radius_m", np.inf)])
def test_robots_that_cannot_be_are_refused(name, value):
    with pytest.raises(InputError, match=f"expected a {name}"):
        RobotLimits(**{name: value})
