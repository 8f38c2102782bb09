"""Depth without looking at the image: what any method must beat.

Both are of kind affine_inverse, so that they are aligned with the truth as a network's relative depth is: the fit finds
the best constant and the best ramp.
"""

import numpy as np
from jaxtyping import Float32, UInt8

from leadline.maps import DepthMap


def constant_depth(image: UInt8[np.ndarray, "h w 3"]) -> DepthMap:
    """One distance everywhere.

    Args:
        image: RGB; only its size matters.
    Returns:
        Inverse depth 1; no confidence.
    Example:
        >>> found = constant_depth(np.zeros((2, 3, 3), np.uint8))
        >>> found.kind, found.depth.shape
        ('affine_inverse', (2, 3))
    """
    return _relative(np.ones(image.shape[:2], dtype=np.float32))


def vertical_ramp(image: UInt8[np.ndarray, "h w 3"]) -> DepthMap:
    """Inverse depth that grows linearly from the top row to the bottom row: a floor, or a leaning wall.

    A plane that is level with the row direction has exactly this inverse depth in a pinhole camera.

    Args:
        image: RGB; only its size matters.
    Returns:
        Inverse depth from 0 in the first row to 1 in the last; no confidence.
    """
    height, width = image.shape[:2]
    rows = np.linspace(0.0, 1.0, height, dtype=np.float32)
    return _relative(np.repeat(rows[:, None], width, axis=1))


def _relative(inverse: Float32[np.ndarray, "h w"]) -> DepthMap:
    return DepthMap(inverse, np.ones(inverse.shape, dtype=bool), "affine_inverse")
