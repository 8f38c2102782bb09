"""Requirements on the images that a method takes."""

from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.geometry.image import require_8bit

__all__ = ["MIN_SIDE_PX", "as_rgb", "check_images", "require_8bit", "require_sides"]

MIN_SIDE_PX: Final = 16


def require_sides(image: np.ndarray) -> None:
    """Refuses images too small for any method.

    Raises:
        InputError: If a side is shorter than 16 px.
    """
    if min(image.shape[:2]) < MIN_SIDE_PX:
        raise InputError(f"expected images of at least {MIN_SIDE_PX} px a side, got {image.shape[:2]}")


def as_rgb(image: UInt8[np.ndarray, "h w *c"]) -> UInt8[np.ndarray, "h w 3"]:
    """Three equal channels for a grey image.

    >>> as_rgb(np.zeros((20, 30), np.uint8)).shape
    (20, 30, 3)
    """
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def check_images(left: np.ndarray, right: np.ndarray) -> None:
    """Refuses what is not a pair.

    Raises:
        InputError: If the images are not 8-bit RGB or grey, differ in size, or are smaller than 16 px.
    """
    for image, side in ((left, "left"), (right, "right")):
        require_8bit(image, f"the {side} image")
    if left.shape[:2] != right.shape[:2]:
        raise InputError(
            f"expected two images of one size, got {left.shape[1]}x{left.shape[0]} and "
            f"{right.shape[1]}x{right.shape[0]}; "
            "crop or resize them alike"
        )
    require_sides(left)
