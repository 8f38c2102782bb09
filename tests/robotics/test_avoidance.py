"""The policy: free ways, gaps, doors, speed, and blindness."""

import time

import numpy as np
import pytest

from leadline.robotics.avoidance import AvoidPolicy, Motion, StraightPolicy
from leadline.robotics.limits import RobotLimits
from leadline.robotics.sight import Sight, sight_of_frame
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_zones import TofZones


def resting(robots=1, goal_deg=0.0, passed_s=1 / 15):
    zero = np.zeros(robots)
    return Motion(zero, zero, zero, passed_s, np.full(robots, np.radians(goal_deg)), np.full(robots, np.inf))


def wall_with_gap(distance_m, left_m, right_m):
    """A wall ahead with a gap from left to right (y, metres), seen by rays of half a degree within 60 degrees."""
    angles = np.radians(np.arange(-60.0, 60.25, 0.5))
    across = distance_m * np.tan(angles)
    gap = (across < left_m) & (across > right_m)
    range_m = np.where(gap, 6.0, distance_m / np.cos(angles))
    rays = np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)[None]
    return Sight(rays, range_m[None], np.ones((1, len(angles)), bool), range_m[None])


def settled(policy, sight, motion, frames=25):
    for _ in range(frames):
        commands = policy.step(sight, motion)
    return commands


def test_free_space_is_flown_through_at_full_speed():
    frame = TofFrame.from_status(np.full((8, 8), 3.9), np.full((8, 8), 5))
    commands = settled(AvoidPolicy(1), sight_of_frame(TofZones(), frame), resting())
    assert commands.ahead_m_s[0] == pytest.approx(1.0, abs=0.01)
    assert abs(commands.heading_rad[0]) < 0.01


def test_speed_near_a_wall_is_one_from_which_it_stops():
    limits = RobotLimits(speed_m_s=3.0, acceleration_m_s2=2.0, latency_s=0.25, radius_m=0.15, margin_m=0.15)
    commands = settled(AvoidPolicy(1, limits), wall_with_gap(0.9, -9.0, -9.0), resting())
    # 0.6 m are left to the wall: v / 4 + v^2 / 4 = 0.6 gives 1.13 m/s, wherever it heads.
    assert 0.0 <= commands.ahead_m_s[0] <= 1.14


def test_speed_rises_no_faster_than_the_acceleration():
    frame = TofFrame.from_status(np.full((8, 8), 3.9), np.full((8, 8), 5))
    policy, sight = AvoidPolicy(1, RobotLimits(acceleration_m_s2=1.5)), sight_of_frame(TofZones(), frame)
    speeds = [float(policy.step(sight, resting(passed_s=0.1)).ahead_m_s[0]) for _ in range(4)]
    assert speeds == pytest.approx([0.15, 0.3, 0.45, 0.6], abs=1e-3)


def test_a_gap_between_two_poles_is_taken_through_its_middle():
    commands = AvoidPolicy(1).step(wall_with_gap(1.5, 1.1, 0.1), resting())
    # The gap of 1 m leaves the centre of a disc of 0.3 m from y = 0.4 to 0.8: 15 to 28 degrees.
    assert 12.0 <= np.degrees(commands.heading_rad[0]) <= 31.0


@pytest.mark.parametrize(("width_m", "taken"), [(0.9, True), (0.25, False), (0.5, False)])
def test_a_door_narrower_than_the_body_and_its_margin_is_refused(width_m, taken):
    commands = AvoidPolicy(1).step(wall_with_gap(1.2, width_m / 2, -width_m / 2), resting())
    ahead = abs(np.nan_to_num(commands.heading_rad[0], nan=9.0)) < np.radians(6.0)
    assert (ahead and commands.clear_m[0] > 2.0) == taken


def test_blind_is_stop_with_all_zones_invalid():
    policy = AvoidPolicy(1)
    clear = TofFrame.from_status(np.full((8, 8), 3.9), np.full((8, 8), 5))
    settled(policy, sight_of_frame(TofZones(), clear), resting())
    dark = TofFrame.from_status(np.full((8, 8), 2.0), np.full((8, 8), 4))
    commands = policy.step(sight_of_frame(TofZones(), dark), resting())
    assert bool(commands.blind[0])
    assert (commands.ahead_m_s[0], commands.left_m_s[0], commands.turn_rad_s[0]) == (0.0, 0.0, 0.0)


def test_no_way_out_is_a_turn_on_the_spot_to_one_side():
    policy, near = AvoidPolicy(1), TofFrame.from_status(np.full((8, 8), 0.4), np.full((8, 8), 5))
    angles = np.radians(np.arange(-180.0, 180.0, 5.0))
    rays = np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)[None]
    ring = Sight(rays, np.full((1, 72), 0.5), np.ones((1, 72), bool), np.full((1, 72), 0.5))
    turns = [float(policy.step(ring, resting()).turn_rad_s[0]) for _ in range(5)]
    assert near.size == 8
    assert min(turns) > 0.0
    assert float(policy.step(ring, resting()).ahead_m_s[0]) == pytest.approx(0.0, abs=1e-9)


def test_a_ground_robot_is_never_told_to_move_sideways():
    policy = AvoidPolicy(1, RobotLimits(sideways=False))
    commands = settled(policy, wall_with_gap(1.5, 1.1, 0.1), resting(), 5)
    assert commands.left_m_s[0] == 0.0
    assert commands.turn_rad_s[0] > 0.0


def test_straight_flies_at_the_goal_whatever_is_there():
    commands = StraightPolicy(1).step(wall_with_gap(0.5, -9.0, -9.0), resting(goal_deg=90.0))
    assert (commands.ahead_m_s[0], commands.left_m_s[0]) == pytest.approx((0.0, 1.0))


def test_a_step_takes_less_than_two_milliseconds():
    policy, frame = AvoidPolicy(1), TofFrame.from_status(np.full((8, 8), 1.5), np.full((8, 8), 5))
    sight, motion = sight_of_frame(TofZones(), frame), resting()
    seconds = []
    for _ in range(60):
        start = time.perf_counter()
        policy.step(sight, motion)
        seconds.append(time.perf_counter() - start)
    best = float(np.quantile(seconds, 0.25))
    print(f"a step of the policy: {1000 * best:.2f} ms")
    assert best < 0.002
