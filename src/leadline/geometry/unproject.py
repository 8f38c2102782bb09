"""Disparity to depth, depth to points."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole


@dataclass(frozen=True)
class PointCloud:
    """Points in the left camera's frame (x right, y down, z forward), metres, with their colours."""

    points: Float32[np.ndarray, "n 3"]
    colors: UInt8[np.ndarray, "n 3"]


def depth_from_disparity(
    disparity: Float[np.ndarray, "h w"], focal_px: float, baseline_m: float, doffs_px: float = 0.0
) -> Float[np.ndarray, "h w"]:
    """Metric depth of a rectified pair: Z = f b / (d + doffs).

    Args:
        disparity: Left-view pixels at this resolution.
        focal_px: Left focal length, pixels at this resolution.
        baseline_m: Distance between the optical centres, > 0.
        doffs_px: cx_right - cx_left.
    Returns:
        Metres along the optical axis; inf where disparity + doffs <= 0.
    Raises:
        CalibrationError: If baseline_m or focal_px is not positive.
    Source: Middlebury 2014 calib.txt definition.
    Example:
        >>> depth_from_disparity(np.array([[10.0, 0.0]]), focal_px=500.0, baseline_m=0.1).tolist()
        [[5.0, inf]]
    """
    if not (focal_px > 0 and baseline_m > 0):
        raise CalibrationError(f"expected a positive focal length and baseline, got {focal_px} px and {baseline_m} m")
    shifted = disparity.astype(np.float64) + doffs_px
    depth = np.full(shifted.shape, np.inf)
    np.divide(focal_px * baseline_m, shifted, out=depth, where=shifted > 0)
    return depth


def points_from_depth(depth: Float[np.ndarray, "h w"], camera: Pinhole) -> Float[np.ndarray, "h w 3"]:
    """A 3D point for every pixel: X = Z K^-1 (x, y, 1).

    Args:
        depth: Metres along the optical axis.
        camera: The camera that saw it, at this resolution.
    Returns:
        Metres in the camera's frame, float64; non-finite where depth is.
    Example:
        >>> camera = Pinhole(2.0, 2.0, 1.0, 0.0, height=1, width=3)
        >>> points_from_depth(np.full((1, 3), 4.0), camera)[0, 2].tolist()
        [2.0, 0.0, 4.0]
    """
    height, width = depth.shape
    columns = (np.arange(width, dtype=np.float64) - camera.center_x_px) / camera.focal_x_px
    rows = (np.arange(height, dtype=np.float64) - camera.center_y_px) / camera.focal_y_px
    z = depth.astype(np.float64)
    return np.stack([columns[None, :] * z, rows[:, None] * z, z], axis=-1)
