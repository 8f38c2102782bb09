"""Trajectories in the forms of TUM RGB-D (times, positions, quaternions) and KITTI odometry (3x4 matrices)."""

import re
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError, InputError
from leadline.geometry.trajectory import Trajectory, inverse_poses, quaternion_of_rotation, rotation_of_quaternion
from leadline.io.atomic import atomic_write
from leadline.io.calib_values import numbers
from leadline.io.colmap import read_colmap_poses
from leadline.io.pair_files import natural_key
from leadline.io.text import read_lines, read_matrix

_TUM: Final = 8
_KITTI: Final = 12
_MATRIX: Final = 16
_EUROC: Final = 17
_SEPARATOR: Final = re.compile(r"[,;]")
_COLMAP: Final = re.compile(r"IMAGE_ID,\s*QW")
_W_FIRST: Final = re.compile(r"\bq\w*?_?w\b.*\bq\w*?_?x\b", re.IGNORECASE | re.DOTALL)
"""A heading that names the quaternion's w before its x."""
_TIME_UNITS: Final = ((1e17, 1e-9, "nanoseconds"), (1e14, 1e-6, "microseconds"), (1e11, 1e-3, "milliseconds"))
"""From which number on times are no seconds: 1e11 s is the year 5138."""


def read_trajectory(path: Path | str) -> Trajectory:
    r"""Poses of a camera.

    Args:
        path: A text file with one pose a line: eight numbers in TUM's form (time in seconds, t_x t_y t_z in metres,
            quaternion x y z w), twelve in KITTI's (the rows of a 3x4 matrix, camera to world) or sixteen (4x4); lines
            that begin with # and blank ones are passed over. Or EuRoC's data.csv (nanoseconds, quaternion w x y z);
            COLMAP's images.txt (world to camera, turned round here, in natural order of the names); or a folder with
            one 4x4 matrix a file (.txt), as ScanNet has them. A heading of other files may say that w comes first.
    Raises:
        InputError: If it is missing, of neither form, or no trajectory.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "t.txt").write_text("# time x y z and rotation\n0.5 1 2 3 0 0 0 1\n")
        ...     trajectory = read_trajectory(f"{folder}/t.txt")
        >>> trajectory.positions.tolist(), trajectory.times_s.tolist()
        ([[1.0, 2.0, 3.0]], [0.5])
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    expected = "a trajectory: 8 numbers a line (TUM), 12 (KITTI) or 16"
    whole = read_lines(path, expected)
    heading = " ".join(line for line in whole if line.lstrip().startswith("#"))
    if _COLMAP.search(heading):
        return _of_colmap(path)
    lines = [_SEPARATOR.sub(" ", line) for line in whole if line.strip() and not line.lstrip().startswith("#")]
    if {len(line.split()) for line in lines} == {_EUROC} and _W_FIRST.search(heading):
        lines = [" ".join(line.split()[:_TUM]) for line in lines]
    counts = {len(line.split()) for line in lines}
    if counts not in ({_TUM}, {_KITTI}, {_MATRIX}):
        got = " and ".join(str(count) for count in sorted(counts)) or "none"
        raise InputError(f"expected {expected}, got {got} in {path}; check the file")
    try:
        rows = np.array([numbers(line, f"a pose in {path}", (_TUM, _KITTI, _MATRIX)) for line in lines])
        if counts != {_TUM}:
            return _of_rows(rows)
        return _of_tum(rows, _W_FIRST.search(heading) is not None, str(path))
    except (CalibrationError, InputError) as error:
        raise InputError(f"{error} (in {path})") from error


def _of_tum(rows: Float64[np.ndarray, "n 8"], w_first: bool, name: str) -> Trajectory:
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    order = [5, 6, 7, 4] if w_first else [4, 5, 6, 7]
    poses[:, :3, :3] = [rotation_of_quaternion(row[order]) for row in rows]
    poses[:, :3, 3] = rows[:, 1:4]
    notes = (f"{name}: quaternions w x y z, as its heading says",) if w_first else ()
    latest = float(np.abs(rows[:, 0]).max())
    unit = next(((seconds, words) for least, seconds, words in _TIME_UNITS if latest >= least), None)
    if unit is None:
        return Trajectory(poses, rows[:, 0], notes)
    return Trajectory(poses, rows[:, 0] * unit[0], (*notes, f"{name}: its times are taken as {unit[1]}"))


def _of_colmap(path: Path) -> Trajectory:
    """The poses of COLMAP's images.txt, which take points of the world to the camera."""
    poses = read_colmap_poses(path)
    if not poses:
        raise InputError(f"expected images in COLMAP's images.txt, got none in {path}; export the model again")
    names = sorted(poses, key=natural_key)
    notes = (
        f"{path}: COLMAP's poses take the world to the camera: turned round; in natural order of the images' names",
    )
    return Trajectory(inverse_poses(np.stack([poses[name] for name in names])), None, notes)


def _of_rows(rows: Float64[np.ndarray, "n numbers"]) -> Trajectory:
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, : rows.shape[1] // 4] = rows.reshape(len(rows), -1, 4)
    return Trajectory(poses)


def _read_folder(folder: Path) -> Trajectory:
    files = sorted(folder.glob("*.txt"), key=natural_key)
    if not files:
        raise InputError(f"expected poses as 4x4 matrices in .txt files in {folder}, found none; check the path")
    try:
        return Trajectory(np.stack([read_matrix(file, 4, 4) for file in files]))
    except CalibrationError as error:
        raise InputError(str(error)) from error


def write_tum(path: Path | str, trajectory: Trajectory) -> None:
    """Writes a trajectory in TUM's form; where no times are known, the number of the pose stands for its time.

    Raises:
        OutputError: If it cannot be written.
    """
    times = np.arange(len(trajectory), dtype=np.float64) if trajectory.times_s is None else trajectory.times_s
    lines = ["# time_s t_x_m t_y_m t_z_m q_x q_y q_z q_w, camera to world"]
    for time, pose in zip(times, trajectory.poses, strict=True):
        values = (*pose[:3, 3], *quaternion_of_rotation(pose[:3, :3]))
        lines.append(f"{time:.6f} " + " ".join(f"{value:.9g}" for value in values))
    _write(path, lines)


def write_kitti(path: Path | str, trajectory: Trajectory) -> None:
    """Writes a trajectory in KITTI's form: the rows of a 3x4 matrix, camera to world, one pose a line.

    Raises:
        OutputError: If it cannot be written.
    """
    _write(path, [" ".join(f"{value:.9g}" for value in pose[:3].ravel()) for pose in trajectory.poses])


def _write(path: Path | str, lines: list[str]) -> None:
    with atomic_write(Path(path)) as stream:
        stream.write(("\n".join(lines) + "\n").encode())
