"""Where a time-of-flight sensor is beside a camera, from a flat wall and several poses, known or of the camera."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_mount import TofMount

_FEWEST_POSES: Final = 3
_FEWEST_MOTIONS: Final = 5
_FEWEST_ZONES: Final = 6
_TRIMMED: Final = 4
_ROUNDS: Final = 60
_STEP: Final = 1e-5
_CAUCHY_M: Final = 0.02
_ENOUGH: Final = 1e-10
_SENSOR_M: Final = 0.005
"""Least error of a distance that the stated accuracy of the mount rests on: neighbouring zones err alike."""
_POSE_TILT_RAD: Final = float(np.radians(0.2))
_POSE_SHIFT_M: Final = 0.002
"""Standard deviations of a camera pose from a board of a few hundred pixels."""
_MOST_SHIFT_M: Final = 0.02
_MOST_OFFSET_M: Final = 0.1
"""An offset of all distances beyond is no sensor's: it looks at something else."""
_MOST_TILT_DEG: Final = 2.0
_FARTHEST_M: Final = 1.0
"""Standard deviations of the mount from which the poses do not determine it."""


@dataclass(frozen=True, eq=False)
class WallView:
    """A flat wall at one pose: where it is in the camera's frame, and what the sensor measured of it.

    Args:
        normal: Unit vector from the camera towards the wall.
        distance_m: Of the wall from the camera along the normal: normal . x = distance on it.
        frame: Upright zones; those that see no wall are found by themselves, if they are few.
        name: For messages.
    Example:
        >>> frame = TofFrame.from_status(np.full((8, 8), 1.2), np.full((8, 8), 5))
        >>> WallView(np.array([0.0, 0.0, 1.0]), 1.2, frame).distance_m
        1.2
    """

    normal: Float64[np.ndarray, "3"]
    distance_m: float
    frame: TofFrame
    name: str = ""


@dataclass(frozen=True, eq=False)
class MountFit:
    """A calibrated mount, and how well it fits.

    Args:
        mount: The result.
        offset_m: What the sensor reports too much, at all distances.
        rms_m: Root mean square distance of the zones' points from their walls, without outliers.
        view_rms_m: The same for each view.
        zones: Zones that were used.
        outliers: Zones that saw no wall.
        shift_sigma_m: Largest standard deviation of the sensor's place in any direction.
        tilt_sigma_deg: Likewise of its rotation.
    """

    mount: TofMount
    offset_m: float
    rms_m: float
    view_rms_m: tuple[float, ...]
    zones: int
    outliers: int
    shift_sigma_m: float
    tilt_sigma_deg: float


@dataclass(frozen=True, eq=False)
class PosedFrame:
    """What the sensor measured of a fixed flat wall while the camera was at a known pose.

    Args:
        world_from_camera: Takes points of the camera's frame into one that stands still; metres.
        frame: Upright zones; those that see no wall are found by themselves, if they are few.
        name: For messages.
    """

    world_from_camera: Float64[np.ndarray, "4 4"]
    frame: TofFrame
    name: str = ""


def calibrate_mount(views: Sequence[WallView], start: TofMount | None = None) -> MountFit:
    """The sensor's pose beside the camera, from the distances of its points to known planes.

    Levenberg's and Marquardt's method on n_s . p - d_s of all zones' points p, where the wall in the sensor's frame is
    n_s = R n_c and d_s = d_c + n_s . t, with Cauchy weights, over R, t and an offset of all distances.

    Args:
        views: Of walls in at least three directions that differ.
        start: Where the search begins, with the field of view, turn and flip.
    Raises:
        CalibrationError: If there are too few views or valid zones, or the walls do not determine the pose: they must
            be tilted by 20 degrees and more in several directions.
    Source: As for lidar and camera in Zhang and Pless, Extrinsic calibration of a camera and laser range finder, IROS
        2004.
    """
    start = start or TofMount()
    usable = [view for view in views if int(view.frame.valid.sum()) >= _FEWEST_ZONES]
    _require_poses(len(usable), len(views), _FEWEST_POSES)
    known = np.stack([view.normal for view in usable]), np.array([view.distance_m for view in usable])
    return _fitted(_Problem.of([view.frame for view in usable], start, lambda _: known), np.zeros(7), start)


def calibrate_mount_by_motions(views: Sequence[PosedFrame], start: TofMount | None = None) -> MountFit:
    """The sensor's pose beside the camera from the camera's motion, while the sensor sees one wall nobody measured.

    As `calibrate_mount`, with the wall's plane in the world as three more unknowns: hand-eye calibration of a sensor
    that tells of its own motion only what a plane shows. Three degrees of freedom of each pose are known, so rotations
    about several axes are needed.

    Args:
        views: At least five poses.
        start: As for `calibrate_mount`.
    Raises:
        CalibrationError: As for `calibrate_mount`, or the motions do not determine the pose.
    Source: Tsai and Lenz, A new technique for fully autonomous and efficient 3D robotics hand/eye calibration, IEEE
        Transactions on Robotics and Automation 1989, for the problem; planes as of Zhang and Pless 2004.
    """
    start = start or TofMount()
    usable = [view for view in views if int(view.frame.valid.sum()) >= _FEWEST_ZONES]
    _require_poses(len(usable), len(views), _FEWEST_MOTIONS)
    poses = np.stack([view.world_from_camera for view in usable])
    normal, distance = _first_plane(usable, start)
    beside = np.linalg.svd(normal[None])[2][1:]

    def walls(numbers: Float64[np.ndarray, " p"]) -> tuple[Float64[np.ndarray, "v 3"], Float64[np.ndarray, " v"]]:
        turned = normal + numbers[7:9] @ beside
        turned = turned / np.linalg.norm(turned)
        return turned @ poses[:, :3, :3], distance + numbers[9] - poses[:, :3, 3] @ turned

    return _fitted(_Problem.of([view.frame for view in usable], start, walls), np.zeros(10), start, moved=True)


def _require_poses(usable: int, given: int, fewest: int) -> None:
    if usable < fewest:
        raise CalibrationError(
            f"expected at least {fewest} poses with {_FEWEST_ZONES} valid zones on the wall, got {usable} "
            f"of {given}; take more"
        )


def _first_plane(views: Sequence[PosedFrame], start: TofMount) -> tuple[Float64[np.ndarray, "3"], float]:
    """The plane of all points in the world, with the sensor where the search begins; far ones are left out in turn."""
    camera_from_sensor = np.linalg.inv(start.sensor_from_camera)
    parts: list[np.ndarray] = []
    for view in views:
        points = start.zones(view.frame.size).points(view.frame)[view.frame.valid]
        move = view.world_from_camera @ camera_from_sensor
        parts.append(points @ move[:3, :3].T + move[:3, 3])
    points = np.concatenate(parts)
    normal, distance = _plane(points)
    for _ in range(_TRIMMED):
        away = np.abs(points @ normal - distance)
        normal, distance = _plane(points[away <= max(2.5 * float(np.median(away)), _CAUCHY_M)])
    return normal, distance


def _plane(points: Float64[np.ndarray, "n 3"]) -> tuple[Float64[np.ndarray, "3"], float]:
    """Unit normal and distance of the plane through points, by least squares."""
    middle = points.mean(axis=0)
    normal = np.asarray(np.linalg.svd(points - middle, full_matrices=False)[2][2], np.float64)
    return normal, float(normal @ middle)


def _fitted(problem: "_Problem", numbers: Float64[np.ndarray, " p"], start: TofMount, moved: bool = False) -> MountFit:
    """The fit from a start, if the data determine it; where the camera moved, its poses have errors of their own."""
    found = _minimise(problem, numbers)
    residual = problem.residuals(found)
    weights = 1.0 / (1.0 + np.square(residual / _CAUCHY_M))
    good = np.abs(residual) < 3.0 * _CAUCHY_M
    rms = _rms(residual[good])
    doubts = problem.doubts(found) if moved else None
    shift, tilt = _accuracy(problem.jacobian(found), weights, max(rms, _SENSOR_M), doubts)
    away = float(np.linalg.norm(problem.pose(found)[:3, 3]))
    misfit = int(good.sum()) < 0.5 * len(residual) or abs(float(found[6])) > _MOST_OFFSET_M
    if misfit or (away > _FARTHEST_M and shift <= _MOST_SHIFT_M):
        raise CalibrationError(
            f"expected zones that lie on the walls, got {int((~good).sum())} of {len(residual)} that do not, or a "
            "sensor far from the camera; check that each log belongs to its image, and flip and turn"
        )
    if shift > _MOST_SHIFT_M or tilt > _MOST_TILT_DEG:
        raise CalibrationError(
            f"expected walls that determine the sensor's pose, got one that is uncertain by {1000 * shift:.0f} mm and "
            f"{tilt:.1f} degrees; tilt the wall or the device by 20 degrees and more to each side, up and down"
        )
    each = tuple(_rms(residual[good & (problem.view == i)]) for i in range(problem.views))
    mount = replace(start, sensor_from_camera=problem.pose(found))
    return MountFit(mount, float(found[6]), rms, each, int(good.sum()), int((~good).sum()), shift, tilt)


_Walls = Callable[[Float64[np.ndarray, " p"]], tuple[Float64[np.ndarray, "v 3"], Float64[np.ndarray, " v"]]]


@dataclass(frozen=True, eq=False)
class _Problem:
    """Points of all zones, at no offset, and the wall of each view in the camera's frame, which may be unknown."""

    directions: Float64[np.ndarray, "z 3"]
    metres: Float64[np.ndarray, " z"]
    view: np.ndarray
    views: int
    start: Float64[np.ndarray, "4 4"]
    walls: _Walls

    @classmethod
    def of(cls, frames: Sequence[TofFrame], start: TofMount, walls: _Walls) -> "_Problem":
        valid = [frame.valid for frame in frames]
        counts = [int(mask.sum()) for mask in valid]
        centers = np.concatenate([start.zones(len(mask)).centers[mask] for mask in valid])
        return cls(
            np.concatenate([centers, np.ones((len(centers), 1))], axis=1),
            np.concatenate([frame.distances_m[frame.valid] for frame in frames]).astype(np.float64),
            np.repeat(np.arange(len(frames)), counts),
            len(frames),
            start.sensor_from_camera,
            walls,
        )

    def pose(self, numbers: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, "4 4"]:
        """The start, moved by a rotation vector and a shift."""
        found = np.eye(4)
        found[:3, :3] = np.asarray(cv2.Rodrigues(numbers[:3])[0]) @ self.start[:3, :3]
        found[:3, 3] = self.start[:3, 3] + numbers[3:6]
        return found

    def residuals(self, numbers: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, " z"]:
        """Signed distances of the points from their walls, metres."""
        pose = self.pose(numbers)
        normals, distances = self.walls(numbers)
        normals = (normals @ pose[:3, :3].T)[self.view]
        points = self.directions * (self.metres - numbers[6])[:, None]
        return np.asarray((normals * points).sum(axis=1) - distances[self.view] - normals @ pose[:3, 3], np.float64)

    def jacobian(self, numbers: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, "z p"]:
        """Central differences."""
        steps = _STEP * np.eye(len(numbers))
        columns = [(self.residuals(numbers + step) - self.residuals(numbers - step)) / (2.0 * _STEP) for step in steps]
        return np.stack(columns, axis=1)

    def doubts(self, numbers: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, "z q"]:
        """Residuals by the tilt and the distance of each view's wall, for a camera pose as uncertain as is usual."""
        pose = self.pose(numbers)
        normals, _ = self.walls(numbers)
        away = self.directions * (self.metres - numbers[6])[:, None] - pose[:3, 3]
        found = np.zeros((len(away), 3 * self.views))
        for i, normal in enumerate(normals):
            own = self.view == i
            beside = np.linalg.svd(normal[None])[2][1:] @ pose[:3, :3].T
            found[own, 3 * i : 3 * i + 2] = _POSE_TILT_RAD * (away[own] @ beside.T)
            found[own, 3 * i + 2] = -_POSE_SHIFT_M
        return found


def _rms(values: Float64[np.ndarray, " n"]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0


def _minimise(problem: _Problem, numbers: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, " p"]:
    """Levenberg's and Marquardt's method with Cauchy weights whose width shrinks to the final one."""
    damping = 1e-3
    for turn in range(_ROUNDS):
        width = _CAUCHY_M * max(1.0, 16.0 * 0.5 ** (turn / 4.0))
        residual = problem.residuals(numbers)
        weight = 1.0 / (1.0 + np.square(residual / width))
        cost = float(np.sum(np.log1p(np.square(residual / width))))
        jacobian = problem.jacobian(numbers)
        normal = jacobian.T @ (weight[:, None] * jacobian)
        step = -np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), jacobian.T @ (weight * residual))
        tried = numbers + step
        if float(np.sum(np.log1p(np.square(problem.residuals(tried) / width)))) <= cost:
            numbers, damping = tried, max(damping / 3.0, 1e-9)
            if float(np.abs(step).max()) < _ENOUGH:
                break
        else:
            damping = min(damping * 4.0, 1e6)
    return numbers


def _accuracy(
    jacobian: Float64[np.ndarray, "z p"],
    weights: Float64[np.ndarray, " z"],
    sigma_m: float,
    doubts: Float64[np.ndarray, "z q"] | None = None,
) -> tuple[float, float]:
    """Standard deviations of place, metres, and of rotation, degrees, in the direction that is known least.

    Args:
        jacobian: Of the residuals by the unknowns.
        weights: Of the residuals.
        sigma_m: Of a residual.
        doubts: Of the residuals by what is taken for known, times its standard deviation; it is marginalised.
    """
    normal = jacobian.T @ (weights[:, None] * jacobian) / sigma_m**2
    if doubts is not None:
        cross = jacobian.T @ (weights[:, None] * doubts) / sigma_m**2
        own = doubts.T @ (weights[:, None] * doubts) / sigma_m**2 + np.eye(doubts.shape[1])
        normal = normal - cross @ np.linalg.solve(own, cross.T)
    covariance = np.linalg.pinv(normal + 1e-9 / sigma_m**2 * np.eye(len(normal)), hermitian=True)
    tilt, shift = (
        float(np.sqrt(np.linalg.eigvalsh(part).max())) for part in (covariance[:3, :3], covariance[3:6, 3:6])
    )
    return shift, float(np.degrees(tilt))
