"""Trajectories: poses of a camera over time."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float64

from leadline.errors import InputError

_ORTHONORMAL_TOLERANCE = 1e-3
"""Largest entry of R R^T - I: files round their numbers."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Poses of one camera.

    Args:
        poses: Camera to world, metres: a point X of the camera's frame lies at R X + t in the world. A trajectory from
            one camera alone has an unknown scale.
        times_s: Time of each pose, seconds, increasing; None if only the order is known.
        notes: What was assumed of its file, one line each, for the user.
    Raises:
        InputError: If there is no pose, one is no rigid motion, or the times do not increase.
    Example:
        >>> forward = np.tile(np.eye(4), (3, 1, 1))
        >>> forward[:, 2, 3] = [0.0, 1.0, 3.0]
        >>> Trajectory(forward).length_m
        3.0
    """

    poses: Float64[np.ndarray, "n 4 4"]
    times_s: Float64[np.ndarray, " n"] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what is no trajectory."""
        if len(self.poses) == 0:
            raise InputError("expected at least one pose in a trajectory, got none")
        if wrong := first_unrigid(self.poses):
            raise InputError(f"expected rigid motions, rotation beside translation, as poses, got {wrong}")
        if self.times_s is None:
            return
        if len(self.times_s) != len(self.poses) or not np.isfinite(self.times_s).all():
            raise InputError(
                f"expected a finite time for each of {len(self.poses)} poses, got {np.isfinite(self.times_s).sum()} of "
                f"{len(self.times_s)}"
            )
        if late := np.flatnonzero(np.diff(self.times_s) <= 0).tolist():
            before, after = self.times_s[late[0] : late[0] + 2]
            raise InputError(
                f"expected times that increase, got {before:.6f} s before {after:.6f} s at pose {late[0] + 1}; sort "
                "the poses by time"
            )

    def __len__(self) -> int:
        """Number of poses."""
        return len(self.poses)

    @property
    def positions(self) -> Float64[np.ndarray, "n 3"]:
        """Positions of the camera in the world, metres."""
        return self.poses[:, :3, 3]

    @property
    def length_m(self) -> float:
        """Length of the path through the positions, metres."""
        return float(np.linalg.norm(np.diff(self.positions, axis=0), axis=1).sum())


def first_unrigid(poses: Float64[np.ndarray, "n 4 4"]) -> str | None:
    """A few words on the first pose that is no rigid motion, or None."""
    for number, pose in enumerate(poses):
        if not np.isfinite(pose).all():
            return f"a number that is not finite at pose {number}"
        rotation = pose[:3, :3]
        error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
        if error > _ORTHONORMAL_TOLERANCE:
            return f"a rotation that is {error:.2g} off orthonormal at pose {number}"
        if np.linalg.det(rotation) < 0:
            return f"a mirror image at pose {number}"
        if not np.array_equal(pose[3], (0.0, 0.0, 0.0, 1.0)):
            return f"a last row of {pose[3].tolist()} at pose {number}"
    return None


def inverse_poses(poses: Float64[np.ndarray, "*n 4 4"]) -> Float64[np.ndarray, "*n 4 4"]:
    """Inverses of rigid motions, by transposition."""
    inverse = np.zeros_like(poses)
    turned = np.swapaxes(poses[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = turned
    inverse[..., :3, 3] = -(turned @ poses[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def rotation_angles_deg(rotations: Float[np.ndarray, "n 3 3"]) -> Float64[np.ndarray, " n"]:
    """Angles of rotations, degrees, from 0 to 180; exact for small angles, unlike the arc cosine of the trace.

    Example:
        >>> quarter = np.array([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
        >>> rotation_angles_deg(quarter).round(9).tolist()
        [90.0]
    """
    rotations = rotations.astype(np.float64)
    odd = rotations - np.swapaxes(rotations, -1, -2)
    sine = np.sqrt(odd[:, 2, 1] ** 2 + odd[:, 0, 2] ** 2 + odd[:, 1, 0] ** 2)
    cosine = np.trace(rotations, axis1=1, axis2=2) - 1.0
    return np.degrees(np.arctan2(sine, cosine))


def rotation_of_quaternion(quaternion: Float64[np.ndarray, " 4"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation of a quaternion (x, y, z, w) of any length above 0.

    Raises:
        InputError: If its length is 0 or not finite.
    Example:
        >>> rotation_of_quaternion(np.array([0.0, 0.0, 1.0, 1.0])).round(9).tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    length = float(np.linalg.norm(quaternion))
    if not (np.isfinite(length) and length > 0):
        raise InputError(f"expected a quaternion x y z w of a length above 0, got {quaternion.tolist()}")
    axis, w = quaternion[:3], quaternion[3]
    sine = float(np.linalg.norm(axis))
    angle = 2.0 * np.arctan2(sine, w)
    vector = axis * (angle / sine) if sine > 0 else np.zeros(3)
    return np.asarray(cv2.Rodrigues(vector)[0], np.float64)


def quaternion_of_rotation(rotation: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " 4"]:
    """Unit quaternion (x, y, z, w) of a rotation, w >= 0."""
    vector = np.asarray(cv2.Rodrigues(rotation)[0], np.float64).ravel()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 0 else np.zeros(3)
    return np.append(axis * np.sin(angle / 2.0), np.cos(angle / 2.0))
