"""Blur and noise of images whose blur and noise are known."""

import cv2
import numpy as np
import pytest

from leadline.runtime.sharpness import edge_blur_px, noise_levels

BOARD = np.kron(np.indices((4, 12)).sum(0) % 2, np.ones((20, 40))).astype(np.uint8) * 150 + 50


def blurred(sigma_px: float, image: np.ndarray = BOARD) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px)) if sigma_px else image


@pytest.mark.parametrize("sigma_px", [0.0, 1.0, 2.0, 3.0, 4.0, 6.0])
def test_the_blur_of_a_board_is_found(sigma_px):
    assert edge_blur_px(blurred(sigma_px)) == pytest.approx(sigma_px, rel=0.08, abs=0.05)


def test_blur_along_the_rows_counts_and_across_them_does_not():
    def smeared(shape):
        return np.asarray(cv2.blur(BOARD, shape, borderType=cv2.BORDER_REPLICATE))

    # A box of 15 px has a deviation of 15 / sqrt(12) = 4.3 px, but sharper ends than a Gaussian.
    assert 2.0 < edge_blur_px(smeared((15, 1))) < 4.5
    assert edge_blur_px(smeared((1, 15))) < 0.5


def test_colour_brightness_and_noise_change_little():
    image = np.repeat(blurred(4.0)[..., None], 3, axis=2)
    noisy = np.clip(image + np.random.default_rng(0).normal(0.0, 3.0, image.shape), 0, 255).astype(np.uint8)
    assert edge_blur_px(image) == pytest.approx(edge_blur_px(blurred(4.0)), rel=1e-3)
    assert edge_blur_px(image // 4) == pytest.approx(4.0, rel=0.1)
    assert edge_blur_px(noisy) == pytest.approx(4.0, rel=0.15)


def test_nothing_to_see_is_not_blurred():
    assert edge_blur_px(np.full((40, 60, 3), 90, np.uint8)) == 0.0


@pytest.mark.parametrize("levels", [3.0, 6.0])
def test_noise_of_a_blurred_image(levels):
    noise = np.random.default_rng(1).normal(0.0, levels, BOARD.shape)
    assert noise_levels(np.rint(blurred(6.0) + noise).astype(np.uint8)) == pytest.approx(levels, rel=0.2)
    assert noise_levels(blurred(6.0)) < 1.0
