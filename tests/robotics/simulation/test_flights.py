"""Flights in the closed loop: outcomes, determinism, and what a policy may know."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.robotics.limits import RobotLimits
from leadline.robotics.simulation.bodies import Bodies, Box, Pole, World
from leadline.robotics.simulation.flights import EYES, Fleet, FlightRules, fly
from leadline.robotics.simulation.robots import Quadrotor, RobotState
from leadline.robotics.simulation.worlds import FAMILIES, is_passable, make_world

HALL = Box((12.0, 0.0, 1.5), (0.1, 6.0, 1.5))
POLE = World("test", (HALL,), (Pole((3.0, 0.0), 0.2),), goal_m=(6.0, 0.0), ceiling_m=3.0)


def test_straight_flight_hits_a_pole_in_its_way_at_its_surface():
    (flight,) = fly([POLE], [0], FlightRules("oracle", "straight"))
    assert flight.outcome == "collided"
    # Its centre stops 0.35 m before the pole's: its body has a radius of 0.15 m.
    assert flight.path_m == pytest.approx(2.65, abs=0.02)
    assert flight.track[-1, 0] == pytest.approx(2.65, abs=0.08)


@pytest.mark.parametrize("sensor", ["tof", "fused", "oracle"])
def test_avoidance_flies_around_it(sensor):
    (flight,) = fly([POLE], [0], FlightRules(sensor, "avoid"))
    assert flight.outcome == "reached"
    assert flight.nearest_m > 0.0


def test_a_flight_does_not_depend_on_the_others():
    worlds, rules = [make_world(3, number) for number in (0, 4)], FlightRules("tof", "avoid", longest_s=2.0, seed=3)
    together, alone = fly(worlds, [0, 4], rules), fly(worlds[1:], [4], rules)
    assert together[1] == alone[0]
    assert np.array_equal(together[1].track, alone[0].track)


def test_a_wall_without_a_way_stops_the_robot():
    box = World("test", (Box((2.0, 0.0, 1.5), (0.1, 9.0, 1.5)),), ceiling_m=3.0)
    (flight,) = fly([box], [0], FlightRules("tof", "avoid", longest_s=4.0))
    assert flight.outcome == "out of time"


def test_a_robot_that_sees_nothing_stays_and_says_so():
    (flight,) = fly([World("test", floor_reflectance=0.01)], [0], FlightRules("tof", "avoid", longest_s=2.0))
    assert flight.blind_share == 1.0
    assert flight.path_m < 0.05


def test_sights_hold_nothing_but_what_the_sensor_saw():
    fleet = Fleet.start([POLE], [0], FlightRules("stereo"))
    sight, motion = fleet.observe()
    assert sight.range_m.shape == (1, 12 * 24)
    assert motion.goal_m[0] == pytest.approx(6.0)


def test_glass_is_seen_by_the_oracle_and_not_by_stereo():
    world = World("test", (Box((1.5, 0.0, 1.0), (0.01, 3.0, 3.0), glass=True), Box((5.0, 0.0, 1.0), (0.5, 9.0, 3.0))))
    state, chances = RobotState.at_rest(np.array([[0.0, 0.0, 1.0]])), [np.random.default_rng(0)]
    ahead = {}
    for name in ("oracle", "stereo"):
        sight = EYES[name]([world]).look(Bodies.of([world]), state, chances, np.array([0]))
        middle = sight.hit[0] & (np.abs(sight.rays[0, :, 1]) < 0.1) & (np.abs(sight.rays[0, :, 2]) < 0.1)
        ahead[name] = float(np.median(sight.range_m[0, middle]))
    assert ahead["oracle"] == pytest.approx(1.49, abs=0.02)
    assert ahead["stereo"] == pytest.approx(4.5, abs=0.6)


def test_all_kinds_of_worlds_are_passable_and_seeded():
    for number, name in enumerate(FAMILIES):
        world = make_world(5, number)
        assert world.family == name
        assert is_passable(world)
        assert world == make_world(5, number)
        assert world != make_world(6, number)


def test_a_closed_wall_is_not_passable():
    assert not is_passable(World("test", (Box((5.0, 0.0, 1.0), (0.1, 6.0, 2.0)),)))


@pytest.mark.parametrize(
    "rules", [{"rate_hz": 0.0}, {"longest_s": -1.0}, {"latency_s": -0.1}, {"sensor": "sonar"}, {"policy": "brave"}]
)
def test_rules_that_cannot_be_followed_are_refused(rules):
    with pytest.raises(InputError, match="expected a"):
        FlightRules(**rules)


def test_worlds_and_numbers_must_fit():
    with pytest.raises(InputError, match="as many numbers as worlds"):
        Fleet.start([POLE], [0, 1], FlightRules())
    with pytest.raises(InputError, match="a seed and a number of 0 or more"):
        make_world(0, -1)


def test_the_ground_robot_avoids_too():
    limits = RobotLimits(sideways=False)
    (flight,) = fly([POLE], [0], FlightRules("oracle", "avoid", limits, Quadrotor(ground=True)))
    assert flight.outcome == "reached"
