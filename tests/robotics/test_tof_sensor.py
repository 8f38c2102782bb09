"""The simulated time-of-flight sensor against scenes whose answer can be computed by hand."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.robotics.tof_sensor import TofSensor
from leadline.robotics.tof_zones import TofZones

CAMERA = Pinhole(77.25, 77.25, 31.5, 31.5, 64, 64)  # 45 degrees across: 8 pixels for each zone
EXACT = TofSensor(noisy=False, leak=0.0)


def _measure(depth, sensor=EXACT, reflectance=0.5, **more):
    depth = np.asarray(depth, np.float32).reshape(-1, 64, 64)
    return sensor.measure(depth, CAMERA, reflectance, rng=np.random.default_rng(0), **more)


def _halves(near, far):
    """Each zone sees the near surface in its left half and the far one in its right half."""
    return np.where((np.arange(64) % 8 < 4)[None], near, far) * np.ones((64, 1))


def test_a_wall_straight_ahead_has_one_distance_in_all_zones():
    found = _measure(np.full((64, 64), 2.0))
    assert (found.status == 5).all()
    assert np.abs(found.distances_m - 2.0).max() < 0.02  # the zone's mean ray is not quite its centre
    assert found.targets.max() == 1
    assert found.reflectance.mean() == pytest.approx(0.5, rel=0.05)


def test_noise_is_what_recordings_have():
    found = _measure(np.full((100, 64, 64), 1.5), TofSensor())
    error = np.abs(found.distances_m[found.status == 5] - 1.5)
    assert 1.4826 * np.median(error) == pytest.approx(0.0095, rel=0.2)


@pytest.mark.parametrize(("reflectance", "reach_m"), [(0.88, 4.0), (0.17, 1.9)])
def test_reach_depends_on_the_target(reflectance, reach_m):
    near, far = (_measure(np.full((64, 64), reach_m * s), reflectance=reflectance) for s in (0.9, 1.15))
    assert (near.status == 5).mean() > 0.9
    assert (far.status == 5).mean() < 0.1


def test_daylight_shortens_the_reach():
    wall = np.full((64, 64), 3.0)
    assert (_measure(wall, reflectance=0.88).status == 5).all()
    assert not (_measure(wall, TofSensor(ambient=20.0, noisy=False), reflectance=0.88).status == 5).any()


def test_a_zone_on_an_edge_reports_the_brighter_surface_when_they_are_far_apart():
    found = _measure(_halves(1.0, 2.5))
    assert np.median(found.distances_m) == pytest.approx(1.0, abs=0.02)
    assert np.median(found.targets) == 2


def test_a_zone_on_an_edge_reports_a_mixture_when_they_are_close():
    found = _measure(_halves(1.0, 1.1))
    # Light of 1 / r^2 each: (1 + 1.1 / 1.21) / (1 + 1 / 1.21) = 1.045.
    assert np.median(found.distances_m) == pytest.approx(1.045, abs=0.015)


def test_a_wall_behind_glass_is_seen_through_it_and_glass_alone_is_hardly_seen():
    glass = np.full((1, 64, 64), 1.5, np.float32)
    assert np.median(_measure(np.full((64, 64), 2.5), glass_m=glass).distances_m) == pytest.approx(2.5, abs=0.02)
    assert not (_measure(np.full((64, 64), np.inf), glass_m=glass).status == 5).any()


def test_nothing_in_reach_is_no_target():
    found = _measure(np.full((64, 64), np.nan))
    assert (found.status == 255).all()
    assert (found.targets == 0).all()
    assert found.frames()[0].blind


def test_cross_talk_shows_a_near_bright_target_in_a_dark_neighbour():
    depth = np.full((64, 64), np.inf)
    depth[24:32, 24:32] = 0.3
    assert (_measure(depth).status != 255).sum() == 1
    assert (_measure(depth, TofSensor(noisy=False, leak=0.01)).status != 255).sum() == 5


def test_a_sensor_in_front_of_the_camera_is_closer_and_one_aside_sees_another_part():
    forward = np.eye(4)
    forward[2, 3] = -0.5  # points come 0.5 m closer
    found = _measure(
        np.full((64, 64), 2.0), TofSensor(TofZones(field_deg=30.0), noisy=False), sensor_from_camera=forward
    )
    assert np.median(found.distances_m) == pytest.approx(1.5, abs=0.02)
    aside = np.eye(4)
    aside[0, 3] = 2.0  # the sensor is 2 m to the left: the wall's image ends within its field
    found = _measure(
        np.full((64, 64), 4.0), TofSensor(noisy=False, farthest_m=5.0), reflectance=1.0, sensor_from_camera=aside
    )
    seen = found.status[0] != 255
    assert not seen[:, 0].any()
    assert seen[:, -1].all()


def test_a_target_that_is_new_says_so():
    before = np.ones((1, 8, 8), bool)
    before[0, 0, 0] = False
    found = _measure(np.full((64, 64), 1.0), seen_before=before)
    assert found.status[0, 0, 0] == 10
    assert (found.status == 10).sum() == 1


def test_many_frames_are_as_one_by_one():
    depth = np.random.default_rng(1).uniform(0.5, 3.0, (40, 64, 64)).astype(np.float32)
    together = _measure(depth)
    for i in (0, 35):
        assert (_measure(depth[i]).distances_m[0] == together.distances_m[i]).all()
    frames = together.frames(np.arange(40) / 15.0)
    assert frames[15].time_s == pytest.approx(1.0)


def test_a_zone_on_an_edge_reports_both_surfaces():
    depth = np.full((1, 64, 64), 1.8, np.float32)
    depth[:, :, :28] = 1.0  # the fourth column of zones sees half of each
    frame = TofSensor(noisy=False, leak=0.0, both=True).measure(depth, CAMERA, rng=np.random.default_rng(0)).frames()[0]
    assert frame.distances_m[:, 3] == pytest.approx(1.0, abs=0.02)  # nearer, so brighter
    assert frame.second_m[:, 3] == pytest.approx(1.8, abs=0.03)
    assert np.isnan(np.delete(frame.second_m, 3, axis=1)).all()
    one = TofSensor(noisy=False, leak=0.0).measure(depth, CAMERA, rng=np.random.default_rng(0)).frames()[0]
    assert one.second_m is None


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: TofSensor(leak=0.3), "leak and outliers below 0.25"),
        (lambda: TofSensor(ambient=-1.0), "expected ambient from 0 on"),
        (lambda: _measure(np.zeros((0, 64, 64))), "at least one depth map"),
        (
            lambda: EXACT.measure(np.ones((1, 8, 8)), CAMERA, rng=np.random.default_rng(0)),
            r"expected a camera for depth of \(8, 8\)",
        ),
    ],
)
def test_impossible_simulations_are_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()
