"""Robots that follow velocity commands: a quadrotor with attitude lag, drag, wind and limits, and a ground robot."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float64

GRAVITY_M_S2: Final = 9.81
_TRIM_M_S2: Final = 0.6
"""Largest trim: the drag of 2 m/s of wind."""


@dataclass(frozen=True)
class Quadrotor:
    """A small quadrotor at a held height, whose flight control turns velocity commands into tilt.

    The control asks for the acceleration a = gain (command - v) + drag command + trim, tilts to reach it, and the tilt
    follows with a lag. Drag acts on the speed relative to the air. The trim grows with the error of the speed, so that
    in steady wind the robot settles at the commanded speed; without it, at command + drag / (gain + drag) wind.

    Args:
        gain_s: Of the speed control, 1/s.
        trim_s2: Growth of the trim for each m/s of error, 1/s^2; 0 for none.
        drag_s: Deceleration by the air for each m/s of speed relative to it, 1/s.
        tilt_rad: Largest tilt.
        attitude_lag_s: Time constant of the tilt.
        turn_lag_s: Time constant of the turn.
        turn_rad_s: Fastest turn.
        ground: A ground robot instead: it moves where it heads, neither tilts nor feels wind, and its speed follows
            with the attitude's lag, within the acceleration of the largest tilt.
    """

    gain_s: float = 3.0
    trim_s2: float = 0.8
    drag_s: float = 0.3
    tilt_rad: float = float(np.radians(20.0))
    attitude_lag_s: float = 0.12
    turn_lag_s: float = 0.1
    turn_rad_s: float = 2.0
    ground: bool = False

    @property
    def acceleration_m_s2(self) -> float:
        """The fastest that it can change its speed: g tan(tilt)."""
        return float(GRAVITY_M_S2 * np.tan(self.tilt_rad))

    def step(
        self,
        state: "RobotState",
        commands: Float[np.ndarray, "b 3"],
        wind_m_s: Float[np.ndarray, "b 2"],
        passed_s: float,
    ) -> None:
        """Moves the robots on, in place.

        Args:
            state: Of b robots.
            commands: Speed ahead, speed to the left, turn to the left.
            wind_m_s: At the robots.
            passed_s: A short time: a hundredth of a second.
        """
        rate = np.clip(commands[:, 2], -self.turn_rad_s, self.turn_rad_s)
        state.turn_rad_s += (rate - state.turn_rad_s) * min(1.0, passed_s / self.turn_lag_s)
        state.yaw_rad += state.turn_rad_s * passed_s
        sine, cosine = np.sin(state.yaw_rad), np.cos(state.yaw_rad)
        if self.ground:
            speed = state.velocity_m_s[:, 0] * cosine + state.velocity_m_s[:, 1] * sine
            change = np.clip(
                (commands[:, 0] - speed) / self.attitude_lag_s, -self.acceleration_m_s2, self.acceleration_m_s2
            )
            speed = speed + change * passed_s
            state.velocity_m_s[:] = np.stack([speed * cosine, speed * sine], axis=1)
        else:
            self._fly(state, commands, wind_m_s, passed_s, sine, cosine)
        state.place_m[:, :2] += state.velocity_m_s * passed_s

    def _fly(
        self,
        state: "RobotState",
        commands: Float[np.ndarray, "b 3"],
        wind_m_s: Float[np.ndarray, "b 2"],
        passed_s: float,
        sine: Float[np.ndarray, " b"],
        cosine: Float[np.ndarray, " b"],
    ) -> None:
        ahead = state.velocity_m_s[:, 0] * cosine + state.velocity_m_s[:, 1] * sine
        left = state.velocity_m_s[:, 1] * cosine - state.velocity_m_s[:, 0] * sine
        error = np.stack([commands[:, 0] - ahead, commands[:, 1] - left], axis=1)
        turned = np.stack(
            [error[:, 0] * cosine - error[:, 1] * sine, error[:, 0] * sine + error[:, 1] * cosine], axis=1
        )
        state.trim_m_s2[:] = np.clip(state.trim_m_s2 + self.trim_s2 * turned * passed_s, -_TRIM_M_S2, _TRIM_M_S2)
        trim = state.trim_m_s2
        wanted = [
            self.gain_s * error[:, 0] + self.drag_s * commands[:, 0] + trim[:, 0] * cosine + trim[:, 1] * sine,
            self.gain_s * error[:, 1] + self.drag_s * commands[:, 1] + trim[:, 1] * cosine - trim[:, 0] * sine,
        ]
        shrink = np.minimum(1.0, self.acceleration_m_s2 / np.maximum(np.hypot(*wanted), 1e-9))
        share = min(1.0, passed_s / self.attitude_lag_s)
        state.pitch_rad += (-np.arctan(wanted[0] * shrink / GRAVITY_M_S2) - state.pitch_rad) * share
        state.roll_rad += (-np.arctan(wanted[1] * shrink / GRAVITY_M_S2) - state.roll_rad) * share
        push = [-GRAVITY_M_S2 * np.tan(state.pitch_rad), -GRAVITY_M_S2 * np.tan(state.roll_rad)]
        drag = self.drag_s * (wind_m_s - state.velocity_m_s)
        state.velocity_m_s[:, 0] += (push[0] * cosine - push[1] * sine + drag[:, 0]) * passed_s
        state.velocity_m_s[:, 1] += (push[0] * sine + push[1] * cosine + drag[:, 1]) * passed_s


@dataclass
class RobotState:
    """Where b robots are and how they move.

    Args:
        place_m: x, y, z in the world.
        velocity_m_s: x, y in the world.
        yaw_rad: Heading, 0 along x, positive to the left.
        turn_rad_s: Its rate.
        roll_rad: Positive with the right side down.
        pitch_rad: Positive with the nose up.
        trim_m_s2: Of the speed control, x, y in the world.
    """

    place_m: Float64[np.ndarray, "b 3"]
    velocity_m_s: Float64[np.ndarray, "b 2"]
    yaw_rad: Float64[np.ndarray, " b"]
    turn_rad_s: Float64[np.ndarray, " b"]
    roll_rad: Float64[np.ndarray, " b"]
    pitch_rad: Float64[np.ndarray, " b"]
    trim_m_s2: Float64[np.ndarray, "b 2"]

    @classmethod
    def at_rest(cls, places_m: Float[np.ndarray, "b 3"]) -> "RobotState":
        """Robots that stand and look along x.

        Args:
            places_m: x, y, z.
        Example:
            >>> state = RobotState.at_rest(np.array([[0.0, 1.0, 1.2]]))
            >>> state.place_m.tolist(), [speed.tolist() for speed in state.velocity_level_m_s]
            ([[0.0, 1.0, 1.2]], [[0.0], [0.0]])
        """
        robots = len(places_m)
        yaw, turn, roll, pitch = (np.zeros(robots) for _ in range(4))
        return cls(np.array(places_m, np.float64), np.zeros((robots, 2)), yaw, turn, roll, pitch, np.zeros((robots, 2)))

    @property
    def velocity_level_m_s(self) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
        """Speed ahead and to the left."""
        sine, cosine = np.sin(self.yaw_rad), np.cos(self.yaw_rad)
        x, y = self.velocity_m_s[:, 0], self.velocity_m_s[:, 1]
        return x * cosine + y * sine, y * cosine - x * sine

    def only(self, which: np.ndarray) -> "RobotState":
        """Some of the robots.

        Args:
            which: Their numbers, or a mask.
        """
        return RobotState(*(getattr(self, name)[which] for name in self.__dataclass_fields__))
