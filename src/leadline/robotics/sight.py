"""What robots see, from zones or from depth: points in the level frame of each robot, and how far each ray is free."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.robotics.tof_frame import NO_TARGET, TofFrame
from leadline.robotics.tof_zones import TofZones

NO_TARGET_FREE_M: Final = 1.5
"""A zone without a target is free up to here only: black surfaces are not seen farther off, and glass hardly at all."""

_COLUMNS: Final = 24
_ROWS: Final = 12
_NEAR_SHARE: Final = 0.1


@dataclass(frozen=True, eq=False)
class Sight:
    """What each of b robots saw at one time, as rays from its centre.

    The frame is level (attitude is taken out) and turns with the robot: x ahead, y left, z up.

    Args:
        rays: Direction of each ray, with x and y of length 1 together: z is the slope.
        range_m: Horizontal distance to what the ray hit; any number where not hit.
        hit: Where something was measured.
        free_m: Horizontal distance up to which the ray is known to be free; 0 where nothing is known.
    Example:
        >>> ahead = np.array([[[1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]]])
        >>> seen = Sight(ahead, np.array([[2.0], [0.0]]), np.array([[True], [False]]), np.array([[2.0], [0.0]]))
        >>> seen.blind.tolist()
        [False, True]
    """

    rays: Float64[np.ndarray, "b n 3"]
    range_m: Float64[np.ndarray, "b n"]
    hit: Bool[np.ndarray, "b n"]
    free_m: Float64[np.ndarray, "b n"]

    @property
    def blind(self) -> Bool[np.ndarray, " b"]:
        """Robots for which nothing was measured at all."""
        return np.asarray(~self.hit.any(axis=1), bool)

    def joined(self, other: "Sight") -> "Sight":
        """The rays of two sensors of the same robots.

        Args:
            other: Of the second sensor.
        """
        names = ("rays", "range_m", "hit", "free_m")
        return Sight(*(np.concatenate([getattr(self, name), getattr(other, name)], axis=1) for name in names))


def level_rays(
    directions: Float[np.ndarray, "n 3"], roll_rad: Float[np.ndarray, " b"], pitch_rad: Float[np.ndarray, " b"]
) -> Float64[np.ndarray, "b n 3"]:
    """Directions of a camera or sensor that looks ahead, in the level frame of each robot.

    Args:
        directions: In the sensor's frame: x right, y down, z ahead.
        roll_rad: Positive with the right side down.
        pitch_rad: Positive with the nose up.
    Returns:
        x ahead, y left, z up; of the same lengths.
    """
    ahead, left, up = directions[:, 2], -directions[:, 0], -directions[:, 1]
    sin_roll, cos_roll = np.sin(roll_rad)[:, None], np.cos(roll_rad)[:, None]
    sin_pitch, cos_pitch = np.sin(pitch_rad)[:, None], np.cos(pitch_rad)[:, None]
    rolled_left = cos_roll * left - sin_roll * up
    rolled_up = cos_roll * up + sin_roll * left
    return np.stack(
        [cos_pitch * ahead - sin_pitch * rolled_up, rolled_left, sin_pitch * ahead + cos_pitch * rolled_up], axis=-1
    )


def sight_of_distances(
    directions: Float[np.ndarray, "n 3"],
    depth_m: Float[np.ndarray, "b n"],
    valid: Bool[np.ndarray, "b n"],
    roll_rad: Float[np.ndarray, " b"],
    pitch_rad: Float[np.ndarray, " b"],
    empty_m: Float[np.ndarray, "b n"] | float = 0.0,
) -> Sight:
    """Sight from depths along the optical axis.

    Args:
        directions: With z = 1, in the sensor's frame: x right, y down, z ahead.
        depth_m: Of each ray.
        valid: Which of them are known.
        roll_rad: Of each robot, positive with the right side down.
        pitch_rad: Positive with the nose up.
        empty_m: Depth up to which a ray without a valid depth is free all the same.
    """
    rays = level_rays(directions, roll_rad, pitch_rad)
    flat = np.maximum(np.hypot(rays[..., 0], rays[..., 1]), 1e-9)
    range_m = np.where(valid, depth_m, 0.0) * flat
    free = np.where(valid, range_m, np.broadcast_to(np.asarray(empty_m, np.float64), depth_m.shape) * flat)
    return Sight(rays / flat[..., None], range_m, np.asarray(valid), free)


def sight_of_zones(
    zones: TofZones,
    distances_m: Float[np.ndarray, "b n n"],
    valid: Bool[np.ndarray, "b n n"],
    status: UInt8[np.ndarray, "b n n"],
    roll_rad: Float[np.ndarray, " b"],
    pitch_rad: Float[np.ndarray, " b"],
) -> Sight:
    """Sight of sensors with zones. A zone without a target is free up to `NO_TARGET_FREE_M`, an invalid one unknown.

    Args:
        zones: Where the sensors look.
        distances_m: As of `TofFrame`, one frame for each robot.
        valid: Likewise.
        status: Likewise.
        roll_rad: Of each robot.
        pitch_rad: Of each robot.
    """
    robots = len(distances_m)
    ahead = np.concatenate([zones.centers.reshape(-1, 2), np.ones((zones.size**2, 1))], axis=1)
    empty = np.where(status == NO_TARGET, NO_TARGET_FREE_M, 0.0).reshape(robots, -1)
    depth, known = distances_m.reshape(robots, -1), valid.reshape(robots, -1)
    return sight_of_distances(ahead, depth, known, roll_rad, pitch_rad, empty)


def sight_of_frame(zones: TofZones, frame: TofFrame, roll_rad: float = 0.0, pitch_rad: float = 0.0) -> Sight:
    """Sight of one robot from one frame; of two targets in a zone the nearer one counts.

    Args:
        zones: Where the sensor looks.
        frame: Of as many zones.
        roll_rad: Of the robot.
        pitch_rad: Of the robot.
    Raises:
        InputError: If the frame has another number of zones.
    """
    zones.require(frame)
    roll, pitch = np.array([roll_rad]), np.array([pitch_rad])
    return sight_of_zones(zones, frame.nearest_m[None], frame.valid[None], frame.status[None], roll, pitch)


def sight_of_depth(depth: DepthMap, roll_rad: float = 0.0, pitch_rad: float = 0.0) -> Sight:
    """Sight of one robot from a depth map: fused, stereo, or of any other origin.

    Args:
        depth: Metric, with its camera; what is not trusted counts as unknown.
        roll_rad: Of the robot.
        pitch_rad: Of the robot.
    Raises:
        InputError: If it is not metric, its camera is unknown, or it is smaller than the cells.
    """
    if depth.kind != "metric" or depth.camera is None:
        raise InputError(
            f"expected metric depth with its camera, got kind {depth.kind!r} and camera {depth.camera}; give it a "
            "scale and a camera first"
        )
    roll, pitch = np.array([roll_rad]), np.array([pitch_rad])
    return sight_of_images(depth.depth[None], depth.trusted[None], depth.camera, roll, pitch)


def sight_of_images(
    depth_m: Float[np.ndarray, "b h w"],
    valid: Bool[np.ndarray, "b h w"],
    camera: Pinhole,
    roll_rad: Float[np.ndarray, " b"],
    pitch_rad: Float[np.ndarray, " b"],
) -> Sight:
    """Sight of robots from one depth image each, read in 24x12 cells.

    The distance of a cell is the one that a tenth of its valid pixels undercut, so that a thin pole in it counts and a
    single wrong pixel of many does not.

    Args:
        depth_m: Metres along the optical axis.
        valid: Which are known.
        camera: Of the images; it looks ahead.
        roll_rad: Of each robot.
        pitch_rad: Of each robot.
    Raises:
        InputError: If the images are smaller than the cells.
    """
    robots, height, width = depth_m.shape
    if height < _ROWS or width < _COLUMNS:
        raise InputError(f"expected depth of at least {_COLUMNS}x{_ROWS} pixels, got {width}x{height}")
    tall, wide = height // _ROWS, width // _COLUMNS
    top, left = (height - tall * _ROWS) // 2, (width - wide * _COLUMNS) // 2
    window = np.s_[:, top : top + tall * _ROWS, left : left + wide * _COLUMNS]
    known = np.where(valid[window] & (depth_m[window] > 0.0), depth_m[window], np.inf)
    cells = known.reshape(robots, _ROWS, tall, _COLUMNS, wide).swapaxes(2, 3).reshape(robots, _ROWS * _COLUMNS, -1)
    rank = int(_NEAR_SHARE * (cells.shape[2] - 1))
    near = np.partition(cells, rank, axis=2)[..., rank] if rank else cells.min(axis=2)
    columns = (left + (np.arange(_COLUMNS) + 0.5) * wide - 0.5 - camera.center_x_px) / camera.focal_x_px
    rows = (top + (np.arange(_ROWS) + 0.5) * tall - 0.5 - camera.center_y_px) / camera.focal_y_px
    right, down = np.tile(columns, _ROWS), np.repeat(rows, _COLUMNS)
    directions = np.stack([right, down, np.ones(len(right))], axis=1)
    found = np.isfinite(near)
    return sight_of_distances(directions, np.where(found, near, 0.0), found, roll_rad, pitch_rad)
