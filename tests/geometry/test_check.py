"""The pair check: right on real pairs, on their perturbations, and on images that tell nothing."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry import PairCheck, check_pair
from leadline.geometry.uncalibrated import rectify_uncalibrated

Motorcycle = tuple[np.ndarray, np.ndarray, np.ndarray]


def warped(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The image moved by a 2x3 matrix, its borders mirrored."""
    size = image.shape[1::-1]
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def shifted_down(image: np.ndarray, pixels: float) -> np.ndarray:
    """The image moved down."""
    return warped(image, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, pixels]]))


def test_good_pair_is_fine(motorcycle: Motorcycle) -> None:
    """Middlebury Motorcycle: rectified to a fifth of a pixel, disparities within its published 7 to 61 px."""
    check = check_pair(motorcycle[0], motorcycle[1])
    assert check.fine
    assert check.status == "fine"
    assert check.mend == ""
    assert (check.rectified, check.swapped, check.same_image) == (True, False, False)
    assert check.median_abs_offset_px < 0.25
    assert check.p95_abs_offset_px < 1.5
    assert check.negative_share == 0.0
    assert 7.0 < check.min_disparity_px < check.max_disparity_px < 61.0
    assert abs(check.exposure_gap_stops) < 0.1
    assert json.loads(json.dumps(dataclasses.asdict(check)))["verdict"] == check.verdict


@pytest.mark.parametrize("pixels", [1.5, -2.0])
def test_vertical_offset_is_measured(motorcycle: Motorcycle, pixels: float) -> None:
    """Shift the right image down by n px: the offset is n px."""
    check = check_pair(motorcycle[0], shifted_down(motorcycle[1], pixels))
    assert check.median_offset_px == pytest.approx(pixels, abs=0.15)
    assert (check.status, check.rectified) == ("not_fine", False)
    assert "not rectified" in check.verdict
    assert "rectify them" in check.mend


@pytest.mark.parametrize("degrees", [0.2, -0.5])
def test_rotation_is_measured(motorcycle: Motorcycle, degrees: float) -> None:
    """Turn the right image clockwise (OpenCV's angles are counter-clockwise) by a known angle."""
    turn = cv2.getRotationMatrix2D((370.0, 249.5), -degrees, 1.0)
    check = check_pair(motorcycle[0], warped(motorcycle[1], turn))
    assert check.rotation_deg == pytest.approx(degrees, abs=0.05)
    assert check.rectified is False


def test_vertical_scale_is_measured(motorcycle: Motorcycle) -> None:
    """Stretch the right image by 1 % about its middle row."""
    stretch = np.array([[1.0, 0.0, 0.0], [0.0, 1.01, -0.01 * 249.5]])
    check = check_pair(motorcycle[0], warped(motorcycle[1], stretch))
    assert check.vertical_scale == pytest.approx(1.01, abs=0.001)
    assert check.rectified is False


@pytest.mark.parametrize(("gain", "word"), [(0.5, "darker"), (2.0, "brighter")])
def test_exposure_gap_is_measured(motorcycle: Motorcycle, gain: float, word: str) -> None:
    """Half the light is one stop less; doubling clips, and clipped places are left out."""
    right = np.clip(motorcycle[1] * gain, 0, 255).astype(np.uint8)
    check = check_pair(motorcycle[0], right)
    assert check.exposure_gap_stops == pytest.approx(np.log2(gain), abs=0.2)
    assert word in check.verdict
    assert (check.status, check.rectified, check.swapped) == ("not_fine", True, False)


def test_swapped_views_are_seen(motorcycle: Motorcycle) -> None:
    """All disparities negative, and the bottom of the image would be far."""
    check = check_pair(motorcycle[1], motorcycle[0])
    assert check.swapped
    assert check.rectified
    assert check.negative_share == 1.0
    assert check.mend == "exchange LEFT and RIGHT"


def test_converged_views_are_not_called_swapped(motorcycle: Motorcycle) -> None:
    """The right image shifted so that all disparities are negative: order is right, the shift is named."""
    left, right, _ = motorcycle
    check = check_pair(left[:, 80:], right[:, :-80])
    assert check.negative_share == 1.0
    assert not check.swapped
    assert check.status == "not_fine"
    # Smallest disparity is 13 px, less 80 px is about -67.
    shift = int(check.mend.split(" by ")[1].split(" px")[0])
    assert 66 <= shift <= 76


def test_one_image_twice_is_seen(motorcycle: Motorcycle) -> None:
    """Bit by bit, and after JPEG compression."""
    left = motorcycle[0]
    again = cv2.imdecode(cv2.imencode(".jpg", left, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)
    for other in (left.copy(), again):
        check = check_pair(left, other)
        assert check.same_image
        assert check.status == "not_fine"
        assert "one image twice" in check.verdict


def test_black_image_tells_nothing(motorcycle: Motorcycle) -> None:
    """A flat image is named."""
    black = np.zeros_like(motorcycle[0])
    assert check_pair(black, motorcycle[1]).verdict == "cannot tell: the left image is one flat colour"
    check = check_pair(motorcycle[0], black)
    assert check.status == "cannot_tell"
    assert check.median_abs_offset_px is None


def test_unrelated_images_tell_nothing(motorcycle: Motorcycle) -> None:
    """Too few features match between an image and its mirror image, or between two noises."""
    left = motorcycle[0]
    check = check_pair(left, left[::-1].copy())
    assert check.status == "cannot_tell"
    assert "features match" in check.verdict
    noise = np.random.default_rng(0).integers(0, 256, (2, 200, 300), dtype=np.uint8)
    assert check_pair(noise[0], noise[1]).status == "cannot_tell"


def test_repetition_is_not_swapped() -> None:
    """A brick wall with slight irregularities at disparity 9, bricks 24 px wide: matches jump, the verdict does not."""
    rng = np.random.default_rng(1)
    rows, columns = np.indices((300, 500))
    mortar = ((rows % 12) < 2) | (((columns + 12 * ((rows // 12) % 2)) % 24) < 2)
    shade = rng.uniform(0.4, 0.8, (26, 22)).repeat(12, axis=0).repeat(24, axis=1)[:300, :500]
    wall = np.where(mortar, 0.9, shade) + rng.normal(0.0, 0.01, (300, 500))
    wall = (cv2.GaussianBlur(wall, (0, 0), 0.8) * 255).clip(0, 255).astype(np.uint8)
    check = check_pair(wall[:, :-9], wall[:, 9:])
    assert check.status == "fine"
    assert check.max_disparity_px == pytest.approx(9.0, abs=0.2)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_depth_of_the_samples_does_not_matter(motorcycle: Motorcycle, dtype: type) -> None:
    """16-bit and float images give the 8-bit answer."""
    factor = 257 if dtype is np.uint16 else np.float32(1 / 255)
    pair = [cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in motorcycle[:2]]
    reference = check_pair(*pair)
    check = check_pair(*(view.astype(dtype) * dtype(factor) for view in pair))
    assert check.median_abs_offset_px == pytest.approx(reference.median_abs_offset_px, abs=0.02)
    assert check.fine


def test_views_of_different_sizes_are_refused() -> None:
    """As everywhere."""
    with pytest.raises(InputError, match="one size"):
        check_pair(np.zeros((40, 50), dtype=np.uint8), np.zeros((40, 60), dtype=np.uint8))


def read_pair(left: Path, right: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two image files as grey arrays."""
    if not left.is_file():
        pytest.skip(f"no {left.name} among the real images")
    return cv2.imread(str(left), 0), cv2.imread(str(right), 0)


@pytest.mark.parametrize("scene", ["cones", "cloth3", "dolls", "flowerpots", "moebius", "teddy", "tsukuba"])
def test_real_scenes_are_fine(real_dir: Path, scene: str) -> None:
    """Middlebury's rectified scenes."""
    folder = real_dir / "stereo" / scene
    assert_fine(check_pair(*read_pair(folder / "im0.png", folder / "im1.png")))


@pytest.mark.parametrize("frame", ["000027_10", "000138_10"])
def test_kitti_frames_are_fine(real_dir: Path, frame: str) -> None:
    """KITTI's own rectification is off by up to half a pixel and still fit for matching."""
    folder = real_dir / "kitti2012"
    assert_fine(check_pair(*read_pair(folder / "image_0" / f"{frame}.png", folder / "image_1" / f"{frame}.png")))


def assert_fine(check: PairCheck) -> None:
    """Fine, with the verdict in the failure message."""
    assert check.fine, check.verdict


def test_swapped_photographs_are_seen(real_dir: Path) -> None:
    """Bananas: rectified to half a pixel, but the first view is the right one."""
    left, right = read_pair(
        real_dir / "photos" / "stereomag_bananas1.jpg", real_dir / "photos" / "stereomag_bananas2.jpg"
    )
    check = check_pair(left, right)
    assert check.swapped
    assert check.rectified
    assert_fine(check_pair(right, left))


def test_hand_held_photographs_are_not_rectified(real_dir: Path) -> None:
    """The bench: about 10 px of vertical offset."""
    folder = real_dir / "photos"
    check = check_pair(*read_pair(folder / "niebert_bench_left.jpg", folder / "niebert_bench_right.jpg"))
    assert not check.rectified
    assert check.median_abs_offset_px == pytest.approx(9.5, abs=0.5)


def textured(height: int = 480, width: int = 640) -> np.ndarray:
    noise = np.random.default_rng(8).normal(size=(height, width, 3))
    blurred = cv2.GaussianBlur(noise, (0, 0), 1.5) + 3 * cv2.GaussianBlur(noise, (0, 0), 5.0)
    return np.asarray(cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


INTRINSICS = np.array([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]])


@pytest.mark.parametrize("vector", [(0.0, 0.1, 0.0), (0.03, 0.05, 0.02), (0.0, 0.0, 0.08), (0.06, 0.0, 0.0)])
def test_a_camera_that_only_turned(vector: tuple[float, float, float]) -> None:
    """K R K^-1 explains every match: there is no parallax."""
    turn = np.asarray(cv2.Rodrigues(np.array(vector))[0])
    scene = textured()
    turned = cv2.warpPerspective(scene, INTRINSICS @ turn @ np.linalg.inv(INTRINSICS), (640, 480))
    found = check_pair(scene[60:420, 80:560].copy(), np.asarray(turned, np.uint8)[60:420, 80:560].copy())
    assert found.status == "not_fine"
    assert "only turned" in found.verdict
    with pytest.raises(InputError, match="only turned"):
        rectify_uncalibrated(scene, np.asarray(turned, np.uint8))


@pytest.mark.parametrize("depth_m", [1.0, 2.0])
def test_a_wall_before_a_moving_camera_is_no_turn(depth_m: float) -> None:
    """A plane gives a homography too, but none that is a rotation: the camera moved 20 cm and turned 2 degrees."""
    turn = np.asarray(cv2.Rodrigues(np.array([0.02, 0.01, 0.035]))[0])
    normal = np.array([0.3, 0.1, 1.0]) / np.linalg.norm([0.3, 0.1, 1.0])
    plane = INTRINSICS @ (turn + np.outer([-0.2, 0.0, 0.0], normal) / depth_m) @ np.linalg.inv(INTRINSICS)
    scene = textured()
    moved = cv2.warpPerspective(scene, plane, (640, 480))
    assert "only turned" not in check_pair(scene, np.asarray(moved, np.uint8)).verdict


def test_disparities_down_to_minus_doffs_are_as_they_should_be() -> None:
    scene = textured()
    left, right = scene[:, 20:620].copy(), scene[:, 5:605].copy()  # every disparity is -15 px
    assert check_pair(left, right).swapped or check_pair(left, right).status == "not_fine"
    found = check_pair(left, right, smallest_px=-20.0)
    assert found.fine
    assert found.negative_share == 0.0
