"""The truth of motion, against numbers that follow from the pinhole: u = f X / Z."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from leadline.data.synthetic import shapes
from leadline.data.synthetic.flow import FramePair
from leadline.data.synthetic.motion import BendingMotion, HingedMotion, MovingScene, RigidMotion, turn
from leadline.data.synthetic.motion_truth import motion_between
from leadline.data.synthetic.moving_worlds import slowed
from leadline.data.synthetic.render import Camera
from leadline.data.synthetic.scene import Air, Assembly, Light, Material, Scene

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


def moved_back(frames: FramePair) -> tuple[np.ndarray, np.ndarray]:
    """The first frame, and the second one brought back to it along the true flow, where both show a point."""
    truth = frames.truth().forward
    first, second = frames.colours()
    y, x = np.indices(SIZE, np.float32)
    back = cv2.remap(second, x + truth.flow[..., 0], y + truth.flow[..., 1], cv2.INTER_LINEAR)
    seen = cv2.erode((truth.valid & ~truth.occluded).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return first[seen], back[seen]


def test_a_limb_turns_about_its_hinge_on_a_body_that_moves(bank):
    # The limb's middle stands 0.5 m beside the hinge and comes to stand as far above it (y is down).
    body, limb = ((-0.5, 0.0, 2.5), (0.2, 0.2, 1.0)), ((0.5, 0.0, 2.5), (0.6, 0.2, 1.0))
    swing = HingedMotion(motion((0.1, 0.0, 0.0)), motion(spin=(0.0, 0.0, -np.pi / 2)))
    frames = pair(bank, bodies={0: motion((0.1, 0.0, 0.0)), 1: swing}, boxes=(body, limb))
    truth = frames.truth()
    # The front is 2 m away, so 100 px a radian are 50 px a metre: from (25, 0) to (5, -25) about the principal point.
    row, column = 20, 54
    assert truth.bodies[0][row, column] == 1
    x, y = column - 29.5, row - 19.5
    np.testing.assert_allclose(truth.forward.flow[row, column], [y + 5.0 - x, -x - y], atol=1e-3)
    on_body = truth.bodies[0] == 0
    np.testing.assert_allclose(truth.forward.flow[on_body][:, 0].max(), 5.0, atol=1e-3)


BOARD = shapes.grid_mesh(
    np.stack([*np.meshgrid(np.linspace(-2, 2, 60), np.linspace(-2, 2, 60)), np.zeros((60, 60))], axis=2)
)


def board(bank) -> Scene:
    """A board of many triangles, 2 m away, before nothing."""
    parts = Assembly()
    entry = int(bank.groups["noise"][0])
    look = Material((entry, entry), (0.5, 0.5), (0.0, 0.0), 0.0, np.ones(3), np.zeros(3), 0.0, 10.0)
    parts.add(BOARD, np.eye(3), np.ones(3), np.array([0.0, 0.0, 2.0]), look)
    return replace(scene(bank, WALL), **parts.arrays())


def test_a_body_that_bends_moves_as_its_wave_says(bank):
    wave = BendingMotion(motion((0.02, 0.0, 0.0)), np.array([0.0, 0.06, 0.0]), np.array([4.0, 0.0, 0.0]), 0.5, 0.9)
    frames = FramePair(MovingScene(board(bank), CAMERA, STILL, {0: wave}), bank)
    x = (np.arange(60) - 29.5) / 100.0 * 2.0
    expected = 50.0 * 0.06 * (np.sin(4.0 * x + 0.5 + 0.9) - np.sin(4.0 * x + 0.5))
    flow = frames.truth().forward.flow
    # The board's triangles follow the wave in steps of 0.07 m.
    np.testing.assert_allclose(flow[..., 1], np.broadcast_to(expected, SIZE), atol=0.03)
    np.testing.assert_allclose(flow[..., 0], 1.0, atol=1e-3)
    first, back = moved_back(frames)
    assert np.abs(first - back).mean() < 0.25 * np.abs(first - first.mean()).mean()


def test_normals_of_what_bends_are_across_its_tangents():
    wave = BendingMotion(STILL, np.array([0.02, 0.06, 0.1]), np.array([2.0, 1.0, -1.0]), 0.5, 0.9)
    point, step = np.array([[0.3, -0.2, 2.0]]), 1e-6
    sides = [(wave.bent(point + step * axis, 1.0) - wave.bent(point, 1.0)) / step for axis in np.eye(3)[:2]]
    normal = wave.bent_normals(np.array([[0.0, 0.0, 1.0]]), point, 1.0)[0]
    np.testing.assert_allclose([side[0] @ normal for side in sides], 0.0, atol=1e-5)
    assert np.linalg.norm(normal) == pytest.approx(1.0)


def test_a_sun_that_turns_changes_the_light_and_no_motion(bank):
    sun = Light(np.float32([0.0, 0.0, -1.0]), np.ones(3, np.float32), True, 1.0, 1.0)
    moving = MovingScene(
        replace(scene(bank, WALL), lights=(sun,)), CAMERA, STILL, {}, {0: motion(spin=(0.0, np.pi / 3, 0.0))}
    )
    frames = FramePair(moving, bank)
    np.testing.assert_allclose(moving.scene_at(1.0).lights[0].place, [-np.sqrt(3) / 2, 0.0, -0.5], atol=1e-6)
    np.testing.assert_allclose(frames.truth().forward.flow, 0.0, atol=1e-4)
    first, second = frames.colours()
    # Ambient light of 1 and sunlight of cos 0 = 1, then of cos 60 degrees = 1/2.
    np.testing.assert_allclose(second / first, 1.5 / 2.0, atol=0.01)


def rolling(bank, path: RigidMotion, readout: float, *boxes) -> FramePair:
    return FramePair(MovingScene(scene(bank, *(boxes or (WALL,))), CAMERA, path, {}, readout=readout), bank)


def test_a_rolling_shutter_slants_what_stands_upright(bank):
    # The camera moves 0.2 m to the right a frame, half of it while the rows are read: 0.1 m are 10 px at 1 m.
    post = ((0.0, 0.0, 1.25), (0.1, 10.0, 0.5))
    truth = rolling(bank, motion((0.2, 0.0, 0.0)), 0.5, WALL, post).truth()
    first, last = (np.flatnonzero(truth.bodies[0][row] == 1).mean() for row in (0, 39))
    assert first - last == pytest.approx(10.0, abs=0.6)
    # Both frames slant alike, so sideways motion stays f t / z.
    np.testing.assert_allclose(truth.forward.flow[truth.bodies[0] == 1], [[-20.0, 0.0]] * 400, atol=1e-2)


def test_a_rolling_shutter_meets_a_point_in_the_row_that_is_exposed_then(bank):
    # Downwards by c = f v / Z = 5 px a frame: y' - y = -c (1 + r (y' - y) / (h - 1)).
    flow = rolling(bank, motion((0.0, 0.1, 0.0)), 0.8).truth().forward.flow
    np.testing.assert_allclose(flow[..., 1], -5.0 / (1.0 + 5.0 * 0.8 / 39), atol=2e-3)
    np.testing.assert_allclose(flow[..., 0], 0.0, atol=1e-3)


def test_frames_of_a_rolling_shutter_agree_along_their_flow(bank):
    frames = rolling(bank, motion((0.1, 0.05, 0.2), (0.02, -0.03, 0.05)), 0.9)
    first, back = moved_back(frames)
    assert len(first) > 1000
    assert np.abs(first - back).mean() < 0.25 * np.abs(first - first.mean()).mean()
