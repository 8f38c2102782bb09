"""A pilot for one robot: commands from frames of a time-of-flight sensor, and a stop with a reason where it must."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from leadline.errors import InputError, require_number
from leadline.robotics.avoidance import AvoidPolicy, Motion
from leadline.robotics.limits import RobotLimits
from leadline.robotics.sight import Sight, sight_of_frame
from leadline.robotics.time_to_collision import Closing, CollisionClock
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_zones import TofZones

_LONGEST_GAP_S: Final = 0.5
"""A sensor that is silent for longer has lost its past."""
_CLOSING_M_S: Final = 0.1


@dataclass(frozen=True)
class PilotCommand:
    """What a robot is told after a frame.

    Args:
        time_s: Of the frame.
        ahead_m_s: Speed ahead.
        left_m_s: Speed to the left.
        turn_rad_s: Turn to the left.
        heading_rad: Direction that was chosen; None where none is free.
        clear_m: Free way in that direction as far as it is known; 0 where none is.
        collision_s: Time until what is ahead is reached at the speed at which it approaches; None where nothing does.
        reason: Why it stops or slows down; empty where it does not.
    """

    time_s: float
    ahead_m_s: float = 0.0
    left_m_s: float = 0.0
    turn_rad_s: float = 0.0
    heading_rad: float | None = None
    clear_m: float = 0.0
    collision_s: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class OwnMotion:
    """What a robot knows of its own motion.

    Args:
        ahead_m_s: Speed ahead.
        left_m_s: Speed to the left.
        turn_rad_s: Turn to the left.
    """

    ahead_m_s: float
    left_m_s: float
    turn_rad_s: float


@dataclass
class Pilot:
    """Commands for one robot from frames as they come.

    Without its own motion, which a log does not have, the robot cannot place what it saw before: it then steers by
    each frame alone, and slows down by how fast distances shrink.

    Args:
        limits: Of the robot.
        zones: Where its sensor looks.
        goal_rad: Where it wants to go, positive to the left of ahead.
    Raises:
        InputError: If the goal is no angle.
    Example:
        >>> pilot, wall = Pilot(), np.full((8, 8), 0.3)
        >>> command = pilot.step(TofFrame.from_status(wall, np.full((8, 8), 4)))
        >>> command.ahead_m_s, command.reason
        (0.0, 'blind: no zone has a distance: stops')
    """

    limits: RobotLimits = field(default_factory=RobotLimits)
    zones: TofZones = field(default_factory=TofZones)
    goal_rad: float = 0.0
    _policy: AvoidPolicy = field(init=False, repr=False)
    _clock: CollisionClock = field(init=False, repr=False)
    _last_s: float | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Starts with nothing seen."""
        require_number(self.goal_rad, "goal_rad")
        if not abs(self.goal_rad) <= np.pi:
            raise InputError(f"expected a goal from -180 to 180 degrees, got {np.degrees(self.goal_rad):g}")
        self._restart()

    def step(self, frame: TofFrame, own: OwnMotion | None = None) -> PilotCommand:
        """The command after a frame.

        Args:
            frame: The next one.
            own: The robot's motion since the frame before, if it is known.
        Raises:
            InputError: If the frame has another number of zones than the pilot's sensor.
        """
        self.zones.require(frame)
        last, self._last_s = self._last_s, frame.time_s
        passed = 0.0 if last is None else frame.time_s - last
        if passed < 0.0 or passed > _LONGEST_GAP_S:
            self._restart()
            self._clock.update(frame)
            reason = f"the clock went back by {-passed:.2f} s" if passed < 0.0 else f"no frame for {passed:.2f} s"
            return PilotCommand(frame.time_s, reason=f"{reason}: stops")
        closing = self._clock.update(frame)
        if frame.blind:
            self._policy.rest()
            return PilotCommand(frame.time_s, reason="blind: no zone has a distance: stops")
        if own is None:
            self._policy.around.forget()
        commands = self._policy.step(sight_of_frame(self.zones, frame), self._motion(own, passed))
        heading = float(commands.heading_rad[0])
        known = not np.isnan(heading)
        seconds, brakes = self._collision(closing)
        ahead, left = (0.0, 0.0) if brakes else (float(commands.ahead_m_s[0]), float(commands.left_m_s[0]))
        if brakes:
            self._policy.rest()
        clear = float(commands.clear_m[0])
        reason = f"collision in {seconds:.2f} s: brakes" if brakes else _reason(heading, clear)
        turn = float(commands.turn_rad_s[0])
        return PilotCommand(frame.time_s, ahead, left, turn, heading if known else None, clear, seconds, reason)

    def see(self, sight: Sight, passed_s: float, own: OwnMotion | None = None) -> PilotCommand:
        """The command after a sight of another sensor: a depth map, fused or stereo, by `sight_of_depth`.

        Args:
            sight: Of one robot.
            passed_s: Time since the sight before.
            own: The robot's motion since then, if it is known.
        Raises:
            InputError: If the time is negative.
        """
        if not passed_s >= 0.0:
            raise InputError(f"expected a time of 0 or more since the sight before, got {passed_s}")
        self._last_s = (self._last_s or 0.0) + passed_s
        if bool(sight.blind[0]):
            self._policy.rest()
            return PilotCommand(self._last_s, reason="blind: no distance is known: stops")
        if own is None:
            self._policy.around.forget()
        commands = self._policy.step(sight, self._motion(own, passed_s))
        ahead, left, turn = (float(each[0]) for each in (commands.ahead_m_s, commands.left_m_s, commands.turn_rad_s))
        heading, clear = float(commands.heading_rad[0]), float(commands.clear_m[0])
        chosen = None if np.isnan(heading) else heading
        return PilotCommand(self._last_s, ahead, left, turn, chosen, clear, reason=_reason(heading, clear))

    def _restart(self) -> None:
        self._policy, self._clock = AvoidPolicy(1, self.limits, push_m_s=0.0), CollisionClock()

    def _motion(self, own: OwnMotion | None, passed_s: float) -> Motion:
        told = own or OwnMotion(0.0, 0.0, 0.0)
        ahead, left, turn = (np.array([each]) for each in (told.ahead_m_s, told.left_m_s, told.turn_rad_s * passed_s))
        return Motion(ahead, left, turn, passed_s, np.array([self.goal_rad]), np.array([np.inf]))

    def _collision(self, closing: Closing) -> tuple[float | None, bool]:
        """Time until the first zone in the way of the body is reached, and whether it is time to brake.

        In the way are zones whose point lies within the body's width and height straight ahead.
        """
        beside, below = (np.abs(self.zones.centers[..., i]) * closing.distance_m for i in range(2))
        near = (beside <= self.limits.keep_m) & (below <= self.limits.half_height_m)
        near &= np.isfinite(closing.time_s) & (closing.speed_m_s > _CLOSING_M_S)
        if not bool(near.any()):
            return None, False
        distance, speed = closing.distance_m[near], closing.speed_m_s[near]
        brakes = bool((self.limits.stopping_m(speed) >= distance - self.limits.keep_m).any())
        return float(closing.time_s[near].min()), brakes


def _reason(heading: float, clear_m: float) -> str:
    if np.isnan(heading):
        return "no free way: turns"
    return "" if clear_m > 0.0 else "turns to see whether it is free"
