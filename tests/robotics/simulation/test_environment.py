"""The environment for learning: gymnasium's own checks, rewards by hand, and misuse."""

import importlib
import sys

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from leadline.errors import InputError, MissingExtraError  # noqa: E402
from leadline.robotics.simulation.bodies import Box, World  # noqa: E402
from leadline.robotics.simulation.environment import FlightEnvironment  # noqa: E402
from leadline.robotics.simulation.flights import FlightRules  # noqa: E402

WALL = World("test", (Box((1.2, 0.0, 1.5), (0.1, 4.0, 1.5)),), goal_m=(5.0, 0.0), ceiling_m=3.0)
ORACLE = FlightRules("oracle", longest_s=3.0)


def test_gymnasiums_checks_pass():
    check_env(FlightEnvironment(FlightRules("tof")), skip_render_check=True)


def test_a_flight_into_a_wall_is_terminated_and_its_rewards_add_up():
    env = FlightEnvironment(ORACLE, WALL)
    env.reset(seed=1)
    rewards, terminated = [], False
    while not terminated:
        _, reward, terminated, truncated, info = env.step(np.array([1.0, 0.0, 0.0], np.float32))
        rewards.append(reward)
        assert not truncated
    # The body touches the wall 0.95 m ahead: that way, less 0.01 a frame, less 10.
    assert sum(rewards) == pytest.approx(0.95 - 10.0 - 0.01 * len(rewards), abs=0.03)
    assert (info["outcome"], info["nearest_m"] <= 0.0) == ("collided", True)
    with pytest.raises(InputError, match="a running episode"):
        env.step(np.zeros(3, np.float32))


def test_without_gymnasium_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "leadline.robotics.simulation.environment")
    with pytest.raises(MissingExtraError, match=r"leadline\[robot\]"):
        importlib.import_module("leadline.robotics.simulation.environment")


def test_standing_still_is_truncated():
    env = FlightEnvironment(FlightRules("oracle", longest_s=0.2), WALL)
    env.reset(seed=1)
    flags = [env.step(np.zeros(3, np.float32))[2:4] for _ in range(3)]
    assert flags == [(False, False), (False, False), (False, True)]


def test_misuse_is_refused():
    env = FlightEnvironment(ORACLE, WALL)
    with pytest.raises(InputError, match="call reset first"):
        env.step(np.zeros(3, np.float32))
    with pytest.raises(InputError, match="no options, got wind"):
        env.reset(options={"wind": 1})
    env.reset(seed=0)
    with pytest.raises(InputError, match="three finite numbers"):
        env.step(np.full(3, np.nan, np.float32))
