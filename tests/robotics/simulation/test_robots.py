"""Dynamics of robots: where they settle, and how fast."""

import numpy as np
import pytest

from leadline.robotics.simulation.robots import GRAVITY_M_S2, Quadrotor, RobotState


def flown(robot, command, wind=(0.0, 0.0), seconds=12.0, step=0.01):
    state, speeds = RobotState.at_rest(np.array([[0.0, 0.0, 1.0]])), []
    for _ in range(round(seconds / step)):
        robot.step(state, np.array([command], float), np.array([wind], float), step)
        speeds.append(state.velocity_m_s[0].copy())
    return state, np.array(speeds)


def test_it_settles_at_the_commanded_speed_in_wind():
    state, _ = flown(Quadrotor(), (1.0, 0.0, 0.0), wind=(0.0, 0.8), seconds=16.0)
    assert state.velocity_m_s[0] == pytest.approx([1.0, 0.0], abs=0.01)


def test_without_trim_wind_adds_its_share():
    robot = Quadrotor(gain_s=3.0, drag_s=0.3, trim_s2=0.0)
    state, _ = flown(robot, (1.0, 0.0, 0.0), wind=(1.1, 0.0))
    # command + drag / (gain + drag) wind = 1 + 0.3 / 3.3 * 1.1
    assert state.velocity_m_s[0, 0] == pytest.approx(1.1, abs=1e-3)


def test_tilt_in_steady_flight_balances_drag():
    state, _ = flown(Quadrotor(drag_s=0.5), (2.0, 0.0, 0.0), seconds=16.0)
    assert np.tan(-state.pitch_rad[0]) == pytest.approx(0.5 * 2.0 / GRAVITY_M_S2, rel=0.02)


def test_acceleration_is_limited_by_the_tilt():
    robot = Quadrotor(tilt_rad=float(np.radians(20.0)))
    _, speeds = flown(robot, (5.0, 0.0, 0.0), seconds=1.0)
    assert np.diff(speeds[:, 0]).max() / 0.01 <= robot.acceleration_m_s2 + 1e-9


def test_commands_are_in_the_robots_own_frame():
    state = RobotState.at_rest(np.array([[0.0, 0.0, 1.0]]))
    state.yaw_rad[:] = np.pi / 2
    for _ in range(2000):
        Quadrotor().step(state, np.array([[1.0, 0.0, 0.0]]), np.zeros((1, 2)), 0.005)
    assert state.velocity_m_s[0] == pytest.approx([0.0, 1.0], abs=0.01)
    ahead, left = state.velocity_level_m_s
    assert (ahead[0], left[0]) == pytest.approx((1.0, 0.0), abs=0.01)


def test_a_ground_robot_moves_where_it_heads():
    state, _ = flown(Quadrotor(ground=True), (0.5, 0.7, 0.5), wind=(3.0, 3.0), seconds=4.0)
    ahead, left = state.velocity_level_m_s
    assert (ahead[0], left[0]) == pytest.approx((0.5, 0.0), abs=1e-3)
    assert state.yaw_rad[0] == pytest.approx(0.5 * (4.0 - 0.1), abs=0.01)
