"""Where a time-of-flight sensor is beside a camera, from a flat wall that both see in several poses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_mount import TofMount

_FEWEST_POSES: Final = 3
_FEWEST_ZONES: Final = 6
_ROUNDS: Final = 60
_STEP: Final = 1e-5
_CAUCHY_M: Final = 0.02
_ENOUGH: Final = 1e-10
_SENSOR_M: Final = 0.005
"""Least error of a distance that the stated accuracy of the mount rests on: neighbouring zones err alike."""
_MOST_SHIFT_M: Final = 0.02
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
    if len(usable) < _FEWEST_POSES:
        raise CalibrationError(
            f"expected at least {_FEWEST_POSES} poses with {_FEWEST_ZONES} valid zones on the wall, got {len(usable)} "
            f"of {len(views)}; take more"
        )
    problem = _Problem.of(usable, start)
    found = _minimise(problem, np.zeros(7))
    residual = problem.residuals(found)
    weights = 1.0 / (1.0 + np.square(residual / _CAUCHY_M))
    good = np.abs(residual) < 3.0 * _CAUCHY_M
    if int(good.sum()) < 0.5 * len(residual) or float(np.linalg.norm(problem.pose(found)[:3, 3])) > _FARTHEST_M:
        raise CalibrationError(
            f"expected zones that lie on the walls, got {int((~good).sum())} of {len(residual)} that do not, or a "
            "sensor far from the camera; check that each log belongs to its image, and flip and turn"
        )
    rms = _rms(residual[good])
    shift, tilt = _accuracy(problem.jacobian(found), weights, max(rms, _SENSOR_M))
    if shift > _MOST_SHIFT_M or tilt > _MOST_TILT_DEG:
        raise CalibrationError(
            f"expected walls that determine the sensor's pose, got one that is uncertain by {1000 * shift:.0f} mm and "
            f"{tilt:.1f} degrees; tilt the wall or the device by 20 degrees and more to each side, up and down"
        )
    each = tuple(_rms(residual[good & (problem.view == i)]) for i in range(len(usable)))
    mount = replace(start, sensor_from_camera=problem.pose(found))
    return MountFit(mount, float(found[6]), rms, each, int(good.sum()), int((~good).sum()), shift, tilt)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Points of all zones, at no offset, and the wall of each."""

    directions: Float64[np.ndarray, "z 3"]
    metres: Float64[np.ndarray, " z"]
    normals: Float64[np.ndarray, "z 3"]
    distances: Float64[np.ndarray, " z"]
    view: np.ndarray
    start: Float64[np.ndarray, "4 4"]

    @classmethod
    def of(cls, views: Sequence[WallView], start: TofMount) -> "_Problem":
        valid = [view.frame.valid for view in views]
        counts = [int(mask.sum()) for mask in valid]
        centers = np.concatenate([start.zones(len(mask)).centers[mask] for mask in valid])
        return cls(
            np.concatenate([centers, np.ones((len(centers), 1))], axis=1),
            np.concatenate([view.frame.distances_m[view.frame.valid] for view in views]).astype(np.float64),
            np.repeat(np.stack([view.normal for view in views]), counts, axis=0),
            np.repeat([view.distance_m for view in views], counts),
            np.repeat(np.arange(len(views)), counts),
            start.sensor_from_camera,
        )

    def pose(self, numbers: Float64[np.ndarray, "7"]) -> Float64[np.ndarray, "4 4"]:
        """The start, moved by a rotation vector and a shift."""
        found = np.eye(4)
        found[:3, :3] = np.asarray(cv2.Rodrigues(numbers[:3])[0]) @ self.start[:3, :3]
        found[:3, 3] = self.start[:3, 3] + numbers[3:6]
        return found

    def residuals(self, numbers: Float64[np.ndarray, "7"]) -> Float64[np.ndarray, " z"]:
        """Signed distances of the points from their walls, metres."""
        pose = self.pose(numbers)
        normals = self.normals @ pose[:3, :3].T
        points = self.directions * (self.metres - numbers[6])[:, None]
        return np.asarray((normals * points).sum(axis=1) - self.distances - normals @ pose[:3, 3], np.float64)

    def jacobian(self, numbers: Float64[np.ndarray, "7"]) -> Float64[np.ndarray, "z 7"]:
        """Central differences."""
        steps = _STEP * np.eye(7)
        columns = [(self.residuals(numbers + step) - self.residuals(numbers - step)) / (2.0 * _STEP) for step in steps]
        return np.stack(columns, axis=1)


def _rms(values: Float64[np.ndarray, " n"]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0


def _minimise(problem: _Problem, numbers: Float64[np.ndarray, "7"]) -> Float64[np.ndarray, "7"]:
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
    jacobian: Float64[np.ndarray, "z 7"], weights: Float64[np.ndarray, " z"], sigma_m: float
) -> tuple[float, float]:
    """Standard deviations of place, metres, and of rotation, degrees, in the direction that is known least."""
    normal = jacobian.T @ (weights[:, None] * jacobian)
    covariance = sigma_m**2 * np.linalg.pinv(normal + 1e-9 * np.eye(7), hermitian=True)
    tilt, shift = (
        float(np.sqrt(np.linalg.eigvalsh(part).max())) for part in (covariance[:3, :3], covariance[3:6, 3:6])
    )
    return shift, float(np.degrees(tilt))
