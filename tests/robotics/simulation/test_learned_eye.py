"""A network in the closed loop: what it adds to the zones, and how its error is told."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.robotics.simulation.bodies import Box, Pole, World, cast_rays
from leadline.robotics.simulation.flights import Fleet, FlightRules, fly
from leadline.robotics.simulation.learned_eye import IMAGE_CAMERA, LoopErrors

HALL = Box((5.0, 0.0, 1.5), (0.1, 6.0, 1.5), reflectance=0.8)
SIDES = tuple(Box((4.0, y, 1.5), (6.0, 0.1, 1.5), reflectance=0.8) for y in (-1.5, 1.5))
POLE = World("test", (HALL, *SIDES), (Pole((1.8, 0.1), 0.2),), goal_m=(3.8, 0.0), ceiling_m=2.2)


class Oracle:
    """A network that finds true inverse depth, but for scale and shift."""

    def __init__(self):
        self.errors = LoopErrors()

    def see(self, robot, bodies, place_m, axes):
        rows, columns = IMAGE_CAMERA.height, IMAGE_CAMERA.width
        x, y = np.meshgrid(np.arange(columns) - IMAGE_CAMERA.center_x_px, np.arange(rows) - IMAGE_CAMERA.center_y_px)
        rays = np.stack([x.ravel(), y.ravel(), np.full(x.size, IMAGE_CAMERA.focal_x_px)], axis=1)
        way = cast_rays(bodies, place_m[None], (rays / IMAGE_CAMERA.focal_x_px @ axes)[None]).way.reshape(rows, columns)
        inverse = (3.0 / way - 0.2).astype(np.float32)
        image = np.full((rows, columns, 3), 128, np.uint8)
        return image, DepthMap(inverse, np.ones(inverse.shape, bool), "affine_inverse")


def test_a_robot_flies_around_a_pole_and_the_error_of_a_perfect_network_is_small():
    depth = Oracle()
    rules = FlightRules("network", camera_hz=5.0, longest_s=12.0)
    (flight,) = fly([POLE], [0], rules, depth=depth)
    assert flight.outcome == "reached"
    frames = len(flight.track)
    assert depth.errors.images == -(-frames // 3)  # an image for every third frame
    assert np.median(np.abs(depth.errors.inside)) < 0.05
    assert "standard deviation of log depth" in depth.errors.line()


def test_the_camera_sees_obstacles_beside_the_zones():
    near = Box((2.6, 0.0, 1.5), (0.1, 6.0, 1.5), reflectance=0.8)
    world = World("test", (near,), (Pole((1.5, 0.72), 0.1),), ceiling_m=2.2)  # 26 degrees to the left
    sight, _ = Fleet.start([world], [0], FlightRules("network"), Oracle()).observe()
    beside = np.arctan2(sight.rays[0, :, 1], sight.rays[0, :, 0]) > np.radians(23.5)
    level = np.abs(sight.rays[0, :, 2]) < 0.1
    seen = sight.range_m[0][beside & level & sight.hit[0]]
    # Zones that see one flat wall leave the shift of inverse depth open: nearer than the wall is what is known.
    assert 0.5 < seen.min() < 2.0
    assert not sight.free_m[0, 64:].any()


def test_without_a_network_there_is_no_flight():
    with pytest.raises(InputError, match="expected cameras and a network for the sensor network, got none"):
        fly([POLE], [0], FlightRules("network"))


def test_errors_are_means_of_cells_by_where_zones_look():
    errors = LoopErrors()
    layer = np.zeros((IMAGE_CAMERA.height, IMAGE_CAMERA.width))
    layer[:, : IMAGE_CAMERA.width // 5] = 0.3
    errors.add(layer, edge=0.414)
    assert len(errors.inside) == 9
    assert sorted(errors.beside) == pytest.approx([0.0] * 3 + [0.3] * 3, abs=0.03)
    layer[:] = np.nan
    errors.add(layer, edge=0.414)
    assert len(errors.inside) == 9
    assert LoopErrors().line().startswith("0 images, 0 without enough zones")
