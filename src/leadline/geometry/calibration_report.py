"""Quality of a calibration: the part of the image that was covered, and the deviation of each parameter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from leadline.geometry.camera import DistortedCamera

GRID: Final = (6, 8)
"""Rows and columns of the cells of an image in which corners are counted."""


@dataclass(frozen=True)
class CameraReport:
    """Quality of one camera's calibration.

    Args:
        coverage: Share of the image's cells in which corners were seen.
        focal_deviation_px: Standard deviation of fx and fy.
        center_deviation_px: Standard deviation of cx and cy.
        distortion_deviation: Standard deviation of each coefficient.
    """

    coverage: float
    focal_deviation_px: tuple[float, float]
    center_deviation_px: tuple[float, float]
    distortion_deviation: tuple[float, ...]


def camera_report(
    lens: DistortedCamera,
    boards: Sequence[Float32[np.ndarray, "_ 3"]],
    seen: Sequence[Float32[np.ndarray, "_ 2"]],
    poses: Sequence[Float64[np.ndarray, "4 4"]],
) -> CameraReport:
    """Coverage and parameter deviations of one calibrated camera.

    The deviations follow from the residuals and their derivatives at the solution, the poses of the boards being
    unknown too: each view's pose is eliminated from the normal equations (Schur complement).

    Args:
        lens: The calibrated camera.
        boards: Corners on the board, for each view.
        seen: The same corners in the image.
        poses: camera_from_board of each view.
    Source: Triggs et al. 2000, "Bundle adjustment - a modern synthesis", section 6.
    """
    size = 4 + len(lens.distortion)
    normal, squared, count = np.zeros((size, size)), 0.0, 0
    for board, points, pose in zip(boards, seen, poses, strict=True):
        residuals, inner, outer = _linearized(lens, board, points, pose)
        cross = inner.T @ outer
        normal += inner.T @ inner - cross @ np.linalg.solve(outer.T @ outer, cross.T)
        squared += float((residuals**2).sum())
        count += residuals.size - 6
    variance = squared / max(count - size, 1)
    deviations = np.sqrt(np.maximum(np.diag(np.linalg.pinv(normal)) * variance, 0.0)).tolist()
    return CameraReport(
        coverage(seen, lens.camera.height, lens.camera.width),
        (deviations[0], deviations[1]),
        (deviations[2], deviations[3]),
        tuple(deviations[4:]),
    )


def coverage(seen: Sequence[Float32[np.ndarray, "_ 2"]], height: int, width: int) -> float:
    """The share of the cells of an image in which points lie.

    >>> coverage([np.array([[0.0, 0.0], [99.0, 99.0]], np.float32)], 100, 100) * 48
    2.0
    """
    cells = np.zeros(GRID, dtype=bool)
    for points in seen:
        rows = np.clip((points[:, 1] + 0.5) * GRID[0] / height, 0, GRID[0] - 1).astype(int)
        columns = np.clip((points[:, 0] + 0.5) * GRID[1] / width, 0, GRID[1] - 1).astype(int)
        cells[rows, columns] = True
    return float(cells.mean())


def _linearized(
    lens: DistortedCamera,
    board: Float32[np.ndarray, "n 3"],
    seen: Float32[np.ndarray, "n 2"],
    pose: Float64[np.ndarray, "4 4"],
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, "m k"], Float64[np.ndarray, "m 6"]]:
    """Residuals, and their derivatives by fx fy cx cy and the coefficients, and by the pose."""
    points = board.astype(np.float64).reshape(-1, 1, 3)
    turn = np.asarray(cv2.Rodrigues(pose[:3, :3])[0], dtype=np.float64)
    move, matrix, distortion = pose[:3, 3:].copy(), lens.camera.matrix, np.array(lens.distortion)
    is_fisheye = lens.model == "equidistant"
    project: Any = cv2.fisheye.projectPoints if is_fisheye else cv2.projectPoints
    found, derivatives = (
        np.asarray(part, dtype=np.float64) for part in project(points, turn, move, matrix, distortion)[:2]
    )
    residuals = (found.reshape(-1, 2) - seen).ravel()
    count = len(lens.distortion)
    if is_fisheye:  # fx fy, cx cy, k, turn, move, skew
        return residuals, derivatives[:, : 4 + count], derivatives[:, 4 + count : 10 + count]
    return residuals, derivatives[:, 6 : 10 + count], derivatives[:, :6]
