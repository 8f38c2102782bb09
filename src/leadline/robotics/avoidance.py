"""Steering around obstacles: the best free direction towards a goal, at a speed from which the robot can still stop."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64

from leadline.robotics.limits import RobotLimits
from leadline.robotics.obstacle_map import DIRECTIONS, ObstacleMap, direction_angles
from leadline.robotics.sight import Sight

_HORIZON_M: Final = 2.5
"""Free space beyond this is no better than less."""
_LEAST_CLEAR_M: Final = 0.5
"""A direction with less free space is not taken."""
_GOAL_WEIGHT: Final = 1.0
_TURN_WEIGHT: Final = 0.3
_HOLD_WEIGHT: Final = 0.35
_CLEAR_WEIGHT: Final = 2.0
_NARROW_RAD: Final = np.radians(12.0)
"""The robot moves where its sensor looks: towards directions this near to ahead at full speed, and less beyond."""
_WIDE_RAD: Final = np.radians(30.0)
_TURN_GAIN: Final = 2.5


@dataclass(frozen=True, eq=False)
class Motion:
    """What b robots know of their own motion, as of an optical-flow sensor and a gyroscope, and where they want to go.

    Args:
        ahead_m_s: Speed in the level frame of the robot, x.
        left_m_s: Speed, y.
        turn_rad: Turn to the left since the sight before.
        passed_s: Time since the sight before.
        goal_rad: Direction of the goal, positive to the left of ahead.
        goal_m: Distance of the goal; inf where there is only a direction.
    """

    ahead_m_s: Float64[np.ndarray, " b"]
    left_m_s: Float64[np.ndarray, " b"]
    turn_rad: Float64[np.ndarray, " b"]
    passed_s: float
    goal_rad: Float64[np.ndarray, " b"]
    goal_m: Float64[np.ndarray, " b"]


@dataclass(frozen=True, eq=False)
class Commands:
    """Velocity commands of b robots, and why.

    Args:
        ahead_m_s: x in the level frame of the robot.
        left_m_s: y; 0 for robots that cannot move sideways.
        turn_rad_s: Turn to the left.
        heading_rad: Direction that was chosen, positive to the left; NaN where none is free.
        clear_m: Free way in that direction as far as it is known; 0 where none is.
        blind: Robots that see nothing: they are told to stop.
    """

    ahead_m_s: Float64[np.ndarray, " b"]
    left_m_s: Float64[np.ndarray, " b"]
    turn_rad_s: Float64[np.ndarray, " b"]
    heading_rad: Float64[np.ndarray, " b"]
    clear_m: Float64[np.ndarray, " b"]
    blind: Bool[np.ndarray, " b"]


@dataclass
class AvoidPolicy:
    """Steers b robots to their goals around what they see. It knows nothing but its sights and motions.

    Each of 72 directions gets a cost: its angle to the goal, to ahead, and to the direction chosen before, and the
    free way that it lacks. The speed is one from which the robot stops within the way that is seen to be free, with
    latency; a robot that drifts towards an obstacle is told to stop, and one that is too near moves away from it.

    Args:
        robots: How many.
        limits: What they can do.
        memory_s: Time for which obstacles are remembered.
        push_m_s: Fastest speed away from what is nearer than the margin. It may lead where the sensor does not look: 0
            for robots that do not know their own motion.
    """

    robots: int
    limits: RobotLimits = field(default_factory=RobotLimits)
    memory_s: float = 4.0
    push_m_s: float = 0.4
    around: ObstacleMap = field(init=False, repr=False)
    _held_rad: Float64[np.ndarray, " b"] = field(init=False, repr=False)
    _side: Float64[np.ndarray, " b"] = field(init=False, repr=False)
    _before: Float64[np.ndarray, "b 2"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Starts with an empty map."""
        self.around = ObstacleMap(self.robots, self.limits.half_height_m, self.memory_s)
        self._held_rad = np.full(self.robots, np.nan)
        self._side, self._before = np.zeros(self.robots), np.zeros((self.robots, 2))

    def step(self, sight: Sight, motion: Motion) -> Commands:
        """Commands after a new sight.

        Args:
            sight: What the robots see now.
            motion: How they moved since the sight before, and their goals.
        """
        passed = motion.passed_s
        self.around.move(motion.ahead_m_s * passed, motion.left_m_s * passed, motion.turn_rad, passed)
        blind = sight.blind
        self.around.see(sight, ~blind)
        self._held_rad = _wrapped(self._held_rad - motion.turn_rad)
        heading, clear = self._chosen(motion)
        self._held_rad = np.where(blind, self._held_rad, heading)
        none = np.isnan(heading) & ~blind
        turn = np.where(none, self._looking_round(none, motion), _TURN_GAIN * np.nan_to_num(heading))
        turn = np.clip(turn, -self.limits.turn_rad_s, self.limits.turn_rad_s)
        seen = self._seen(heading)
        speed = self._speed(heading, np.minimum(clear, seen), motion)
        direction = np.nan_to_num(heading) if self.limits.sideways else np.zeros(self.robots)
        ahead, left = speed * np.cos(direction), speed * np.sin(direction)
        ahead, left = self._kept_away(*self._eased(ahead, left, passed))
        zero = np.zeros(self.robots)
        return Commands(
            np.where(blind, zero, ahead),
            np.where(blind | (not self.limits.sideways), zero, left),
            np.where(blind, zero, turn),
            np.where(blind, np.nan, heading),
            np.where(blind, zero, np.minimum(clear, seen)),
            blind,
        )

    def rest(self) -> None:
        """Tells that the robots were stopped by someone else: they speed up from rest again."""
        self._before[:] = 0.0

    def _chosen(self, motion: Motion) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
        """Best direction of each robot, NaN where none is free, and its free way."""
        angles = direction_angles()
        free = np.minimum(self.around.clear_m(self.limits.keep_m), _HORIZON_M)
        wanted = np.minimum(_HORIZON_M, np.maximum(motion.goal_m, _LEAST_CLEAR_M))[:, None]
        lack = np.clip(1.0 - free / wanted, 0.0, 1.0)
        held = np.where(np.isnan(self._held_rad), 0.0, self._held_rad)
        cost = (
            _GOAL_WEIGHT * np.abs(_wrapped(angles - motion.goal_rad[:, None]))
            + _TURN_WEIGHT * np.abs(angles)
            + _HOLD_WEIGHT * np.abs(_wrapped(angles - held[:, None]))
            + _CLEAR_WEIGHT * lack
        )
        cost = np.where(free < np.minimum(_LEAST_CLEAR_M, wanted), np.inf, cost)
        best = cost.argmin(axis=1)
        rows = np.arange(self.robots)
        found = np.isfinite(cost[rows, best])
        # Between two directions of the map the goal itself may be free.
        offset = np.clip(_wrapped(motion.goal_rad - angles[best]), -0.5 * np.pi / DIRECTIONS, 0.5 * np.pi / DIRECTIONS)
        return np.where(found, angles[best] + offset, np.nan), np.where(found, free[rows, best], 0.0)

    def _looking_round(self, none: Bool[np.ndarray, " b"], motion: Motion) -> Float64[np.ndarray, " b"]:
        """Turns robots that see no free direction, always to the same side until they do."""
        fresh = none & (self._side == 0.0)
        self._side = np.where(none, np.where(fresh, np.where(motion.goal_rad >= 0.0, 1.0, -1.0), self._side), 0.0)
        return self._side * self.limits.turn_rad_s * 0.6

    def _seen(self, heading: Float64[np.ndarray, " b"]) -> Float64[np.ndarray, " b"]:
        """How far the body can go in a direction until it comes to what was not seen; 0 where there is no direction."""
        step = 2.0 * np.pi / DIRECTIONS
        at = (np.rint(np.nan_to_num(heading) / step).astype(np.int64) + DIRECTIONS // 2) % DIRECTIONS
        seen = self.around.known_m()[np.arange(self.robots), at] - self.limits.keep_m
        return np.where(np.isnan(heading), 0.0, np.maximum(seen, 0.0))

    def _speed(
        self, heading: Float64[np.ndarray, " b"], clear: Float64[np.ndarray, " b"], motion: Motion
    ) -> Float64[np.ndarray, " b"]:
        """Speed from which the robot stops within what it sees to be free, along its way and along the wanted one."""
        limits, toward = self.limits, np.nan_to_num(heading)
        speed = np.minimum(limits.speed_m_s, limits.safe_speed_m_s(clear))
        # It looks before it goes.
        share = np.clip((_WIDE_RAD - np.abs(toward)) / (_WIDE_RAD - _NARROW_RAD), 0.0, 1.0)
        speed = np.minimum(speed * share, np.maximum(motion.goal_m, 0.0))
        moving = np.hypot(motion.ahead_m_s, motion.left_m_s)
        course = np.arctan2(motion.left_m_s, motion.ahead_m_s)[:, None]
        way = self.around.clear_towards(course, limits.keep_m)[:, 0]
        too_fast = (moving > 0.1) & (moving > 1.1 * limits.safe_speed_m_s(way) + 0.05)
        return np.where(np.isnan(heading) | too_fast, 0.0, speed)

    def _eased(
        self, ahead: Float64[np.ndarray, " b"], left: Float64[np.ndarray, " b"], passed_s: float
    ) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
        """Speeds up no faster than the robot's acceleration allows; it may always be told to stop."""
        wanted = np.stack([ahead, left], axis=1)
        step = self.limits.acceleration_m_s2 * passed_s
        asked = np.hypot(ahead, left)
        allowed = np.minimum(asked, np.linalg.norm(self._before, axis=1) + step)
        self._before = wanted * (allowed / np.maximum(asked, 1e-9))[:, None]
        return self._before[:, 0], self._before[:, 1]

    def _kept_away(
        self, ahead: Float64[np.ndarray, " b"], left: Float64[np.ndarray, " b"]
    ) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
        """Adds a slow motion away from points that are nearer than the margin."""
        distance = np.hypot(self.around.x_m, self.around.y_m)
        share = np.clip((self.limits.keep_m - distance) / max(self.limits.margin_m, 1e-6), 0.0, 1.0)
        scale = np.where(self.around.known, share, 0.0) / np.maximum(distance, 1e-6)
        x, y = -(scale * self.around.x_m).sum(axis=1), -(scale * self.around.y_m).sum(axis=1)
        length = np.hypot(x, y)
        push = self.push_m_s * np.minimum(1.0, length) / np.maximum(length, 1e-9)
        return ahead + push * x, left + push * y


@dataclass(frozen=True)
class StraightPolicy:
    """Flies towards the goal at full speed, whatever is in the way: what avoidance is compared with.

    Args:
        robots: How many.
        limits: What they can do.
    """

    robots: int
    limits: RobotLimits = field(default_factory=RobotLimits)

    def step(self, sight: Sight, motion: Motion) -> Commands:
        """Commands; the sight plays no part.

        Args:
            sight: What the robots see now.
            motion: Their goals.
        """
        turn = np.clip(_TURN_GAIN * motion.goal_rad, -self.limits.turn_rad_s, self.limits.turn_rad_s)
        speed = np.minimum(self.limits.speed_m_s, motion.goal_m)
        direction = motion.goal_rad if self.limits.sideways else np.zeros(self.robots)
        ahead, left = speed * np.cos(direction), speed * np.sin(direction)
        return Commands(ahead, left, turn, motion.goal_rad, motion.goal_m, np.zeros(len(speed), bool))


def _wrapped(angles: Float[np.ndarray, "*b"]) -> Float64[np.ndarray, "*b"]:
    """Angles from -180 to 180 degrees.

    >>> np.degrees(_wrapped(np.radians([190.0, -190.0, 90.0]))).round(6).tolist()
    [-170.0, 170.0, 90.0]
    """
    return (np.asarray(angles, np.float64) + np.pi) % (2.0 * np.pi) - np.pi
