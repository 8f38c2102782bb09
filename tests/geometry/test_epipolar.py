"""Feature matches and epipolar distances."""

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry import Matches, fundamental_matrix, match_views, sampson_distances_px

RECTIFIED = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def test_sampson_distance_of_a_rectified_pair() -> None:
    """A vertical offset v is shared by both views: |v| / sqrt(2), however far the point moved sideways."""
    left = np.array([[10.0, 20.0], [30.0, 5.0]])
    matches = Matches(left, left + np.array([[-7.0, 2.0], [-30.0, 0.0]]))
    np.testing.assert_allclose(sampson_distances_px(matches, 3.0 * RECTIFIED), [np.sqrt(2.0), 0.0], atol=1e-12)


def test_fundamental_matrix_of_a_known_rig() -> None:
    """Random points seen by two turned cameras, a fifth of them wrong: F fits the rest and names the wrong ones."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-1, 1, (200, 2)), rng.uniform(2, 6, 200)])
    matrix = np.array([[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]])
    rotation = cv2.Rodrigues(np.array([0.02, -0.05, 0.03]))[0]
    seen = [points @ matrix.T, (points @ rotation.T + [-0.3, 0.05, 0.02]) @ matrix.T]
    left, right = (view[:, :2] / view[:, 2:] for view in seen)
    right[:40, 1] += rng.choice([-1.0, 1.0], 40) * rng.uniform(10, 60, 40)
    matches = Matches(left, right)
    found, inliers = fundamental_matrix(matches)
    assert sampson_distances_px(matches, found)[40:].max() < 0.01
    assert inliers[40:].all()
    assert inliers[:40].sum() <= 4


def test_too_few_matches_are_refused() -> None:
    """Eight are needed."""
    with pytest.raises(InputError, match="at least 8 matches"):
        fundamental_matrix(Matches(np.zeros((7, 2)), np.zeros((7, 2))))


def test_matches_without_geometry_are_refused() -> None:
    """One point twelve times has no epipolar geometry."""
    with pytest.raises(InputError, match="one epipolar geometry"):
        fundamental_matrix(Matches(np.zeros((12, 2)), np.zeros((12, 2))))


def test_motorcycle_matches_agree_with_the_truth(motorcycle: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """At least 95 % of the matches lie within 2 px of a disparity measured within 2 px of their place."""
    left, right, truth = motorcycle
    matches = match_views(left, right)
    column, row = np.rint(matches.left).astype(int).T
    around = np.pad(truth, 2, constant_values=np.nan)
    near = np.stack([around[row + dy, column + dx] for dy in range(5) for dx in range(5)])
    known = np.isfinite(near).any(axis=0)
    error = np.nanmin(np.abs(matches.disparities_px - near)[:, known], axis=0)
    assert len(error) > 200
    assert np.mean(error < 2.0) > 0.95
    assert np.median(np.abs(matches.vertical_offsets_px)) < 0.2


def test_large_images_are_matched_small_and_measured_large(
    motorcycle: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """A shift by (-30, +3) px of a 2223 px wide image is found to a twentieth of a pixel."""
    large = cv2.resize(motorcycle[0], None, fx=3.0, fy=3.0, interpolation=cv2.INTER_CUBIC)
    matches = match_views(large[:, 30:], np.vstack([large[:3, :-30], large[:-3, :-30]]), max_side_px=600)
    assert len(matches) > 100
    assert np.median(matches.disparities_px) == pytest.approx(-30.0, abs=0.05)
    assert np.median(matches.vertical_offsets_px) == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (20, 3000)])
def test_images_without_room_for_features_have_no_matches(size: tuple[int, int]) -> None:
    """Tiny and flat images give an empty answer and no failure."""
    image = np.full(size, 90, dtype=np.uint8)
    assert len(match_views(image, image)) == 0


def test_views_of_different_sizes_are_refused() -> None:
    """As everywhere."""
    with pytest.raises(InputError, match="one size"):
        match_views(np.zeros((40, 50), dtype=np.uint8), np.zeros((40, 60), dtype=np.uint8))
