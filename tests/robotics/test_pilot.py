"""The pilot of one robot: a wall that approaches, blindness, clocks, gaps and other sensors."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.robotics.limits import RobotLimits
from leadline.robotics.pilot import OwnMotion, Pilot
from leadline.robotics.sight import sight_of_depth
from leadline.robotics.tof_frame import TofFrame


def wall(distance_m, time_s, status=5):
    return TofFrame.from_status(np.full((8, 8), distance_m), np.full((8, 8), status), time_s=time_s)


def flat_depth(valid):
    metres, camera = np.full((48, 96), 3.0, np.float32), Pinhole(80.0, 80.0, 47.5, 23.5, 48, 96)
    return DepthMap(metres, np.full((48, 96), valid), "metric", camera=camera)


def test_a_wall_at_2_m_approached_at_1_m_a_second_is_reached_in_2_s_less_the_sensors_latency():
    pilot = Pilot()
    for i in range(10):
        command = pilot.step(wall(2.0 + 0.1 * (9 - i), 0.1 * i))
    # 80 ms of latency have passed since the last frame.
    assert command.collision_s == pytest.approx(1.92, abs=0.01)
    assert not command.reason.startswith("collision")


def test_it_brakes_when_what_approaches_is_within_the_stopping_distance():
    pilot = Pilot(RobotLimits(acceleration_m_s2=2.0, latency_s=0.3))
    commands = [pilot.step(wall(2.0 - 0.1 * i, 0.1 * i)) for i in range(13)]
    braked = next(i for i, command in enumerate(commands) if command.reason.startswith("collision"))
    # 0.3 + 0.25 m to stop and 0.3 m to keep, 0.08 m of latency: the first frame at or below 0.93 m is that of 0.9 m.
    assert braked == 11
    assert (commands[braked].ahead_m_s, commands[braked].left_m_s) == (0.0, 0.0)


def test_blind_is_stop_and_says_so_and_it_flies_on_from_rest():
    pilot = Pilot(RobotLimits(acceleration_m_s2=1.0))
    for i in range(20):
        command = pilot.step(wall(3.5, 0.1 * i))
    assert command.ahead_m_s == pytest.approx(1.0, abs=1e-6)
    command = pilot.step(wall(3.5, 2.0, status=255))
    assert (command.ahead_m_s, command.left_m_s, command.turn_rad_s) == (0.0, 0.0, 0.0)
    assert command.reason == "blind: no zone has a distance: stops"
    assert pilot.step(wall(3.5, 2.1)).ahead_m_s == pytest.approx(0.1, abs=1e-6)


def test_a_clock_that_goes_back_and_a_gap_stop_for_a_frame():
    pilot = Pilot()
    for i in range(3):
        pilot.step(wall(3.5, 10.0 + 0.1 * i))
    back = pilot.step(wall(3.5, 2.0))
    assert (back.ahead_m_s, back.reason) == (0.0, "the clock went back by 8.20 s: stops")
    assert pilot.step(wall(3.5, 2.1)).ahead_m_s > 0.0
    gap = pilot.step(wall(3.5, 3.1))
    assert (gap.ahead_m_s, gap.reason) == (0.0, "no frame for 1.00 s: stops")


def test_without_its_own_motion_it_remembers_nothing_and_with_it_it_does():
    ahead = np.full((8, 8), 3.0)
    ahead[:, :4] = 0.5
    frame = TofFrame.from_status(ahead, np.full((8, 8), 5), time_s=0.0)
    for own, known in ((None, 0), (OwnMotion(0.0, 0.0, np.pi / 2 / 0.1), 1)):
        pilot = Pilot()
        pilot.step(frame)
        command = pilot.step(wall(3.0, 0.1), own)
        assert command.reason == ""
        near = pilot._policy.around.distance_m()[0]
        # After a turn of 90 degrees to the left, the near half is on the right.
        assert bool((near[:20] < 0.7).any()) == bool(known)


def test_depth_of_any_origin_steers_too():
    pilot = Pilot()
    assert pilot.see(sight_of_depth(flat_depth(True)), 0.1).ahead_m_s == pytest.approx(0.2)
    blind = pilot.see(sight_of_depth(flat_depth(False)), 0.1)
    assert (blind.ahead_m_s, blind.reason) == (0.0, "blind: no distance is known: stops")


def test_wrong_use_is_refused():
    with pytest.raises(InputError, match="from -180 to 180 degrees, got 286"):
        Pilot(goal_rad=5.0)
    with pytest.raises(InputError, match="8x8 zones, got 4x4"):
        Pilot().step(TofFrame.from_status(np.ones((4, 4)), np.full((4, 4), 5)))
    with pytest.raises(InputError, match="0 or more since the sight before"):
        Pilot().see(sight_of_depth(flat_depth(True)), -0.1)
