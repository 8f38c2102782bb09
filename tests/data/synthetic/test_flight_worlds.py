"""Images of flight worlds: they show the bodies where the flights have them."""

import numpy as np
import pytest

from leadline.data.synthetic.flight_worlds import FlightPainter
from leadline.geometry.camera import Pinhole
from leadline.robotics.sight import level_rays
from leadline.robotics.simulation.bodies import Ball, Bodies, Box, Pole, World, cast_rays

CAMERA = Pinhole(40.0, 40.0, 31.5, 23.5, 48, 64)
WORLD = World(
    "test",
    (
        Box((6.0, 0.0, 1.5), (0.1, 5.0, 1.5)),
        Box((3.0, 1.2, 0.5), (0.3, 0.2, 0.5), 0.7),
        Box((1.0, 0.0, 1.0), (0.01, 3.0, 1.0), glass=True),
    ),
    (Pole((2.5, -0.8), 0.2, walk_m=(0.0, 0.5), walk_rad_s=1.0),),
    (Ball((3.0, 0.2, 1.4), 0.3),),
    ceiling_m=3.0,
)


def test_rendered_depth_is_that_of_the_flights():
    place, axes = np.array([0.2, 0.1, 1.0]), level_rays(np.eye(3), np.array([0.1]), np.array([-0.05]))[0]
    for time_s in (0.0, 1.2):
        bodies = Bodies.of([WORLD]).at(time_s)
        painter = FlightPainter([3], CAMERA)
        image = painter.image(0, bodies, place, axes)
        assert image.shape == (48, 64, 3)
        assert image.std() > 10.0
        right = (np.arange(64) - 31.5) / 40.0
        x, y = np.meshgrid(right, (np.arange(48) - 23.5) / 40.0)
        rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1) @ axes
        truth = cast_rays(bodies, place[None], rays[None]).way[0]
        found = painter.depth(0, bodies, place, axes).ravel()
        same = np.abs(found / truth - 1.0) < 0.02
        assert same.mean() > 0.98  # the rims of round bodies are polygons
        assert truth[~same].size == 0 or np.isfinite(found).all()


def test_a_world_that_stands_still_is_built_once(monkeypatch):
    painter, built = FlightPainter([0], CAMERA), []
    make = painter._renderer
    monkeypatch.setattr(painter, "_renderer", lambda *given: built.append(1) or make(*given))
    bodies = Bodies.of([WORLD])
    for time_s, count in ((0.0, 1), (0.0, 1), (1.0, 2)):
        painter.image(0, bodies.at(time_s), np.array([0.0, 0.0, 1.0]), np.array([[0, -1.0, 0], [0, 0, -1], [1, 0, 0]]))
        assert len(built) == count


@pytest.mark.parametrize("ceiling_m", [3.0, np.inf])
def test_worlds_with_and_without_a_ceiling(ceiling_m):
    bodies = Bodies.of([World("test", ceiling_m=ceiling_m)])
    axes = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    depth = FlightPainter([1], CAMERA).depth(0, bodies, np.array([0.0, 0.0, 1.0]), axes)
    assert depth[-1, 32] == pytest.approx(1.0 / (23.5 / 40.0), rel=0.01)  # the floor, a metre below
    assert np.isfinite(depth[0, 32]) == np.isfinite(ceiling_m)
