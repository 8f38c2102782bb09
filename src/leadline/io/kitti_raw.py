"""The calibration of KITTI's raw recordings: calib_cam_to_cam.txt and calib_velo_to_cam.txt of one date."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.io.calib_values import image_size, numbers, pinhole
from leadline.io.text import read_lines


def read_kitti_camera(folder: Path, number: int) -> Pinhole:
    r"""One rectified camera: P_rect and S_rect.

    Args:
        folder: A date's folder, such as 2011_09_26.
        number: 0 and 1 are the grey cameras, 2 and 3 the colour ones; even is left.
    Raises:
        InputError: If calib_cam_to_cam.txt is missing.
        CalibrationError: If it lacks the camera, or the camera cannot exist.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013, section on calibration.
    Example:
        >>> import tempfile
        >>> text = "S_rect_02: 1242 375\nP_rect_02: 700 0 600 0 0 700 180 0 0 0 1 0\n"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "calib_cam_to_cam.txt").write_text(text)
        ...     camera = read_kitti_camera(Path(folder), number=2)
        >>> camera.focal_x_px, camera.height, camera.width
        (700.0, 375, 1242)
    """
    path = folder / "calib_cam_to_cam.txt"
    fields = _read_fields(path)
    width, height = _matrix(fields, f"S_rect_{number:02d}", (2,), path)
    projection = _matrix(fields, f"P_rect_{number:02d}", (3, 4), path)
    size = image_size(float(height), float(width), None)
    return pinhole(projection[:, :3], size, f"P_rect_{number:02d} in {path}")


def read_kitti_baseline_m(folder: Path, camera: int, other: int) -> float:
    r"""How far another rectified camera stands to the right of a camera; below 0 where it stands to the left.

    Args:
        folder: A date's folder, such as 2011_09_26.
        camera: As for `read_kitti_camera`.
        other: Likewise.
    Raises:
        InputError: If calib_cam_to_cam.txt is missing.
        CalibrationError: If it lacks a camera, or both are in one place.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013: P_rect holds -f b of camera 0.
    Example:
        >>> import tempfile
        >>> rows = "P_rect_02: 700 0 600 35 0 700 180 0 0 0 1 0\nP_rect_03: 700 0 600 -350 0 700 180 0 0 0 1 0\n"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "calib_cam_to_cam.txt").write_text(rows)
        ...     read_kitti_baseline_m(Path(folder), 2, 3), read_kitti_baseline_m(Path(folder), 3, 2)
        (0.55, -0.55)
    """
    path = folder / "calib_cam_to_cam.txt"
    fields = _read_fields(path)
    matrices = [_matrix(fields, f"P_rect_{number:02d}", (3, 4), path) for number in (camera, other)]
    with np.errstate(all="ignore"):
        offsets = [matrix[0, 3] / matrix[0, 0] for matrix in matrices]
    baseline_m = round(float(offsets[0] - offsets[1]), 9)
    if not np.isfinite(baseline_m) or baseline_m == 0:
        raise CalibrationError(
            f"expected cameras {camera} and {other} side by side in {path}, got a baseline of {baseline_m} m; fetch "
            "the date's calibration again"
        )
    return baseline_m


def read_kitti_projection(folder: Path, number: int) -> Float64[np.ndarray, "3 4"]:
    """Matrix that takes homogeneous Velodyne points to (u Z, v Z, Z) of a rectified camera: P_rect R_rect_00 [R t].

    Args:
        folder: A date's folder, such as 2011_09_26.
        number: As for `read_kitti_camera`.
    Raises:
        InputError: If calib_cam_to_cam.txt or calib_velo_to_cam.txt is missing.
        CalibrationError: If they lack something or cannot be.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013, equations 3 to 8.
    """
    path = folder / "calib_cam_to_cam.txt"
    fields = _read_fields(path)
    rectified_from_camera = np.eye(4)
    rectified_from_camera[:3, :3] = _rotation(fields, "R_rect_00", path)
    image_from_rectified = _matrix(fields, f"P_rect_{number:02d}", (3, 4), path)
    path = folder / "calib_velo_to_cam.txt"
    fields = _read_fields(path)
    camera_from_velodyne = np.eye(4)
    camera_from_velodyne[:3, :3] = _rotation(fields, "R", path)
    camera_from_velodyne[:3, 3] = _matrix(fields, "T", (3,), path)
    with np.errstate(all="ignore"):
        projection = image_from_rectified @ rectified_from_camera @ camera_from_velodyne
    if not np.isfinite(projection).all():
        raise CalibrationError(f"expected a possible calibration, got absurd numbers in {folder}; fetch it again")
    return projection


def _read_fields(path: Path) -> dict[str, str]:
    lines = read_lines(path, "a KITTI calibration")
    return {name.strip(): value for name, _, value in (line.partition(":") for line in lines)}


def _matrix(fields: dict[str, str], name: str, shape: tuple[int, ...], path: Path) -> Float64[np.ndarray, "..."]:
    if name not in fields:
        raise CalibrationError(f"expected a line {name}: in {path}, got none; fetch the date's calibration again")
    return np.array(numbers(fields[name], f"{name} in {path}", (int(np.prod(shape)),))).reshape(shape)


def _rotation(fields: dict[str, str], name: str, path: Path) -> Float64[np.ndarray, "3 3"]:
    matrix = _matrix(fields, name, (3, 3), path)
    with np.errstate(all="ignore"):
        rotates = np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-4) and np.linalg.det(matrix) > 0
    if not rotates:
        raise CalibrationError(f"expected {name} in {path} to be a rotation, got another matrix; fetch it again")
    return matrix
