"""A given disparity held against the images: the right scale, or a word."""

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.results.known_disparity import in_pixels


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three walls at 6, 12 and 24 px, left and right image and truth."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(200, 400, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.2) + cv2.GaussianBlur(noise, (0, 0), 4.0) * 3
    texture = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    truth = np.zeros((200, 320), np.float32)
    truth[:70], truth[70:140], truth[140:] = 6.0, 12.0, 24.0
    right = np.empty((200, 320, 3), np.uint8)
    for rows, shift in ((slice(0, 70), 6), (slice(70, 140), 12), (slice(140, 200), 24)):
        right[rows] = texture[rows, shift : shift + 320]
    return texture[:, :320].copy(), right, truth


LEFT, RIGHT, TRUTH = scene()
EVERYWHERE = np.ones(TRUTH.shape, bool)


def test_the_truth_passes_without_a_word():
    found, notes = in_pixels(DisparityMap(TRUTH, EVERYWHERE), LEFT, RIGHT)
    assert notes == ()
    assert np.array_equal(found.disparity, TRUTH)


@pytest.mark.parametrize("code", [16.0, 256.0])
def test_codes_are_divided_out(code: float):
    found, notes = in_pixels(DisparityMap(TRUTH * np.float32(code), EVERYWHERE), LEFT, RIGHT)
    assert np.allclose(found.disparity, TRUTH)
    assert "taken as" in notes[0]


def test_depth_is_refused():
    with pytest.raises(InputError, match="depth; turn it into disparity"):
        in_pixels(DisparityMap((60.0 / TRUTH).astype(np.float32), EVERYWHERE), LEFT, RIGHT)


def test_a_hundred_scales_are_refused_or_right():
    for factor in np.geomspace(0.02, 300.0, 100):
        given = DisparityMap((TRUTH * factor).astype(np.float32), EVERYWHERE)
        try:
            found, notes = in_pixels(given, LEFT, RIGHT)
        except InputError:
            continue
        error = np.abs(found.disparity / TRUTH - 1.0).max()
        assert error < 0.2 or notes, factor


def test_another_pairs_disparity_is_said_and_another_size_refused():
    rng = np.random.default_rng(1)
    noise = rng.uniform(0, 60, TRUTH.shape).astype(np.float32)
    _, notes = in_pixels(DisparityMap(noise, EVERYWHERE), LEFT, RIGHT)
    assert "hardly anywhere" in notes[0]
    with pytest.raises(InputError, match="the images' size 320x200, got 100x50"):
        in_pixels(DisparityMap(noise[:50, :100], EVERYWHERE[:50, :100]), LEFT, RIGHT)
