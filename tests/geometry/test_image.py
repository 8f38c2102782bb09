"""Images of any depth become one grey form."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.image import brightness, check_same_size, stretch_contrast


def test_brightness_is_a_share_of_full_scale() -> None:
    """255, 65535 and 1.0 are white; not-a-number is black."""
    np.testing.assert_allclose(brightness(np.array([[0, 51, 255]], dtype=np.uint8)), [[0.0, 0.2, 1.0]], atol=1e-6)
    np.testing.assert_allclose(brightness(np.array([[0, 65535]], dtype=np.uint16)), [[0.0, 1.0]])
    np.testing.assert_allclose(brightness(np.array([[0.25, np.nan, np.inf]])), [[0.25, 0.0, 0.0]])


def test_brightness_weighs_red_green_blue() -> None:
    """Rec. 601: 0.299, 0.587, 0.114."""
    np.testing.assert_allclose(brightness(np.eye(3)[None]), [[0.299, 0.587, 0.114]], atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 4), (4, 4, 4), (4, 4, 1)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    """One or three channels, and not empty."""
    with pytest.raises(InputError, match="grey"):
        brightness(np.zeros(shape, dtype=np.uint8))


def test_views_of_different_sizes_are_refused() -> None:
    """The message names both sizes."""
    with pytest.raises(InputError, match="5x4 and 6x4"):
        check_same_size(np.zeros((4, 5), dtype=np.uint8), np.zeros((4, 6), dtype=np.uint8))


def test_stretched_contrast_does_not_depend_on_exposure() -> None:
    """Half the exposure gives nearly the same stretched image."""
    image = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    dark = stretch_contrast(image * np.float32(0.5))
    assert np.abs(dark.astype(int) - stretch_contrast(image)).max() <= 1


def test_noise_is_not_stretched_into_texture() -> None:
    """A range of 1/255 becomes at most 32 grey levels of 255."""
    image = np.zeros((64, 64), dtype=np.float32)
    image[::2] = 1.0 / 255.0
    assert np.ptp(stretch_contrast(image)) == 32
