"""Sights from zones and from depth: directions, attitude, what is free."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.robotics.sight import NO_TARGET_FREE_M, level_rays, sight_of_depth, sight_of_frame
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_zones import TofZones


def test_sensor_axes_become_ahead_left_and_up():
    rays = level_rays(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np.zeros(1), np.zeros(1))
    assert rays[0].tolist() == [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]


def test_nose_up_lifts_the_view_and_right_side_down_lowers_the_right():
    up = level_rays(np.array([[0.0, 0.0, 1.0]]), np.zeros(1), np.array([np.pi / 6]))
    assert up[0, 0] == pytest.approx([np.cos(np.pi / 6), 0.0, 0.5])
    rolled = level_rays(np.array([[1.0, 0.0, 0.0]]), np.array([np.pi / 6]), np.zeros(1))
    assert rolled[0, 0] == pytest.approx([0.0, -np.cos(np.pi / 6), -0.5])


def test_a_wall_is_at_its_distance_in_every_zone():
    frame = TofFrame.from_status(np.full((8, 8), 2.0), np.full((8, 8), 5))
    sight = sight_of_frame(TofZones(), frame)
    assert bool(sight.hit.all())
    assert sight.range_m[0] * sight.rays[0, :, 0] == pytest.approx(np.full(64, 2.0))


def test_no_target_is_free_for_a_while_and_invalid_is_unknown():
    status = np.full((8, 8), 255)
    status[:, :4] = 4
    sight = sight_of_frame(TofZones(), TofFrame.from_status(np.zeros((8, 8)), status))
    free = sight.free_m[0].reshape(8, 8) * sight.rays[0, :, 0].reshape(8, 8)
    assert free[:, :4].max() == 0.0
    assert free[:, 4:] == pytest.approx(np.full((8, 4), NO_TARGET_FREE_M))
    assert bool(sight.blind[0])


def depth_of(metres, kind="metric", camera=True):
    height, width = metres.shape
    given = Pinhole(100.0, 100.0, (width - 1) / 2, (height - 1) / 2, height, width) if camera else None
    return DepthMap(metres.astype(np.float32), np.ones(metres.shape, bool), kind, camera=given)


def test_depth_is_read_in_cells_and_a_pole_in_one_counts():
    metres = np.full((48, 96), 3.0)
    metres[:, 50] = 1.0
    sight = sight_of_depth(depth_of(metres))
    ahead = (sight.range_m[0] * sight.rays[0, :, 0]).reshape(12, 24)
    assert ahead[:, 12] == pytest.approx(np.full(12, 1.0))
    assert ahead[:, :12] == pytest.approx(np.full((12, 12), 3.0))


@pytest.mark.parametrize(
    "depth", [depth_of(np.ones((48, 96)), "up_to_scale"), depth_of(np.ones((48, 96)), camera=False)]
)
def test_depth_without_scale_or_camera_is_refused(depth):
    with pytest.raises(InputError, match="metric depth with its camera"):
        sight_of_depth(depth)


def test_tiny_depth_is_refused():
    with pytest.raises(InputError, match="at least 24x12 pixels, got 20x10"):
        sight_of_depth(depth_of(np.ones((10, 20))))


def test_the_nearer_of_two_targets_is_the_obstacle():
    wall, pole = np.full((8, 8), 3.0), np.full((8, 8), np.nan)
    pole[:, 3] = 1.0
    frame = TofFrame.from_status(wall, np.full((8, 8), 5), second_m=pole)
    seen = sight_of_frame(TofZones(), frame)
    ahead = seen.range_m[0].reshape(8, 8) / np.hypot(1.0, TofZones().centers[..., 0])
    assert ahead[:, 3] == pytest.approx(1.0)
    assert ahead[:, 4] == pytest.approx(3.0)
    assert seen.free_m[0].reshape(8, 8)[0, 3] < 1.05
