"""Rectification from matched features alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry import UnrectifiedRig, match_views, rectify_uncalibrated

Motorcycle = tuple[np.ndarray, np.ndarray, np.ndarray]


def turned(image: np.ndarray, pitch_rad: float, yaw_rad: float, roll_rad: float) -> np.ndarray:
    """The image after its camera (focal length = width) turned on the spot."""
    height, width = image.shape[:2]
    matrix = np.array([[width, 0.0, (width - 1) / 2], [0.0, width, (height - 1) / 2], [0.0, 0.0, 1.0]])
    rotation = cv2.Rodrigues(np.array([0.0, 0.0, roll_rad]))[0] @ cv2.Rodrigues(np.array([pitch_rad, yaw_rad, 0.0]))[0]
    homography = matrix @ rotation @ np.linalg.inv(matrix)
    return cv2.warpPerspective(image, homography, (width, height), flags=cv2.INTER_CUBIC)


def test_turned_camera_is_turned_back(motorcycle: Motorcycle) -> None:
    """1 degree of roll, 0.6 of pitch and 1.5 of yaw: offsets of many pixels fall to those of the original pair."""
    left, right = motorcycle[0], turned(motorcycle[1], 0.010, 0.026, 0.017)
    assert np.median(np.abs(match_views(left, right).vertical_offsets_px)) > 4.0
    result = rectify_uncalibrated(left, right)
    assert result.rig is None
    rectified = result.apply(left, right)
    matches = match_views(*rectified)
    assert np.median(np.abs(matches.vertical_offsets_px)) < 0.25
    # Positive disparities, the farthest near 1 % of the width, and the scene's range of about 50 px untouched.
    assert 2.0 < np.percentile(matches.disparities_px, 1.0) < 15.0
    assert 35.0 < np.ptp(np.percentile(matches.disparities_px, [2.0, 98.0])) < 55.0
    # Scale is kept, so little is cropped, and nothing black is left.
    assert rectified[0].shape[0] > 0.9 * left.shape[0]
    for source in (result.left_map, result.right_map):
        assert source.min() > -0.01
        assert (source.reshape(-1, 2).max(axis=0) < [740.01, 499.01]).all()


def test_shape_and_scale_are_kept(motorcycle: Motorcycle) -> None:
    """A rectified pair comes out nearly as it went in: the maps' local scale is within 1 % of one."""
    result = rectify_uncalibrated(motorcycle[0], motorcycle[1])
    for source in (result.left_map.astype(np.float64), result.right_map.astype(np.float64)):
        across, down = np.diff(source, axis=1)[:-1], np.diff(source, axis=0)[:, :-1]
        area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        assert np.abs(area - 1.0).max() < 0.02


def test_swapped_views_are_refused(motorcycle: Motorcycle) -> None:
    """A shift would make their disparities positive and their depth inside out."""
    with pytest.raises(InputError, match="seem swapped"):
        rectify_uncalibrated(motorcycle[1], motorcycle[0])


def test_images_without_matches_are_refused() -> None:
    """Flat images."""
    flat = np.full((100, 120), 80, dtype=np.uint8)
    with pytest.raises(InputError, match="at least 20 features"):
        rectify_uncalibrated(flat, flat)


def test_views_that_hardly_overlap_are_refused(motorcycle: Motorcycle) -> None:
    """Two images that share a third of their rows."""
    left, right = motorcycle[0][:300], motorcycle[1][200:]
    with pytest.raises(InputError, match="at least half"):
        rectify_uncalibrated(left, right)


def test_euroc_without_its_calibration(euroc: tuple[UnrectifiedRig, list[tuple[np.ndarray, np.ndarray]]]) -> None:
    """12.9 px of vertical offset fall below half a pixel; what remains is lens distortion, which this cannot undo."""
    left, right = euroc[1][0]
    rectified = rectify_uncalibrated(left, right).apply(left, right)
    assert np.median(np.abs(match_views(*rectified).vertical_offsets_px)) < 0.5


def test_hand_held_photographs(real_dir: Path) -> None:
    """The bench (its files are named the wrong way round): 9.5 px fall below 0.25 px."""
    folder = real_dir / "photos"
    if not folder.is_dir():
        pytest.skip("no photographs among the real scenes")
    left, right = (cv2.imread(str(folder / f"niebert_bench_{name}.jpg")) for name in ("right", "left"))
    rectified = rectify_uncalibrated(left, right).apply(left, right)
    matches = match_views(*rectified)
    assert np.median(np.abs(matches.vertical_offsets_px)) < 0.25
    assert np.percentile(matches.disparities_px, 1.0) > 1.0
