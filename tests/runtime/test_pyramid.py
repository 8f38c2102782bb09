"""Tiles and pyramids around networks whose answers are known."""

import cv2
import numpy as np
import pytest

from leadline.classical import ClassicalStereo
from leadline.runtime.pyramid import WHOLE_PX, match_pyramid

RANGE = 192


def constant(disparity: float, confidence: float, sizes: list[tuple[int, int]]):
    """Always the same answer; notes the sizes that it was asked."""

    def network(left, right):
        assert left.shape == right.shape
        sizes.append(left.shape[:2])
        return np.full(left.shape[:2], disparity, np.float32), np.full(left.shape[:2], confidence, np.float32)

    return network


def block_matcher(left, right):
    found = ClassicalStereo("bm", RANGE - 1)(left, right)
    return found.disparity, found.valid.astype(np.float32)


def shifted_pair(height: int, width: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Texture at every scale on a plane."""
    rng = np.random.default_rng(0)
    texture = np.zeros((height, width + shift), np.float32)
    for cell in (2, 8, 32):
        noise = rng.standard_normal((-(-height // cell), -(-(width + shift) // cell))).astype(np.float32)
        texture += cv2.resize(noise, (width + shift, height), interpolation=cv2.INTER_CUBIC)
    grey = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    image = np.repeat(grey[..., None], 3, axis=2)
    return image[:, :width], image[:, shift:]


def test_a_small_image_in_range_is_one_call():
    sizes: list[tuple[int, int]] = []
    image = np.zeros((1000, 2000, 3), np.uint8)
    disparity, confidence = match_pyramid(constant(5.0, 0.25, sizes), image, image, RANGE, RANGE)
    assert sizes == [(1000, 2000)]
    assert image.shape[0] * image.shape[1] == WHOLE_PX
    assert (disparity == 5.0).all()
    assert (confidence == 0.25).all()


def test_tiles_blend_to_exact_constants():
    sizes: list[tuple[int, int]] = []
    image = np.zeros((1100, 2100, 3), np.uint8)
    disparity, confidence = match_pyramid(constant(5.0, 0.25, sizes), image, image, RANGE, RANGE)
    np.testing.assert_allclose(disparity, 5.0, rtol=1e-6)
    np.testing.assert_allclose(confidence, 0.25, rtol=1e-6)
    assert len(sizes) == 6
    assert max(height for height, _ in sizes) <= 1024 + 2 * 64
    assert max(width for _, width in sizes) <= 1024 + 2 * 64 + RANGE


def test_a_network_that_enlarges_is_given_smaller_tiles():
    sizes: list[tuple[int, int]] = []
    image = np.zeros((700, 1000, 3), np.uint8)
    disparity, _ = match_pyramid(constant(5.0, 0.25, sizes), image, image, RANGE, RANGE, enlarge=2.0)
    np.testing.assert_allclose(disparity, 5.0, rtol=1e-6)
    assert len(sizes) == 4  # 700 x 1000 px are 2.8 million for the network, and 512 px of them a tile's side
    sizes.clear()
    match_pyramid(constant(5.0, 0.25, sizes), image[:500], image[:500], RANGE, RANGE, enlarge=2.0)
    assert sizes == [(500, 1000)]


@pytest.mark.parametrize(("coarse_px", "kept"), [(30.0, 50.0), (80.0, 160.0)])
def test_pyramid_ignores_a_coarse_level_without_disparities_beyond_the_range(coarse_px: float, kept: float):
    def network(left, right):
        coarse = left.shape[0] == 100
        disparity, confidence = (coarse_px, 0.9) if coarse else (50.0, 0.4)
        return np.full(left.shape[:2], disparity, np.float32), np.full(left.shape[:2], confidence, np.float32)

    image = np.zeros((200, 300, 3), np.uint8)
    disparity, _ = match_pyramid(network, image, image, RANGE, 2 * RANGE)
    np.testing.assert_allclose(disparity, kept)


def test_tiles_are_put_where_they_were_taken():
    left = np.repeat(np.random.default_rng(0).integers(0, 200, (1100, 2100, 1), dtype=np.uint8), 3, axis=2)
    disparity, _ = match_pyramid(
        lambda a, b: (a[..., 0].astype(np.float32), np.ones(a.shape[:2], np.float32)), left, left, RANGE, RANGE
    )
    np.testing.assert_allclose(disparity, left[..., 0], rtol=1e-6, atol=1e-6)


def test_tiles_find_what_the_whole_image_would_show():
    left, right = shifted_pair(1030, 2050, 120)
    disparity, _ = match_pyramid(block_matcher, left, right, RANGE, RANGE)
    assert (np.abs(disparity[:, 130:] - 120) < 1).mean() > 0.99


def test_1200_px_are_found_by_a_network_that_sees_192():
    left, right = shifted_pair(256, 2600, 1200)
    disparity, confidence = match_pyramid(block_matcher, left, right, RANGE, 1250)
    seen = disparity[:, 1300:]
    assert (np.abs(seen - 1200) < 1).mean() > 0.99
    assert confidence[:, 1300:].mean() > 0.9


@pytest.mark.parametrize(("largest", "calls"), [(RANGE, 1), (RANGE + 1, 2), (4 * RANGE, 3)])
def test_levels_grow_with_the_range(largest, calls):
    sizes: list[tuple[int, int]] = []
    image = np.zeros((101, 301, 3), np.uint8)
    disparity, _ = match_pyramid(constant(3.0, 0.5, sizes), image, image, RANGE, largest)
    assert disparity.shape == (101, 301)
    assert len(sizes) == calls
    assert sizes[-1] == (101, 301)
