"""The pose of a sensor beside a camera, recovered from walls whose planes are known."""

import cv2
import numpy as np
import pytest

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.robotics.tof_calibrate import PosedFrame, WallView, calibrate_mount, calibrate_mount_by_motions
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_mount import TofMount
from leadline.robotics.tof_sensor import TofSensor
from leadline.robotics.tof_zones import TofZones

TRUE = np.eye(4)
TRUE[:3, :3] = cv2.Rodrigues(np.radians([2.0, -3.0, 4.0]))[0]
TRUE[:3, 3] = [0.03, -0.02, 0.01]
TILTS = [(0, 0), (25, 0), (-25, 0), (0, 25), (0, -25), (20, 20)]


def _view(tilt, distance=1.2, noise_m=0.0, seed=0, offset_m=0.0):
    """A wall ahead of the camera, tilted by degrees about x and y, as an ideal sensor at the true pose sees it."""
    normal = cv2.Rodrigues(np.radians([tilt[0], tilt[1], 0.0]))[0] @ [0.0, 0.0, 1.0]
    turned = TRUE[:3, :3] @ normal
    ahead = np.concatenate([TofZones().centers, np.ones((8, 8, 1))], axis=-1)
    metres = (distance + turned @ TRUE[:3, 3]) / (ahead @ turned) + offset_m
    metres += np.random.default_rng(seed).normal(0.0, noise_m, (8, 8)) if noise_m else 0.0
    return WallView(normal, distance, TofFrame.from_status(metres, np.full((8, 8), 5)), str(tilt))


def _off(fit):
    difference = fit.mount.sensor_from_camera @ np.linalg.inv(TRUE)
    angle = np.degrees(np.linalg.norm(cv2.Rodrigues(difference[:3, :3])[0]))
    return float(np.linalg.norm(fit.mount.sensor_from_camera[:3, 3] - TRUE[:3, 3])), float(angle)


def test_walls_without_noise_give_the_pose():
    fit = calibrate_mount([_view(tilt) for tilt in TILTS])
    shift, angle = _off(fit)
    assert shift < 1e-4
    assert angle < 0.01
    assert fit.rms_m < 1e-5
    assert fit.outliers == 0
    assert len(fit.view_rms_m) == 6


def test_walls_with_noise_and_an_offset_give_it_within_its_stated_error():
    fit = calibrate_mount([_view(tilt, noise_m=0.008, seed=i, offset_m=0.015) for i, tilt in enumerate(TILTS)])
    shift, angle = _off(fit)
    assert shift < 4.0 * fit.shift_sigma_m < 0.04
    assert angle < 4.0 * fit.tilt_sigma_deg < 3.0
    assert fit.offset_m == pytest.approx(0.015, abs=0.005)
    assert fit.rms_m == pytest.approx(0.008, rel=0.2)


def test_zones_that_see_no_wall_are_found():
    views = [_view(tilt) for tilt in TILTS]
    metres = views[0].frame.distances_m.copy()
    metres[6:] = 0.5  # something in front of it
    views[0] = WallView(views[0].normal, views[0].distance_m, TofFrame.from_status(metres, np.full((8, 8), 5)))
    fit = calibrate_mount(views)
    assert fit.outliers == 16
    assert _off(fit)[0] < 0.002


def test_walls_that_are_all_alike_do_not_determine_it():
    with pytest.raises(CalibrationError, match="tilt the wall or the device"):
        calibrate_mount([_view((0, 0), distance) for distance in (0.8, 1.2, 1.8)])


def test_too_few_views_and_walls_of_other_images_are_refused():
    with pytest.raises(CalibrationError, match="at least 3 poses"):
        calibrate_mount([_view(tilt) for tilt in TILTS[:2]])
    views = [_view(tilt) for tilt in TILTS]
    mixed = [WallView(view.normal, 3.0 + i, view.frame) for i, view in enumerate(views)]
    with pytest.raises(CalibrationError, match="expected zones that lie on the walls"):
        calibrate_mount(mixed)


def test_a_mount_must_be_possible():
    with pytest.raises(CalibrationError, match="a rotation and a shift"):
        TofMount(sensor_from_camera=2.0 * np.eye(4))
    far = np.eye(4)
    far[0, 3] = 30.0
    with pytest.raises(CalibrationError, match="within 1 m of the camera, got 30 m"):
        TofMount(sensor_from_camera=far)


WALL = (cv2.Rodrigues(np.radians([8.0, -12.0, 0.0]))[0] @ [0.0, 0.0, 1.0], 1.4)
"""A wall in the world that nobody measured: normal and distance from its origin."""


def _moved(turn_deg, place_m, measure):
    """A camera that is turned and moved in front of the wall, and what the sensor at the true pose measures."""
    world_from_camera = np.eye(4)
    world_from_camera[:3, :3] = cv2.Rodrigues(np.radians(np.array(turn_deg, float)))[0]
    world_from_camera[:3, 3] = place_m
    sensor_from_world = TRUE @ np.linalg.inv(world_from_camera)
    normal = sensor_from_world[:3, :3] @ WALL[0]
    return PosedFrame(world_from_camera, measure(normal, WALL[1] + normal @ sensor_from_world[:3, 3]), str(turn_deg))


def _exact(normal, distance):
    ahead = np.concatenate([TofZones().centers, np.ones((8, 8, 1))], axis=-1)
    return TofFrame.from_status(distance / (ahead @ normal), np.full((8, 8), 5))


def _rendered(normal, distance, rng=np.random.default_rng(5)):  # noqa: B008 - one source of chance for all poses
    camera = Pinhole(77.25, 77.25, 31.5, 31.5, 64, 64)
    x, y = np.meshgrid(np.arange(64) - 31.5, np.arange(64) - 31.5)
    depth = distance / (np.stack([x / 77.25, y / 77.25, np.ones_like(x)], axis=-1) @ normal)
    return TofSensor().measure(depth[None].astype(np.float32), camera, rng=rng).frames()[0]


MOTIONS = np.random.default_rng(2).uniform(
    [-32, -32, -40, -0.25, -0.25, -0.25], [32, 32, 40, 0.25, 0.25, 0.25], (14, 6)
)


def _motions(measure, turned=(1, 1, 1)):
    return [_moved(motion[:3] * turned, motion[3:], measure) for motion in MOTIONS]


def test_motions_before_an_unknown_wall_give_the_pose():
    fit = calibrate_mount_by_motions(_motions(_exact))
    shift, angle = _off(fit)
    assert shift < 1e-4
    assert angle < 0.01
    assert fit.rms_m < 1e-5


def test_motions_with_a_simulated_sensor_give_it_within_its_stated_error():
    fit = calibrate_mount_by_motions(_motions(_rendered))
    shift, angle = _off(fit)
    assert shift < 3.0 * fit.shift_sigma_m < 0.06
    assert angle < 3.0 * fit.tilt_sigma_deg < 3.0
    assert 0.001 < fit.rms_m < 0.02


def test_errors_of_camera_poses_are_within_the_stated_error():
    rng = np.random.default_rng(4)
    views = []
    for view in _motions(_exact):
        wrong = np.eye(4)
        wrong[:3, :3] = cv2.Rodrigues(np.radians(0.2) * rng.normal(size=3))[0]
        wrong[:3, 3] = 0.002 * rng.normal(size=3)
        views.append(PosedFrame(view.world_from_camera @ wrong, view.frame))
    fit = calibrate_mount_by_motions(views)
    assert 0.001 < _off(fit)[0] < 3.0 * fit.shift_sigma_m


@pytest.mark.parametrize("turned", [(0, 0, 0), (0, 1, 0), (0.5, 0.5, 0)])
def test_motions_that_do_not_determine_it_are_refused(turned):
    with pytest.raises(CalibrationError, match="expected walls that determine the sensor's pose"):
        calibrate_mount_by_motions(_motions(_rendered, turned))


def test_few_motions_are_refused():
    with pytest.raises(CalibrationError, match="at least 5 poses"):
        calibrate_mount_by_motions(_motions(_exact)[:4])
