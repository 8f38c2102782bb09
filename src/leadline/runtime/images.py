"""What an image must be before a method sees it."""

from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError

MIN_SIDE_PX: Final = 16


def require_8bit(image: np.ndarray, name: str) -> None:
    """Refuses what is not 8-bit RGB or grey.

    Args:
        image: Any array.
        name: What it is, for the message: "the left image".
    Raises:
        InputError: If it is of another type or shape.

    >>> require_8bit(np.zeros((20, 30, 4), np.uint8), "the left image")
    Traceback (most recent call last):
    leadline.errors.InputError: expected 8-bit RGB or grey for the left image, got uint8 (20, 30, 4)
    """
    is_image = image.dtype == np.uint8 and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    if not is_image:
        raise InputError(f"expected 8-bit RGB or grey for {name}, got {image.dtype} {image.shape}")


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
