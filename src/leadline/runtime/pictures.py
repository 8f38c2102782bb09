"""What a picture must be before a method sees it."""

from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError

MIN_SIDE_PX: Final = 16


def require_8bit(picture: np.ndarray, name: str) -> None:
    """Refuses what is not 8-bit RGB or grey.

    Args:
        picture: Any array.
        name: What it is, for the message: "the left picture".
    Raises:
        InputError: If it is of another type or shape.
    """
    is_picture = picture.dtype == np.uint8 and (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3))
    if not is_picture:
        raise InputError(f"expected 8-bit RGB or grey for {name}, got {picture.dtype} {picture.shape}")


def require_sides(picture: np.ndarray) -> None:
    """Refuses pictures too small for any method.

    Raises:
        InputError: If a side is shorter than 16 px.
    """
    if min(picture.shape[:2]) < MIN_SIDE_PX:
        raise InputError(f"expected pictures of at least {MIN_SIDE_PX} px a side, got {picture.shape[:2]}")


def as_rgb(picture: UInt8[np.ndarray, "h w *c"]) -> UInt8[np.ndarray, "h w 3"]:
    """Three equal channels for a grey picture."""
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


def check_pictures(left: np.ndarray, right: np.ndarray) -> None:
    """Refuses what is not a pair.

    Raises:
        InputError: If the pictures are not 8-bit RGB or grey, differ in size, or are smaller than 16 px.
    """
    for picture, side in ((left, "left"), (right, "right")):
        require_8bit(picture, f"the {side} picture")
    if left.shape[:2] != right.shape[:2]:
        raise InputError(
            f"expected two pictures of one size, got {left.shape[:2]} and {right.shape[:2]} (height, width); "
            "crop or resize them alike"
        )
    require_sides(left)
