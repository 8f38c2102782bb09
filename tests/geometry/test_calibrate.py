"""Calibration from rendered images of boards, against the cameras that rendered them."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError
from leadline.geometry import (
    CharucoBoard,
    Chessboard,
    DistortedCamera,
    Pinhole,
    StereoCalibration,
    UnrectifiedRig,
    calibrate_stereo,
)
from leadline.geometry.calibrate import board_pose

Render = Callable[[np.ndarray, float, DistortedCamera, np.ndarray], np.ndarray]
Images = tuple[list[np.ndarray], list[np.ndarray]]

CHESSBOARD = Chessboard(6, 8, 0.03)
CHARUCO = CharucoBoard(6, 8, 0.03, 0.022)
BASELINE_M = 0.12


def rig_of(left: DistortedCamera, right: DistortedCamera) -> UnrectifiedRig:
    """Two cameras 12 cm apart, slightly turned."""
    transform = np.eye(4)
    transform[:3, :3] = cv2.Rodrigues(np.array([0.01, -0.03, 0.02]))[0]
    transform[:3, 3] = transform[:3, :3] @ [-BASELINE_M, 0.0, 0.0]
    return UnrectifiedRig(left, right, transform)


RADTAN_RIG = rig_of(
    DistortedCamera(Pinhole(520.0, 523.0, 318.0, 243.0, 480, 640), (-0.2, 0.05, 0.001, -0.0005), "radtan"),
    DistortedCamera(Pinhole(515.0, 517.0, 324.0, 236.0, 480, 640), (-0.18, 0.04, 0.0, 0.0005), "radtan"),
)
FISHEYE_RIG = rig_of(
    DistortedCamera(Pinhole(300.0, 301.0, 318.0, 243.0, 480, 640), (0.03, -0.01, 0.002, 0.0), "equidistant"),
    DistortedCamera(Pinhole(298.0, 299.0, 324.0, 236.0, 480, 640), (0.02, -0.005, 0.001, 0.0), "equidistant"),
)


def poses(distance_m: float, count: int) -> list[np.ndarray]:
    """left_from_board of boards of 27x21 cm that are tilted by up to 40 degrees each way."""
    rng = np.random.default_rng(3)
    result = []
    for index in range(count):
        pose = np.eye(4)
        tilt = 0.55 + 0.15 * rng.random()
        direction = 2.0 * np.pi * index / count
        turn = np.array([tilt * np.cos(direction), tilt * np.sin(direction), 0.2 * rng.standard_normal()])
        pose[:3, :3] = cv2.Rodrigues(turn)[0]
        center = np.array([BASELINE_M / 2, 0.0, distance_m]) + 0.04 * rng.standard_normal(3)
        pose[:3, 3] = center - pose[:3, :3] @ [0.135, 0.105, 0.0]
        result.append(pose)
    return result


def chessboard_texture() -> tuple[np.ndarray, float]:
    """The printed chessboard with a white rim, 1 mm a texel; its corner is not the origin of any convention."""
    rows, columns = np.indices((7 * 30, 9 * 30)) // 30
    squares = np.where((rows + columns) % 2 == 0, 20, 235).astype(np.uint8)
    return cv2.copyMakeBorder(squares, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=235), 0.001


def shoot(render: Render, texture: np.ndarray, texel_m: float, rig: UnrectifiedRig, views: list[np.ndarray]) -> Images:
    """Images of both cameras."""
    lefts = [render(texture, texel_m, rig.left, pose) for pose in views]
    rights = [render(texture, texel_m, rig.right, rig.right_from_left @ pose) for pose in views]
    return lefts, rights


@pytest.fixture(scope="module")
def chessboard_images(render: Render) -> Images:
    """Eight pairs of the chessboard."""
    return shoot(render, *chessboard_texture(), RADTAN_RIG, poses(0.55, 8))


def assert_recovers(found: StereoCalibration, truth: UnrectifiedRig) -> None:
    """Focal lengths and baseline within 1 %, principal points within 6 px, angle between the cameras 0.2 degrees."""
    for lens, true_lens in ((found.rig.left, truth.left), (found.rig.right, truth.right)):
        assert lens.model == true_lens.model
        assert lens.camera.focal_x_px == pytest.approx(true_lens.camera.focal_x_px, rel=0.01)
        assert lens.camera.focal_y_px == pytest.approx(true_lens.camera.focal_y_px, rel=0.01)
        assert lens.camera.center_x_px == pytest.approx(true_lens.camera.center_x_px, abs=6.0)
        assert lens.camera.center_y_px == pytest.approx(true_lens.camera.center_y_px, abs=6.0)
    assert found.rig.baseline_m == pytest.approx(truth.baseline_m, rel=0.01)
    turn = found.rig.right_from_left[:3, :3] @ truth.right_from_left[:3, :3].T
    assert np.rad2deg(np.linalg.norm(cv2.Rodrigues(turn)[0])) < 0.2
    assert found.rig.right_from_left[0, 3] < 0.0
    assert found.error_px < 0.3


def rig_errors(found: StereoCalibration, truth: UnrectifiedRig) -> tuple[float, float]:
    """Relative error of the baseline, and degrees between the found and the true turn of the right camera."""
    turn = found.rig.right_from_left[:3, :3] @ truth.right_from_left[:3, :3].T
    return found.rig.baseline_m / truth.baseline_m - 1.0, np.rad2deg(np.linalg.norm(cv2.Rodrigues(turn)[0]))


def test_chessboard_recovers_the_rig(chessboard_images: Images) -> None:
    """And each used view has its error."""
    found = calibrate_stereo(*chessboard_images, CHESSBOARD)
    assert_recovers(found, RADTAN_RIG)
    baseline, degrees = rig_errors(found, RADTAN_RIG)
    assert abs(baseline) < 0.002
    assert degrees < 0.05
    assert [view.index for view in found.views] == list(range(8))
    assert all(view.used and view.corners == 48 and view.left_error_px < 0.3 for view in found.views)


def test_useless_images_are_skipped_and_named(chessboard_images: Images) -> None:
    """A hidden board is not found; one that moved between the cameras is an outlier; the result is as before."""
    lefts, rights = list(chessboard_images[0]), list(chessboard_images[1])
    rights[2] = np.full_like(rights[2], 128)
    rights[5] = np.roll(rights[5], (9, 4), axis=(0, 1))
    found = calibrate_stereo(lefts, rights, CHESSBOARD)
    assert_recovers(found, RADTAN_RIG)
    assert [view.index for view in found.views if not view.used] == [2, 5]
    assert found.views[2].reason == "board not found in the right image"
    assert found.views[2].left_error_px is None
    assert "blurred or moved" in found.views[5].reason


def test_partly_hidden_charuco_recovers_the_rig(render: Render) -> None:
    """Half of the images lose a part of the board; common corners suffice."""
    texture = CHARUCO.opencv().generateImage((8 * 60, 6 * 60), marginSize=0, borderBits=1)
    texture = cv2.copyMakeBorder(texture, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255)
    lefts, rights = shoot(render, texture, 0.0005, RADTAN_RIG, poses(0.5, 8))
    for index in (1, 3, 5, 7):
        lefts[index][:, 380:] = 128
    found = calibrate_stereo(lefts, rights, CHARUCO)
    assert_recovers(found, RADTAN_RIG)
    counts = [view.corners for view in found.views]
    assert max(counts) == 35
    assert min(counts) < 35


def test_fisheye_recovers_the_rig(render: Render) -> None:
    """The equidistant model, closer to the board."""
    views = poses(0.28, 10)
    found = calibrate_stereo(*shoot(render, *chessboard_texture(), FISHEYE_RIG, views), CHESSBOARD, "equidistant")
    assert_recovers(found, FISHEYE_RIG)
    baseline, degrees = rig_errors(found, FISHEYE_RIG)
    assert abs(baseline) < 0.002
    assert degrees < 0.05


def test_corners_lie_where_the_camera_sees_them(render: Render) -> None:
    """The detector alone is off by 0.1 px; windows around corners hold no other corner."""
    texture, texel_m = chessboard_texture()
    rows, columns = np.indices((6, 8)).reshape(2, -1)
    board = np.stack([60 + 30 * columns, 60 + 30 * rows, 0 * rows], axis=1) * texel_m
    for distance_m in (0.55, 1.2):
        views, squared = poses(distance_m, 4), []
        images = shoot(render, texture, texel_m, RADTAN_RIG, views)
        found = calibrate_stereo(*images, CHESSBOARD)
        for pose, corners in zip(views, found.left_corners, strict=True):
            turn, lens = cv2.Rodrigues(pose[:3, :3])[0], RADTAN_RIG.left
            seen = cv2.projectPoints(board, turn, pose[:3, 3], lens.camera.matrix, np.array(lens.distortion))[0]
            squared.append(min(np.mean(np.sum((way - seen[:, 0]) ** 2, axis=1)) for way in (corners, corners[::-1])))
        assert np.sqrt(np.mean(squared)) < 0.075


def test_too_few_images_are_refused(chessboard_images: Images) -> None:
    """Four pairs are the least."""
    with pytest.raises(CalibrationError, match="at least 4 pairs, got 3"):
        calibrate_stereo(chessboard_images[0][:3], chessboard_images[1][:3], CHESSBOARD)


def test_board_that_is_never_tilted_is_refused(render: Render) -> None:
    """Parallel to the image, focal length and distance cannot be told apart."""
    lens = DistortedCamera(Pinhole(520.0, 520.0, 319.5, 239.5, 480, 640), (), "radtan")
    images = []
    for index in range(5):
        pose = np.eye(4)
        pose[:3, 3] = [-0.15 + 0.01 * index, -0.13, 0.55 + 0.002 * index]
        images.append(render(*chessboard_texture(), lens, pose))
    with pytest.raises(CalibrationError, match="tilt the board"):
        calibrate_stereo(images, images, CHESSBOARD)


def test_failure_of_the_solver_is_a_calibration_error(
    chessboard_images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With OpenCV's own reason."""
    monkeypatch.setattr(cv2, "calibrateCamera", lambda *_, **__: cv2.Rodrigues(np.zeros(2)))
    with pytest.raises(CalibrationError, match="OpenCV gave up"):
        calibrate_stereo(*chessboard_images, CHESSBOARD)


def test_images_that_do_not_pair_are_refused() -> None:
    """As many right as left, all of one size, and at least one."""
    image = np.zeros((48, 64), dtype=np.uint8)
    with pytest.raises(InputError, match="1 left and 2 right"):
        calibrate_stereo([image], [image, image], CHESSBOARD)
    with pytest.raises(InputError, match="0 left and 0 right"):
        calibrate_stereo([], [], CHESSBOARD)
    with pytest.raises(InputError, match="left images of one size"):
        calibrate_stereo([image, image[:40]], [image, image], CHESSBOARD)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Chessboard(2, 8, 0.03), "at least 3 rows"),
        (lambda: Chessboard(6, 8, 0.0), "positive square side"),
        (lambda: CharucoBoard(6, 8, float("nan"), 0.02), "positive square side"),
        (lambda: CharucoBoard(6, 8, 0.03, 0.03), "0 < marker_m < square_m"),
        (lambda: CharucoBoard(6, 8, 0.03, 0.02, "DICT_9X9"), "marker dictionary"),
    ],
)
def test_impossible_boards_are_refused(make: Callable[[], object], words: str) -> None:
    """Too small, sizeless, or unknown."""
    with pytest.raises(InputError, match=words):
        make()


def test_a_square_in_another_unit_is_refused_with_what_would_be_plausible() -> None:
    """25 for 25 mm, and 0.025 where millimetres were asked for."""
    with pytest.raises(InputError, match=r"got 25; 25 mm would be 0\.025 m"):
        Chessboard(6, 8, 25.0)
    with pytest.raises(InputError, match=r"got 2\.5e-05; 0\.025 m would be 25 mm"):
        Chessboard(6, 8, 2.5e-5)


def test_the_pose_of_a_board_in_front_of_a_camera():
    """A board 0.5 m ahead, turned by 25 degrees: its corners are drawn where the camera sees them."""
    camera = Pinhole(520.0, 520.0, 319.5, 239.5, 480, 640)
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.radians([0.0, 25.0, 0.0]))[0]
    pose[:3, 3] = [-0.1, -0.07, 0.5]
    flat = np.full((8 * 40, 10 * 40), 255, np.uint8)
    for i, j in np.ndindex(7, 9):
        if (i + j) % 2 == 0:
            flat[20 + 40 * i : 60 + 40 * i, 20 + 40 * j : 60 + 40 * j] = 0
    # The first inner corner is at pixel 59.5 of the drawing, 40 px are 0.03 m.
    ends = np.array([[0, 0], [9, 0], [9, 6], [0, 6]], np.float32)
    corners = np.concatenate([0.03 * ends, np.zeros((4, 1))], axis=1) @ pose[:3, :3].T + pose[:3, 3]
    target = (corners @ camera.matrix.T)[:, :2] / corners[:, 2:]
    warp = cv2.getPerspectiveTransform(59.5 + 40.0 * ends, target.astype(np.float32))
    image = cv2.warpPerspective(flat, warp, (640, 480), borderValue=255)
    found, error_px = board_pose(np.repeat(image[..., None], 3, axis=2), CHESSBOARD, camera)
    normal = found[:3, 2] * np.sign(found[2, 2])
    assert normal @ pose[:3, 2] > np.cos(np.radians(0.5))
    assert normal @ found[:3, 3] == pytest.approx(pose[:3, 2] @ pose[:3, 3], abs=0.002)
    assert error_px < 0.2
    with pytest.raises(CalibrationError, match="a board with 6 corners or more, got 0"):
        board_pose(np.zeros((480, 640, 3), np.uint8), CHESSBOARD, camera)
