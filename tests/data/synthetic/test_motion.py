"""The truth of motion, against numbers that follow from the pinhole: u = f X / Z."""

import numpy as np
import pytest

from leadline.data.synthetic import shapes
from leadline.data.synthetic.flow import FramePair
from leadline.data.synthetic.motion import MovingScene, RigidMotion, turn
from leadline.data.synthetic.motion_truth import motion_between
from leadline.data.synthetic.moving_worlds import slowed
from leadline.data.synthetic.render import Camera
from leadline.data.synthetic.scene import Air, Assembly, Material, Scene

FOCAL_PX, SIZE = 100.0, (40, 60)
CAMERA = Camera(SIZE, FOCAL_PX, (29.5, 19.5), np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
STILL = RigidMotion(np.zeros(3), np.zeros(3), np.zeros(3))


def motion(velocity=(0.0, 0.0, 0.0), spin=(0.0, 0.0, 0.0), centre=(0.0, 0.0, 0.0)) -> RigidMotion:
    return RigidMotion(*(np.array(part, float) for part in (centre, velocity, spin)))


def scene(bank, *boxes: tuple[tuple[float, float, float], tuple[float, float, float]]) -> Scene:
    """Boxes, each of a middle and a size, in even light; body numbers follow their order."""
    parts = Assembly()
    entry = int(bank.groups["noise"][0])
    look = Material((entry, entry), (0.5, 0.5), (0.0, 0.0), 0.0, np.ones(3), np.zeros(3), 0.0, 10.0)
    for middle, size in boxes:
        parts.add(shapes.boxes(np.zeros((1, 3)), np.ones((1, 3))), np.eye(3), np.array(size), np.array(middle), look)
    white = np.ones(3, np.float32)
    air = Air(white, white, int(bank.groups["sky"][0]), white, 0.0, white)
    turned = np.eye(3, dtype=np.float32)
    return Scene(
        **parts.arrays(), lights=(), air=air, world_from_camera=turned, hfov_rad=1.0, largest_disparity_px=0.0, name="t"
    )


WALL = ((0.0, 0.0, 2.5), (40.0, 40.0, 1.0))
"""Its front stands at a depth of 2 m."""


def pair(bank, path=STILL, bodies=None, boxes=(WALL,)) -> FramePair:
    return FramePair(MovingScene(scene(bank, *boxes), CAMERA, path, bodies or {}), bank)


def test_nothing_moves_in_a_still_scene(bank):
    truth = pair(bank).truth()
    for direction in (truth.forward, truth.backward):
        np.testing.assert_allclose(direction.flow, 0.0, atol=1e-4)
        assert direction.valid.all()
        assert not direction.occluded.any()


def test_a_plane_that_moves_by_t_gives_f_t_over_z(bank):
    truth = pair(bank, bodies={0: motion((0.1, -0.04, 0.0))}).truth()
    np.testing.assert_allclose(truth.forward.flow[..., 0], 100.0 * 0.1 / 2.0, atol=1e-3)
    np.testing.assert_allclose(truth.forward.flow[..., 1], 100.0 * -0.04 / 2.0, atol=1e-3)
    np.testing.assert_allclose(truth.backward.flow, -truth.forward.flow, atol=1e-3)
    # Five columns leave on the right, and two rows at the top.
    assert truth.forward.occluded[:, 55:].all()
    assert truth.forward.occluded[:2].all()
    assert not truth.forward.occluded[3:, :54].any()
    assert truth.moving[0].all()


def test_a_camera_that_moves_by_t_gives_minus_f_t_over_z(bank):
    truth = pair(bank, path=motion((0.1, 0.0, 0.0))).truth()
    np.testing.assert_allclose(truth.forward.flow, np.broadcast_to([-5.0, 0.0], (*SIZE, 2)), atol=1e-3)
    assert not truth.moving[0].any()


def test_a_camera_that_comes_nearer_spreads_the_image(bank):
    truth = pair(bank, path=motion((0.0, 0.0, 0.5))).truth()
    y, x = np.indices(SIZE)
    # From 2 m to 1.5 m everything grows by 4 / 3 about the principal point.
    np.testing.assert_allclose(truth.forward.flow[..., 0], (x - 29.5) / 3.0, atol=1e-3)
    np.testing.assert_allclose(truth.forward.flow[..., 1], (y - 19.5) / 3.0, atol=1e-3)
    np.testing.assert_allclose(truth.depth[1], 1.5, atol=1e-5)


def test_the_sky_moves_as_the_camera_turns_and_not_as_it_moves(bank):
    beside = ((100.0, 0.0, 2.5), (1.0, 1.0, 1.0))
    angle = 0.05
    truth = pair(bank, path=motion((3.0, 0.0, 0.0), (0.0, angle, 0.0)), boxes=(beside,)).truth()
    assert np.isinf(truth.depth[0]).all()
    # A ray at angle a from the axis stands at a - angle after the turn.
    rays = np.arctan((np.arange(60) - 29.5) / 100.0)
    expected = 100.0 * np.tan(rays - angle) + 29.5 - np.arange(60)
    np.testing.assert_allclose(truth.forward.flow[19, :, 0], expected, atol=0.02)
    assert (truth.bodies[0] == -1).all()


def test_a_box_that_moves_right_hides_what_was_on_its_right(bank):
    # Front at 1 m, so 20 px wide: columns 19.5 to 39.5; it moves by 4 px, over a wall that stands still.
    box = ((0.0, 0.0, 1.25), (0.2, 10.0, 0.5))
    truth = pair(bank, bodies={1: motion((0.04, 0.0, 0.0))}, boxes=(WALL, box)).truth()
    row, hidden = truth.forward.flow[20], truth.forward.occluded[20]
    on_box = truth.bodies[0][20] == 1
    np.testing.assert_array_equal(np.flatnonzero(on_box), np.arange(20, 40))
    np.testing.assert_allclose(row[on_box, 0], 4.0, atol=1e-3)
    np.testing.assert_allclose(row[~on_box], 0.0, atol=1e-3)
    np.testing.assert_array_equal(np.flatnonzero(hidden), np.arange(40, 44))
    np.testing.assert_array_equal(np.flatnonzero(truth.backward.occluded[20]), np.arange(20, 24))
    np.testing.assert_array_equal(truth.moving[0], truth.bodies[0] == 1)


def test_a_point_that_falls_behind_the_camera_has_no_motion(bank):
    # The box's front comes from 1 m to 1 m behind the camera; nothing is left to see but the wall.
    box = ((0.0, 0.0, 1.05), (0.2, 0.2, 0.1))
    truth = pair(bank, bodies={1: motion((0.0, 0.0, -2.0))}, boxes=(WALL, box)).truth()
    gone = truth.bodies[0] == 1
    assert gone.any()
    assert not truth.forward.valid[gone].any()
    assert truth.forward.occluded[gone].all()
    assert (truth.forward.flow[gone] == 0).all()


def test_the_surface_moves_with_its_body(bank):
    """Even light, whole pixels of motion: the second image is the first one, shifted."""
    first, second = pair(bank, bodies={0: motion((0.1, 0.0, 0.0))}).colours()
    assert np.abs(second - first).mean() > 0.03
    # But for the footprint of a pixel, which is a little longer towards the border.
    np.testing.assert_allclose(second[:, 5:], first[:, :-5], atol=0.01)


def test_a_turn_carries_texture_and_normals(bank):
    """A quarter turn about the axis turns the image by a quarter."""
    square = Camera((40, 40), FOCAL_PX, (19.5, 19.5), np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    spinning = MovingScene(scene(bank, WALL), square, STILL, {0: motion(spin=(0.0, 0.0, np.pi / 2))})
    turned = FramePair(spinning, bank)
    first, second = turned.colours()
    # x to y, y to -x, seen with y down: clockwise.
    assert np.abs(second - first).mean() > 0.03
    np.testing.assert_allclose(second, np.rot90(first, -1), atol=0.01)
    np.testing.assert_allclose(
        spinning.scene_at(1.0).facets[:, :2], spinning.scene.facets[:, [1, 0]] * [-1, 1], atol=1e-6
    )


def test_the_cameras_own_motion_is_that_without_the_bodies(bank):
    frames = pair(bank, path=motion((0.1, 0.0, 0.0)), bodies={0: motion((0.1, 0.0, 0.0))})
    np.testing.assert_allclose(frames.truth().forward.flow, 0.0, atol=1e-3)
    own = motion_between(frames.moving, (0.0, 1.0), frames.footage.hits[0], frames.footage.renderers[1], carried=False)
    np.testing.assert_allclose(own.flow[..., 0], -5.0, atol=1e-3)


def test_rigid_motion_turns_about_a_centre_that_is_carried_along():
    rotation, shift = motion((0.0, 1.0, 0.0), (0.0, 0.0, np.pi / 4), (2.0, 0.0, 0.0)).at(2.0)
    np.testing.assert_allclose(rotation @ [2.0, 0.0, 0.0] + shift, [2.0, 2.0, 0.0], atol=1e-12)
    # A metre beside the centre along x stands a metre beside it along y after a quarter turn.
    np.testing.assert_allclose(rotation @ [3.0, 0.0, 0.0] + shift, [2.0, 3.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(turn(np.zeros(3)), np.eye(3))


def test_half_the_speed_is_half_the_motion(bank):
    moving = slowed(pair(bank, bodies={0: motion((0.1, 0.0, 0.0))}).moving, 0.5)
    np.testing.assert_allclose(FramePair(moving, bank).truth().forward.flow[..., 0], 2.5, atol=1e-3)


def test_parts_of_a_thing_are_one_body(bank):
    boxes = scene(bank, WALL, WALL, ((0.0, 1.0, 2.5), (1.0, 1.0, 1.0))).bodies
    assert boxes.tolist() == [0, 0, 1]


@pytest.mark.parametrize("time", [0.0, 0.5, 2.0])
def test_the_camera_is_where_its_path_leads(time, bank):
    moving = MovingScene(scene(bank, WALL), CAMERA, motion((0.0, 0.0, 0.5), (0.0, 0.1, 0.0)), {})
    camera = moving.camera_at(time)
    np.testing.assert_allclose(camera.position_m, [0.0, 0.0, 0.5 * time], atol=1e-6)
    np.testing.assert_allclose(camera.world_from_camera[:, 2], [np.sin(0.1 * time), 0.0, np.cos(0.1 * time)], atol=1e-6)
