"""Path of a single moving camera from optical flow: the motion between two frames, and the length of each step.

Two views of a camera tell how it turned and in which direction it moved, not how far. Points that are seen in three
frames have one depth in the middle one, whichever pair it is triangulated from: so each step is measured by the one
before, and the path is known up to a single scale.
"""

from dataclasses import dataclass
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.flow import agreeing, landing, round_trip
from leadline.geometry.trajectory import Trajectory, inverse_poses

FEWEST_POINTS: Final = 50
"""Fewer tell no motion."""
_MOST_POINTS: Final = 4000
_ROUND_TRIP_PX: Final = 0.5
_TEXTURE: Final = 20.0
"""Least slope of the grey value (Sobel) at a point: elsewhere flow is guessed."""
_RANSAC_PX: Final = 0.5
_CONFIDENCE: Final = 0.9999
_ROUNDS: Final = 5
_FARTHEST: Final = 1e4
"""Depth in steps of the camera up to which a point may vote for one of the four motions of an essential matrix."""
_STILL_PX: Final = 0.3
"""Below this median shift, after the turn is taken out, a camera has not moved from its place."""
_PARALLAX: Final = 1.5
"""Pixels of shift from which a point's depth counts."""

_Points = Float64[np.ndarray, "n 2"]


@dataclass(frozen=True, eq=False)
class TwoViewMotion:
    """Motion of a camera between two frames.

    Args:
        second_from_first: Takes a point of the first camera's frame into the second's; the translation has length 1, or
            0 where the camera stayed in its place.
        agreeing: Points that agree with it.
        looked_at: Points that were asked.
    """

    second_from_first: Float64[np.ndarray, "4 4"]
    agreeing: int
    looked_at: int

    @property
    def moved(self) -> bool:
        """Whether the camera left its place."""
        return bool(self.second_from_first[:3, 3].any())


def two_view_motion(first: _Points, second: _Points, camera: Pinhole) -> TwoViewMotion:
    """Motion between two frames from points seen in both.

    Args:
        first: Columns and rows in the first frame, px.
        second: In the second.
        camera: Of both.
    Raises:
        InputError: If there are too few points.
    Source: Nister, "An Efficient Solution to the Five-Point Relative Pose Problem", TPAMI 2004, with MAGSAC++ (Barath
        et al. 2020), both of OpenCV.
    Example:
        >>> rng = np.random.default_rng(0)
        >>> camera = Pinhole(500.0, 500.0, 320.0, 240.0, 480, 640)
        >>> points = rng.uniform((-2.0, -2.0, 4.0), (2.0, 2.0, 9.0), (300, 3))
        >>> first, second = (projected(points - (0.0, 0.0, z), camera) for z in (0.0, 0.5))
        >>> two_view_motion(first, second, camera).second_from_first[:3, 3].round(3).tolist()
        [0.0, 0.0, -1.0]
    """
    count = len(first)
    if count < FEWEST_POINTS:
        raise InputError(
            f"expected at least {FEWEST_POINTS} points that two frames share, got {count}; the frames do not show one "
            "scene, have no texture, or are too far apart"
        )
    motion = np.eye(4)
    # A turn alone leaves the essential matrix undetermined.
    motion[:3, :3], left = _turn_alone(first, second, camera)
    if float(np.median(left)) < _STILL_PX:
        return TwoViewMotion(motion, int((left < 2.0 * _STILL_PX).sum()), count)
    matrix = camera.matrix
    essential, inliers = cv2.findEssentialMat(
        first, second, matrix, method=cv2.USAC_MAGSAC, prob=_CONFIDENCE, threshold=_RANSAC_PX
    )
    if np.shape(essential) != (3, 3):
        raise InputError("expected a rigid motion between two frames, found none; the frames do not show one scene")
    agree, rotation, translation, *_ = cv2.recoverPose(
        essential, first, second, matrix, distanceThresh=_FARTHEST, mask=inliers.copy()
    )
    motion[:3, :3], motion[:3, 3] = rotation, np.asarray(translation).ravel()
    return TwoViewMotion(motion, int(agree), count)


def _turn_alone(
    first: _Points, second: _Points, camera: Pinhole
) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, " n"]]:
    """The turn that fits best if the camera stays in its place, and the distance in px that it leaves at each point.

    Source: Kabsch 1976, with weights of Cauchy's estimator.
    """
    rays, seen = (_rays(pixels, camera) for pixels in (first, second))
    unit = [directions / np.linalg.norm(directions, axis=1, keepdims=True) for directions in (rays, seen)]
    turn, left, weight = np.eye(3), np.zeros(len(first)), np.ones(len(first))
    for _ in range(_ROUNDS):
        u, _, v = np.linalg.svd((unit[1] * weight[:, None]).T @ unit[0])
        turn = u @ np.diag([1.0, 1.0, np.linalg.det(u) * np.linalg.det(v)]) @ v
        left = np.linalg.norm(second - projected(rays @ turn.T, camera), axis=1)
        weight = 1.0 / (1.0 + (left / (1.5 * np.median(left) + 1e-9)) ** 2)
    return turn, left


def projected(points: Float64[np.ndarray, "n 3"], camera: Pinhole) -> _Points:
    """Columns and rows of points in the camera's frame, z > 0."""
    return points[:, :2] / points[:, 2:] * (camera.focal_x_px, camera.focal_y_px) + camera.matrix[:2, 2]


def triangulated_depth(
    first: _Points, second: _Points, second_from_first: Float64[np.ndarray, "4 4"], camera: Pinhole
) -> Float64[np.ndarray, " n"]:
    """Depth in the first frame of points seen in two, by least squares; NaN where they hardly shift.

    Args:
        first: Columns and rows in the first frame, px.
        second: In the second.
        second_from_first: The camera's motion.
        camera: Of both.
    Returns:
        In the unit of the translation; negative where the points contradict the motion.
    """
    turned = _rays(first, camera) @ second_from_first[:3, :3].T
    seen = _rays(second, camera)
    across, shift = np.cross(seen, turned), np.cross(seen, second_from_first[:3, 3])
    # The angle between the rays, in pixels.
    size = np.linalg.norm(across, axis=1) * (camera.focal_x_px + camera.focal_y_px) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -(across * shift).sum(axis=1) / (across**2).sum(axis=1)
    return np.where(size >= _PARALLAX, depth, np.nan)


@final
class Odometry:
    """Path of a single camera, frame by frame.

    Args:
        camera: Of all frames.
        seed: Of the choice among too many points.
    """

    def __init__(self, camera: Pinhole, seed: int = 0) -> None:
        self.camera = camera
        self.poses: list[Float64[np.ndarray, "4 4"]] = [np.eye(4)]
        self.shares: list[float] = []
        self.still = 0
        self._step = 1.0
        self._back: tuple[Float32[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"], Float64[np.ndarray, "4 4"]] | None = (
            None
        )
        self._rng = np.random.default_rng(seed)

    def add(
        self,
        before: UInt8[np.ndarray, "h w"],
        frame: UInt8[np.ndarray, "h w"],
        forward: Float32[np.ndarray, "h w 2"],
        backward: Float32[np.ndarray, "h w 2"],
    ) -> TwoViewMotion:
        """Adds the pose of the next frame.

        Args:
            before: The frame before it, grey.
            frame: The next frame.
            forward: Flow from the frame before to the next.
            backward: Flow from the next frame to the one before.
        Raises:
            InputError: If the frames share too few points.
        """
        sure = _sure(before, frame, forward, backward)
        rows, columns = np.nonzero(sure)
        some = self._rng.permutation(len(rows))[:_MOST_POINTS]
        rows, columns = rows[some], columns[some]
        first = np.stack([columns, rows], 1).astype(np.float64)
        second = first + forward[rows, columns]
        found = two_view_motion(first, second, self.camera)
        motion = found.second_from_first.copy()
        if found.moved:
            self._step *= self._ratio(first, second, motion, rows, columns)
            motion[:3, 3] *= self._step
        else:
            self.still += 1
        self.poses.append(self.poses[-1] @ inverse_poses(motion))
        self.shares.append(found.agreeing / found.looked_at)
        sure_back = landing(backward)[2] & (round_trip(backward, forward) < _ROUND_TRIP_PX)
        self._back = (backward, sure_back, inverse_poses(motion)) if found.moved else None
        return found

    def trajectory(self, times_s: Float64[np.ndarray, " n"] | None = None) -> Trajectory:
        """The poses so far, in units of the first step."""
        return Trajectory(np.stack(self.poses), times_s)

    def _ratio(
        self,
        first: _Points,
        second: _Points,
        motion: Float64[np.ndarray, "4 4"],
        rows: np.ndarray,
        columns: np.ndarray,
    ) -> float:
        """Length of this step over that of the last: the ratio of the depths of points that both steps tell."""
        if self._back is None:
            return 1.0
        backward, sure, back = self._back
        seen = sure[rows, columns]
        before = triangulated_depth(first[seen], first[seen] + backward[rows, columns][seen], back, self.camera)
        now = triangulated_depth(first[seen], second[seen], motion, self.camera)
        with np.errstate(invalid="ignore"):
            good = (before > 0) & (now > 0)
        # `before` is in units of the path, `now` in steps.
        return float(np.median(before[good] / now[good])) / self._step if good.sum() >= FEWEST_POINTS // 2 else 1.0


def _sure(
    before: UInt8[np.ndarray, "h w"],
    frame: UInt8[np.ndarray, "h w"],
    forward: Float32[np.ndarray, "h w 2"],
    backward: Float32[np.ndarray, "h w 2"],
) -> Bool[np.ndarray, "h w"]:
    """Pixels with texture, here and where they go, whose way there and back ends where it began."""
    x, y, _ = landing(forward)
    there = cv2.remap(_slope(frame), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    textured = (_slope(before) > _TEXTURE) & (np.asarray(there) > _TEXTURE / 2.0)
    return agreeing(forward, backward) & (round_trip(forward, backward) < _ROUND_TRIP_PX) & textured


def _slope(grey: UInt8[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)).astype(np.float32)


def _rays(pixels: _Points, camera: Pinhole) -> Float64[np.ndarray, "n 3"]:
    """Directions with z = 1."""
    centred = (pixels - (camera.center_x_px, camera.center_y_px)) / (camera.focal_x_px, camera.focal_y_px)
    return np.column_stack([centred, np.ones(len(pixels))])
