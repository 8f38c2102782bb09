"""Images of disparity, depth and confidence."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from leadline.errors import InputError
from leadline.maps import DepthMap

INVALID_RGB = (0, 0, 0)

_PERCENTILES = (1.0, 99.0)


def robust_range(values: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    """The range that an image's colours span: 1st to 99th percentile of the valid values.

    Args:
        values: Any unit.
        valid: Which of them count.
    Returns:
        Low and high, low < high; (0, 1) if nothing is valid, one unit wide if all values are the same.
    Example:
        >>> robust_range(np.arange(101.0).reshape(1, 101), np.ones((1, 101), bool))
        (1.0, 99.0)
    """
    if not valid.any():
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values[valid].astype(np.float64), _PERCENTILES))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def plasma(
    values: Float[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    value_range: tuple[float, float] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Plasma colours: dark blue is low, yellow is high. For a disparity, hotter is closer.

    Args:
        values: E.g. disparity in pixels.
        valid: Where false, the image is black.
        value_range: Values that get the first and the last colour; the robust range if absent.
    Returns:
        RGB.
    Raises:
        InputError: If the range is empty or not finite.
    """
    low, high = robust_range(values, valid) if value_range is None else value_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"expected a colour range with low < high, got ({low}, {high})")
    scaled = np.zeros(values.shape)
    scaled[valid] = (values[valid].astype(np.float64) - low) / (high - low)
    levels = np.rint(np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)
    image = np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_PLASMA))[..., ::-1].copy()
    image[~valid] = INVALID_RGB
    return image


def plasma_depth(depth: DepthMap, value_range: tuple[float, float] | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Plasma colours over inverse depth, so that hotter is closer here too.

    Args:
        depth: Any kind; affine-inverse depth is inverse already, affine depth cannot be inverted and is negated.
        value_range: Inverse depths (1/m for metric depth; negated affine depth) of the first and the last colour;
            robust if absent.
    Returns:
        RGB; black where invalid or not in front of the camera.
    Raises:
        InputError: If the range is empty or not finite.
    """
    if depth.kind == "affine_inverse":
        return plasma(depth.depth, depth.valid, value_range)
    if depth.kind == "affine_depth":
        return plasma(-depth.depth, depth.valid, value_range)
    valid = depth.valid & (depth.depth > 0)
    inverse = np.zeros(depth.depth.shape)
    np.divide(1.0, depth.depth, out=inverse, where=valid)
    return plasma(inverse, valid, value_range)


def confidence_grey(confidence: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Confidence as grey: white is certain.

    Args:
        confidence: In [0, 1]; clipped to it.
    Returns:
        RGB with three equal channels.
    Raises:
        InputError: If a confidence is not finite.
    """
    if not np.isfinite(confidence).all():
        raise InputError("expected a finite confidence everywhere, got NaN or inf; use 0 where nothing is known")
    grey = np.rint(np.clip(confidence, 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
