"""Obstacles around robots, by direction: the nearest point seen in each, how long ago, and how far it is known free."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64

from leadline.robotics.sight import Sight

DIRECTIONS: Final = 72
"""Directions of the map: one every 5 degrees, about the width of a zone of an 8x8 sensor."""

_STEP: Final = 2.0 * np.pi / DIRECTIONS
_FAR: Final = 1e6
_NOT_NEARER: Final = 0.97
"""Share of a near point's distance that a robot may come down to while it passes."""
_CLEARED_M: Final = 0.3
"""A point is forgotten when a ray of its direction is free by this much beyond it."""


def direction_angles() -> Float64[np.ndarray, " d"]:
    """Angle of each direction of the map, from -180 degrees on; positive to the left, 0 ahead."""
    return (np.arange(DIRECTIONS) - DIRECTIONS // 2) * _STEP


@dataclass
class ObstacleMap:
    """Obstacles around b robots at once, each in its own level frame (x ahead, y left).

    Of each direction the nearest point is kept with its place, so that a map that moves with the robot does not blur.
    What was seen is forgotten after a while. A direction that was not seen lately is unknown: 0 m of it are free.

    Args:
        robots: How many.
        half_height_m: Points higher or lower than this are no obstacles.
        memory_s: Time after which something is forgotten.
    Example:
        >>> wall = Sight(np.array([[[1.0, 0.0, 0.0]]]), np.array([[2.0]]), np.array([[True]]), np.array([[2.0]]))
        >>> around = ObstacleMap(1)
        >>> around.see(wall)
        >>> around.move(np.array([0.5]), np.array([0.0]), np.array([0.0]), 0.5)
        >>> around.clear_m(keep_m=0.3)[0, DIRECTIONS // 2].round(3)
        np.float64(1.2)
    """

    robots: int
    half_height_m: float = 0.2
    memory_s: float = 4.0
    x_m: Float64[np.ndarray, "b d"] = field(init=False, repr=False)
    y_m: Float64[np.ndarray, "b d"] = field(init=False, repr=False)
    age_s: Float64[np.ndarray, "b d"] = field(init=False, repr=False)
    free_m: Float64[np.ndarray, "b d"] = field(init=False, repr=False)
    free_age_s: Float64[np.ndarray, "b d"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Starts with nothing known."""
        shape = (self.robots, DIRECTIONS)
        self.x_m, self.y_m = np.full(shape, _FAR), np.full(shape, _FAR)
        self.age_s, self.free_age_s = np.full(shape, np.inf), np.full(shape, np.inf)
        self.free_m = np.zeros(shape)

    @property
    def known(self) -> Bool[np.ndarray, "b d"]:
        """Directions in which a point is remembered."""
        return np.isfinite(self.age_s)

    def forget(self, which: Bool[np.ndarray, " b"] | None = None) -> None:
        """Empties the map.

        Args:
            which: Of which robots; of all if absent.
        """
        rows = slice(None) if which is None else which
        self.x_m[rows], self.y_m[rows], self.free_m[rows] = _FAR, _FAR, 0.0
        self.age_s[rows], self.free_age_s[rows] = np.inf, np.inf

    def move(
        self,
        ahead_m: Float[np.ndarray, " b"],
        left_m: Float[np.ndarray, " b"],
        turn_rad: Float[np.ndarray, " b"],
        passed_s: float,
    ) -> None:
        """Moves the robots: what is remembered moves the other way, and ages.

        Args:
            ahead_m: Way in the old frame, x.
            left_m: Way in the old frame, y.
            turn_rad: Turn to the left.
            passed_s: Time since the map was moved last.
        """
        known = self.known
        x, y = self.x_m - ahead_m[:, None], self.y_m - left_m[:, None]
        sine, cosine = np.sin(turn_rad)[:, None], np.cos(turn_rad)[:, None]
        x, y = cosine * x + sine * y, cosine * y - sine * x
        age = self.age_s + passed_s
        keep = known & (age <= self.memory_s)
        angles = direction_angles()[None]
        free = np.maximum(self.free_m - ahead_m[:, None] * np.cos(angles) - left_m[:, None] * np.sin(angles), 0.0)
        free_age = self.free_age_s + passed_s
        shifted = self._index(angles - turn_rad[:, None])
        old = free_age <= self.memory_s
        self.forget()
        self._put(x, y, age, keep)
        rows = np.broadcast_to(np.arange(self.robots)[:, None], free.shape)
        self.free_m[rows[old], shifted[old]] = free[old]
        self.free_age_s[rows[old], shifted[old]] = free_age[old]

    def see(self, sight: Sight, seeing: Bool[np.ndarray, " b"] | None = None) -> None:
        """Takes what was seen now.

        Args:
            sight: Of the same robots.
            seeing: Robots for which it is taken; all if absent.
        """
        taken = np.ones(self.robots, bool) if seeing is None else seeing
        slope = np.abs(sight.rays[..., 2])
        reach = self.half_height_m / np.maximum(slope, 1e-9)
        at = self._index(np.arctan2(sight.rays[..., 1], sight.rays[..., 0]))
        free = np.where(taken[:, None], np.minimum(sight.free_m, reach), 0.0)
        obstacle = sight.hit & (sight.range_m <= reach) & taken[:, None]
        now_free = np.zeros_like(self.free_m)
        rows = np.broadcast_to(np.arange(self.robots)[:, None], at.shape)
        np.maximum.at(now_free, (rows, at), free)
        nearest = np.full_like(self.free_m, np.inf)
        np.minimum.at(nearest, (rows[obstacle], at[obstacle]), sight.range_m[obstacle])
        now_free = np.minimum(now_free, nearest)
        seen = now_free > 0.0
        gone = seen & (np.hypot(self.x_m, self.y_m) + _CLEARED_M < now_free)
        self.x_m[gone], self.y_m[gone], self.age_s[gone] = _FAR, _FAR, np.inf
        self.free_m[seen], self.free_age_s[seen] = now_free[seen], 0.0
        x, y = sight.range_m * sight.rays[..., 0], sight.range_m * sight.rays[..., 1]
        self._put(x, y, np.zeros_like(x), obstacle)

    def distance_m(self) -> Float64[np.ndarray, "b d"]:
        """Distance of the remembered point of each direction, inf where there is none."""
        return np.where(self.known, np.hypot(self.x_m, self.y_m), np.inf)

    def clear_m(self, keep_m: float) -> Float64[np.ndarray, "b d"]:
        """How far a disc can go in each direction before it touches a remembered point; inf where it never does.

        A point that is nearer than the disc's radius blocks all directions that lead nearer to it, and no others.

        Args:
            keep_m: Radius of the disc: the robot's, and what it keeps beyond.
        """
        return self.clear_towards(np.broadcast_to(direction_angles(), (self.robots, DIRECTIONS)), keep_m)

    def clear_towards(self, angles_rad: Float[np.ndarray, "b k"], keep_m: float) -> Float64[np.ndarray, "b k"]:
        """As `clear_m`, towards angles of one's own.

        Args:
            angles_rad: From ahead, positive to the left.
            keep_m: As for `clear_m`.
        """
        distance = np.hypot(self.x_m, self.y_m)
        radius = np.minimum(keep_m, _NOT_NEARER * distance).astype(np.float32)[:, None]
        x, y = self.x_m.astype(np.float32)[:, None], self.y_m.astype(np.float32)[:, None]
        cosine, sine = (
            np.cos(angles_rad).astype(np.float32)[..., None],
            np.sin(angles_rad).astype(np.float32)[..., None],
        )
        along, beside = x * cosine + y * sine, y * cosine - x * sine
        depth = np.square(radius) - np.square(beside)
        touches = (depth > 0.0) & (along > 0.0) & self.known[:, None]
        way = np.where(touches, along - np.sqrt(np.maximum(depth, 0.0)), np.float32(np.inf))
        return np.maximum(way.min(axis=2), 0.0).astype(np.float64)

    def known_m(self) -> Float64[np.ndarray, "b d"]:
        """How far each direction is known to be free, as it or a neighbour was seen; 0 is unknown."""
        free = self.free_m
        return np.maximum(free, np.maximum(np.roll(free, 1, axis=1), np.roll(free, -1, axis=1)))

    def _index(self, angles: Float[np.ndarray, "*b"]) -> np.ndarray:
        return (np.rint(angles / _STEP).astype(np.int64) + DIRECTIONS // 2) % DIRECTIONS

    def _put(
        self,
        x: Float64[np.ndarray, "b n"],
        y: Float64[np.ndarray, "b n"],
        age: Float64[np.ndarray, "b n"],
        keep: Bool[np.ndarray, "b n"],
    ) -> None:
        """Adds points; the nearest of each direction stays."""
        rows = np.broadcast_to(np.arange(self.robots)[:, None], x.shape)[keep]
        px, py, ages = x[keep], y[keep], age[keep]
        at = self._index(np.arctan2(py, px))
        distance = np.hypot(px, py)
        nearest = np.where(self.known, np.hypot(self.x_m, self.y_m), np.inf)
        np.minimum.at(nearest, (rows, at), distance)
        wins = distance <= nearest[rows, at]
        rows, at = rows[wins], at[wins]
        self.x_m[rows, at], self.y_m[rows, at], self.age_s[rows, at] = px[wins], py[wins], ages[wins]
