"""The images that geometry looks at: any depth, grey or RGB, brought to one form."""

from typing import Any, cast

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16

from leadline.errors import InputError

# "_ _ *_": rows, columns and, for RGB, three channels. The sizes of two views are compared by `check_same_size`,
# because a user's images of different sizes deserve a message and not a type error.
Image = UInt8[np.ndarray, "_ _ *_"] | UInt16[np.ndarray, "_ _ *_"] | Float[np.ndarray, "_ _ *_"]


def brightness(image: Image) -> Float32[np.ndarray, "h w"]:
    """Grey image as a share of full scale: 255 for 8 bit, 65535 for 16 bit, 1.0 for float images.

    Args:
        image: Grey (h, w) or RGB (h, w, 3).
    Returns:
        About 0 to 1, float32. Not-a-number and infinity become 0.
    Raises:
        InputError: If the image is empty or has neither one nor three channels.
    Example:
        >>> brightness(np.array([[0, 255]], np.uint8)).tolist(), brightness(np.array([[65535]], np.uint16)).tolist()
        ([[0.0, 1.0]], [[1.0]])
    """
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
        raise InputError(f"expected a grey (h, w) or RGB (h, w, 3) image, got shape {image.shape}; convert it first")
    full_scale = float(np.iinfo(image.dtype).max) if np.issubdtype(image.dtype, np.integer) else 1.0
    native: np.ndarray[Any, Any] = image if full_scale > 1 else np.nan_to_num(image, posinf=0.0, neginf=0.0)
    native = native if full_scale > 1 else native.astype(np.float32)
    grey = native if native.ndim == 2 else np.asarray(cv2.cvtColor(native, cv2.COLOR_RGB2GRAY))
    return np.asarray(grey, dtype=np.float32) / np.float32(full_scale)


def stretch_contrast(grey: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """8-bit image whose 1st to 99th percentile fill the range, so that detectors see dark images, too.

    The gain is at most 32: an image that holds less than that holds noise only, and stays flat.
    """
    low, high = np.percentile(grey[:: max(1, grey.shape[0] // 256), :: max(1, grey.shape[1] // 256)], [1.0, 99.0])
    gain = 255.0 / max(float(high - low), 1.0 / 32.0)
    return np.clip((grey - np.float32(low)) * np.float32(gain), 0.0, 255.0).astype(np.uint8)


def require_8bit(image: object, name: str) -> None:
    """Refuses what is not 8-bit RGB or grey.

    Args:
        image: Anything.
        name: What it is, for the message: "the left image".
    Raises:
        InputError: If it is no array, or of another type or shape.

    >>> require_8bit(np.zeros((20, 30, 4), np.uint8), "the left image")
    Traceback (most recent call last):
    leadline.errors.InputError: expected 8-bit RGB or grey for the left image, got uint8 (20, 30, 4)
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"expected 8-bit RGB or grey for {name}, got {type(image).__name__}; read it with imread")
    array = cast(np.ndarray[Any, Any], image)
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise InputError(f"expected 8-bit RGB or grey for {name}, got {array.dtype} {array.shape}")


def check_same_size(left: Image, right: Image) -> None:
    """Refuses a pair whose views differ in size.

    Raises:
        InputError: If they do.
    """
    if left.shape[:2] != right.shape[:2]:
        raise InputError(
            f"expected two views of one size, got {left.shape[1]}x{left.shape[0]} and "
            f"{right.shape[1]}x{right.shape[0]}; "
            "resize or crop them alike"
        )
