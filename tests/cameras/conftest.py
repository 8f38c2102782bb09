"""Pairs with a known shift, and devices that fail on purpose."""

import cv2
import numpy as np
import pytest

SHIFT_PX = 7


@pytest.fixture(scope="session")
def texture():
    """Blobs of several sizes, RGB."""
    noise = np.random.default_rng(5).normal(size=(96, 160, 3))
    smooth = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in (1.0, 2.0, 4.0))
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


@pytest.fixture(scope="session")
def pair(texture):
    """Left and right view of 96x128, the right one shifted by 7 px."""
    return texture[:, 16 : 16 + 128].copy(), texture[:, 16 + SHIFT_PX : 16 + SHIFT_PX + 128].copy()
