"""Rectification of calibrated rigs, against OpenCV, against hand-made rigs, and on real pairs."""

import cv2
import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError
from leadline.geometry import DistortedCamera, Pinhole, UnrectifiedRig, check_pair, match_views, rectify

IDEAL = DistortedCamera(Pinhole(400.0, 400.0, 319.5, 239.5, 480, 640), (), "radtan")
FISHEYE = DistortedCamera(Pinhole(250.0, 250.0, 322.0, 238.0, 480, 640), (0.02, -0.004, 0.001, 0.0), "equidistant")


def transform(rotation_rad: tuple[float, float, float], center_m: tuple[float, float, float]) -> np.ndarray:
    """right_from_left of a right camera at a place of the left frame."""
    matrix = np.eye(4)
    matrix[:3, :3] = cv2.Rodrigues(np.array(rotation_rad, dtype=np.float64))[0]
    matrix[:3, 3] = -matrix[:3, :3] @ np.array(center_m)
    return matrix


def project(lens: DistortedCamera, points: np.ndarray) -> np.ndarray:
    """Pixels of points in the camera's frame."""
    call = cv2.fisheye.projectPoints if lens.model == "equidistant" else cv2.projectPoints
    seen, _ = call(points.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), lens.camera.matrix, np.array(lens.distortion))
    return seen.reshape(-1, 2)


def test_rectified_rig_stays_as_it_is() -> None:
    """Nothing to turn: the maps are the identity and the camera is the same."""
    result = rectify(UnrectifiedRig(IDEAL, IDEAL, transform((0, 0, 0), (0.1, 0, 0))))
    rows, columns = np.indices((480, 640))
    np.testing.assert_allclose(result.left_map, np.stack([columns, rows], axis=2), atol=1e-3)
    np.testing.assert_allclose(result.right_map, result.left_map, atol=1e-3)
    assert result.rig.left.focal_x_px == pytest.approx(400.0)
    assert result.rig.left.center_x_px == pytest.approx(319.5)
    assert (result.rig.baseline_m, result.rig.doffs_px) == (pytest.approx(0.1), 0.0)


@pytest.mark.parametrize(
    ("left", "right"),
    [(IDEAL, IDEAL.scaled(240, 320)), (FISHEYE, FISHEYE), (FISHEYE, IDEAL)],
    ids=["radtan", "fisheye", "mixed"],
)
def test_maps_bring_scene_points_onto_one_row(left: DistortedCamera, right: DistortedCamera) -> None:
    """A point at depth Z lands on one row of both views, f b / Z apart, whatever the lenses and sizes."""
    rig = UnrectifiedRig(left, right, transform((0.03, -0.05, 0.02), (0.2, 0.01, -0.02)))
    result = rectify(rig)
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-0.5, 0.5, (30, 2)), rng.uniform(2.0, 5.0, 30)])
    seen = project(left, points), project(right, points @ rig.right_from_left[:3, :3].T + rig.right_from_left[:3, 3])
    found = [
        np.array([lookup(source, place) for place in pixels])
        for source, pixels in zip((result.left_map, result.right_map), seen, strict=True)
    ]
    np.testing.assert_allclose(found[0][:, 1], found[1][:, 1], atol=0.02)
    disparity = found[0][:, 0] - found[1][:, 0]
    focal, baseline = result.rig.left.focal_x_px, result.rig.baseline_m
    turned = depth_in_rectified_frame(rig, points)
    np.testing.assert_allclose(disparity, focal * baseline / turned, atol=0.03)


def lookup(source: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The rectified pixel that comes from a place: the nearest one, sharpened by the map's local slope."""
    row, column = np.unravel_index(np.argmin(((source - place) ** 2).sum(axis=2)), source.shape[:2])
    assert 1 <= row < source.shape[0] - 1
    assert 1 <= column < source.shape[1] - 1
    center = source[row, column].astype(np.float64)
    along_x = (source[row, column + 1].astype(np.float64) - source[row, column - 1]) / 2.0
    along_y = (source[row + 1, column].astype(np.float64) - source[row - 1, column]) / 2.0
    return np.array([column, row]) + np.linalg.solve(np.column_stack([along_x, along_y]), place - center)


def depth_in_rectified_frame(rig: UnrectifiedRig, points: np.ndarray) -> np.ndarray:
    """Depth along the rectified axis, with OpenCV's rotation of the left camera as the reference."""
    matrix = np.eye(3)
    rotation, translation = rig.right_from_left[:3, :3].copy(), rig.right_from_left[:3, 3:].copy()
    turn = cv2.stereoRectify(matrix, np.zeros(4), matrix, np.zeros(4), (640, 480), rotation, translation)[0]
    return (points @ turn.T)[:, 2]


def test_alpha_keeps_valid_pixels_or_all() -> None:
    """With 0 every rectified pixel comes from inside both images; with 1 all four corners are still there."""
    lens = DistortedCamera(IDEAL.camera, (-0.25, 0.06, 0.0, 0.0), "radtan")
    rig = UnrectifiedRig(lens, lens, transform((0.02, 0.01, 0.03), (0.1, 0.0, 0.0)))
    inner = rectify(rig)
    for source in (inner.left_map, inner.right_map):
        assert source.min() > -0.51
        assert (source < [639.51, 479.51]).all()
    outer = rectify(rig, alpha=1.0)
    for source in (outer.left_map, outer.right_map):
        assert (source.min(axis=(0, 1)) < 1.0).all()
        assert (source.max(axis=(0, 1)) > [638.0, 478.0]).all()
    assert outer.rig.left.focal_x_px < rectify(rig, alpha=0.5).rig.left.focal_x_px < inner.rig.left.focal_x_px


def test_fisheye_beyond_half_a_turn_is_limited_to_sixty_degrees() -> None:
    """A 200-degree fisheye: no focal length shows its border on a plane; 60 degrees to each side are kept."""
    camera = Pinhole(180.0, 180.0, 319.5, 319.5, 640, 640)
    lens = DistortedCamera(camera, (0.0, 0.0, 0.0, 0.0), "equidistant")
    result = rectify(UnrectifiedRig(lens, lens, transform((0, 0, 0), (0.1, 0, 0))))
    assert result.rig.left.focal_x_px == pytest.approx(639.0 / 2.0 / np.tan(np.deg2rad(60.0)), rel=1e-6)
    # 60 degrees lie at 180 px * pi / 3 of an equidistant image.
    assert result.left_map[320, 639, 0] - 319.5 == pytest.approx(180.0 * np.pi / 3.0, abs=0.1)


@pytest.mark.parametrize(
    ("rotation", "center", "words"),
    [
        ((0, 0, 0), (0.0, 0.1, 0.0), "vertical pair"),
        ((0, 0, 0), (-0.1, 0.0, 0.0), "exchange the views"),
        ((0, 0, 0), (0.02, 0.0, 0.1), "in front of the other"),
        ((0, 1.8, 0), (0.1, 0.0, 0.0), "more than 90 degrees"),
        ((0, 1.3, 0), (0.1, 0.0, 0.08), "overlap"),
    ],
)
def test_rigs_that_cannot_be_rectified_are_refused(
    rotation: tuple[float, float, float], center: tuple[float, float, float], words: str
) -> None:
    """Each message says what the arrangement is."""
    with pytest.raises(CalibrationError, match=words):
        rectify(UnrectifiedRig(IDEAL, IDEAL, transform(rotation, center)))


def test_alpha_out_of_range_is_refused() -> None:
    """It is a share."""
    with pytest.raises(InputError, match="alpha"):
        rectify(UnrectifiedRig(IDEAL, IDEAL, transform((0, 0, 0), (0.1, 0, 0))), alpha=1.5)


def test_images_of_another_size_are_refused() -> None:
    """The message says how to scale the calibration."""
    result = rectify(UnrectifiedRig(IDEAL, IDEAL, transform((0, 0, 0), (0.1, 0, 0))))
    with pytest.raises(InputError, match=r"right image of \(480, 640\).*rig.scaled"):
        result.apply(np.zeros((480, 640), dtype=np.uint8), np.zeros((240, 320), dtype=np.uint8))


def test_float_images_keep_their_range() -> None:
    """Bicubic weights overshoot at edges; the result does not."""
    image = np.zeros((480, 640, 3), dtype=np.float32)
    image[100:200, 100:300] = 1.0
    rig = UnrectifiedRig(IDEAL, IDEAL, transform((0.0, 0.0, 0.02), (0.1, 0, 0)))
    left, right = rectify(rig).apply(image, image)
    assert (left.dtype, left.shape) == (np.float32, (480, 640, 3))
    assert (right.min(), right.max()) == (0.0, 1.0)


def test_euroc_is_rectified(euroc: tuple[UnrectifiedRig, list[tuple[np.ndarray, np.ndarray]]]) -> None:
    """Raw, the vertical offset is 12.9 px; rectified, below 0.2 px, with the calibrated baseline of 11 cm."""
    rig, pairs = euroc
    result = rectify(rig)
    assert result.rig.baseline_m == pytest.approx(0.1101, abs=1e-4)
    # OpenCV's own choice of frame is 436.2 px; this one keeps a little more of the image.
    assert 425.0 < result.rig.left.focal_x_px < 436.3
    raw = check_pair(*pairs[0])
    assert raw.median_abs_offset_px == pytest.approx(12.9, abs=0.3)
    assert raw.rectified is False
    for pair in pairs[:2]:
        rectified = result.apply(*pair)
        assert np.median(np.abs(match_views(*rectified).vertical_offsets_px)) < 0.2
        assert check_pair(*rectified).fine
