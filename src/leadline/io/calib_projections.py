"""Rectified rigs from projection matrices P = K [I | t] or from Q, as KITTI, ROS and stereoRectify have them."""

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.calib_found import LengthUnit, check_baseline
from leadline.io.calib_values import ImageSize, pinhole

Projection = Float64[np.ndarray, "3 4"]


def rig_from_projections(
    left: Projection, right: Projection, size: ImageSize, unit: LengthUnit, reorder: bool = False
) -> tuple[StereoRig, tuple[str, ...]]:
    """The rig of two projection matrices.

    The baseline is the difference of t_x = (P[0, 3] - cx P[2, 3]) / f, which follows from P = K [I | t].

    Args:
        left: Of the first camera.
        right: Of the second one.
        size: (height, width) of the rectified images.
        unit: Of their translations.
        reorder: Whether the cameras may be exchanged where the first one stands on the right.
    Returns:
        The rig in metres, and notes.
    Raises:
        CalibrationError: If a matrix is none of a camera, the pair is a vertical one, or its baseline implausible.
    """
    cameras = [pinhole(matrix[:, :3], size, "a projection matrix") for matrix in (left, right)]
    places = [
        (matrix[0, 3] - camera.center_x_px * matrix[2, 3]) / camera.focal_x_px
        for matrix, camera in zip((left, right), cameras, strict=True)
    ]
    heights = [
        (matrix[1, 3] - camera.center_y_px * matrix[2, 3]) / camera.focal_y_px
        for matrix, camera in zip((left, right), cameras, strict=True)
    ]
    length, drop = float(places[0] - places[1]), float(heights[0] - heights[1])
    if abs(drop) > abs(length) > 0:
        raise CalibrationError(
            "expected cameras side by side, got one above the other; turn both images and calibrate them so turned"
        )
    notes = check_baseline(abs(length), unit)
    if length < 0 and reorder:
        cameras, length = cameras[::-1], -length
        notes += ("its first camera is the right one: cameras exchanged",)
    return StereoRig(cameras[0], cameras[1], length * unit.metres), notes


def rig_from_q(q: Float64[np.ndarray, "4 4"], size: ImageSize, unit: LengthUnit) -> tuple[StereoRig, tuple[str, ...]]:
    """The rig of stereoRectify's reprojection matrix Q.

    Q = [1 0 0 -cx; 0 1 0 -cy; 0 0 0 f; 0 0 -1/Tx (cx - cx')/Tx].

    Args:
        q: The matrix.
        size: (height, width) of the rectified images.
        unit: Of its translation.
    Raises:
        CalibrationError: If it is another matrix, or its baseline implausible.
    Source: OpenCV documentation, calib3d, stereoRectify.
    Example:
        >>> unit = LengthUnit(1.0, "metres", stated=True)
        >>> q = np.array([[1.0, 0, 0, -320], [0, 1.0, 0, -240], [0, 0, 0, 500], [0, 0, 1 / 0.125, 0]])
        >>> rig = rig_from_q(q, (480, 640), unit)[0]
        >>> rig.left.focal_x_px, rig.baseline_m
        (500.0, 0.125)
    """
    ideal = np.zeros((4, 4))
    ideal[0, 0] = ideal[1, 1] = 1.0
    ideal[[0, 1, 2], 3], ideal[3, 2:] = q[[0, 1, 2], 3], q[3, 2:]
    if not np.allclose(q, ideal, atol=1e-9) or q[3, 2] == 0:
        raise CalibrationError("expected Q as stereoRectify makes it, got another matrix; check the calibration file")
    translation = -1.0 / q[3, 2]
    focal, x, y = float(q[2, 3]), float(-q[0, 3]), float(-q[1, 3])
    left = Pinhole(focal, focal, x, y, *size)
    right = Pinhole(focal, focal, float(x + q[3, 3] / q[3, 2]), y, *size)
    notes = check_baseline(abs(float(translation)), unit)
    if translation > 0:
        left, right, notes = right, left, (*notes, "its first camera is the right one: cameras exchanged")
    return StereoRig(left, right, abs(float(translation)) * unit.metres), notes
