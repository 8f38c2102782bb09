"""The map of obstacles by direction: places, free ways, motion, forgetting."""

import numpy as np
import pytest

from leadline.robotics.obstacle_map import DIRECTIONS, ObstacleMap
from leadline.robotics.sight import Sight

AHEAD = DIRECTIONS // 2
LEFT = AHEAD + DIRECTIONS // 4


def sight_of(*rays):
    """Rays of one robot as (angle in degrees, range, slope); a range of None is nothing hit, free to 3 m."""
    angles = np.radians([ray[0] for ray in rays])
    slopes = [ray[2] if len(ray) > 2 else 0.0 for ray in rays]
    directions = np.stack([np.cos(angles), np.sin(angles), slopes], axis=1)[None]
    hit = np.array([[ray[1] is not None for ray in rays]])
    range_m = np.array([[ray[1] or 0.0 for ray in rays]])
    return Sight(directions, range_m, hit, np.where(hit, range_m, 3.0))


def test_a_wall_ahead_leaves_its_distance_less_the_radius():
    around = ObstacleMap(1)
    around.see(sight_of((0, 2.0)))
    assert around.clear_m(0.3)[0, AHEAD] == pytest.approx(1.7)
    assert around.clear_m(0.3)[0, LEFT] == np.inf


def test_a_disc_touches_a_point_beside_its_way_later():
    around = ObstacleMap(1)
    around.see(sight_of((np.degrees(np.arctan2(0.3, 2.0)), np.hypot(0.3, 2.0))))
    # The point is at (2, 0.3): a disc of radius 0.5 touches it after 2 - 0.4 m.
    assert around.clear_m(0.5)[0, AHEAD] == pytest.approx(1.6, abs=1e-6)
    assert around.clear_m(0.29)[0, AHEAD] == np.inf


def test_a_turn_to_the_left_moves_what_was_ahead_to_the_right():
    around = ObstacleMap(1)
    around.see(sight_of((0, 2.0)))
    around.move(np.zeros(1), np.zeros(1), np.array([np.pi / 2]), 0.1)
    right = AHEAD - DIRECTIONS // 4
    assert (around.x_m[0, right], around.y_m[0, right]) == pytest.approx((0.0, -2.0))
    assert around.free_m[0, right] == pytest.approx(2.0)
    assert around.known.sum() == 1


def test_a_way_to_the_left_brings_what_is_ahead_to_the_right():
    around = ObstacleMap(1)
    around.see(sight_of((0, 2.0)))
    around.move(np.zeros(1), np.array([0.5]), np.zeros(1), 0.1)
    assert around.distance_m()[0].min() == pytest.approx(np.hypot(2.0, 0.5))


def test_what_was_seen_is_forgotten():
    around = ObstacleMap(1, memory_s=1.0)
    around.see(sight_of((0, 2.0)))
    around.move(np.zeros(1), np.zeros(1), np.zeros(1), 0.9)
    assert around.known.sum() == 1
    around.move(np.zeros(1), np.zeros(1), np.zeros(1), 0.2)
    assert around.known.sum() == 0
    assert around.known_m().max() == 0.0


def test_a_ray_that_is_free_beyond_a_point_clears_it():
    around = ObstacleMap(1)
    around.see(sight_of((0, 1.0)))
    around.see(sight_of((0, None)))
    assert around.known.sum() == 0
    assert around.known_m()[0, AHEAD] == pytest.approx(3.0)


def test_the_floor_is_no_obstacle_and_says_free_as_far_as_the_ray_is_at_the_robots_height():
    around = ObstacleMap(1, half_height_m=0.2)
    around.see(sight_of((0, 2.0, -0.5)))
    assert around.known.sum() == 0
    # A slope of 0.5 leaves the band of 0.2 m after 0.4 m.
    assert around.known_m()[0, AHEAD] == pytest.approx(0.4)


def test_directions_that_were_not_seen_are_unknown():
    around = ObstacleMap(1)
    around.see(sight_of((0, 2.0)))
    assert around.known_m()[0, LEFT] == 0.0
