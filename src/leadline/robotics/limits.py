"""What a robot can do: its size, speed, acceleration and delay, and what follows for the distance it needs to stop."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from leadline.errors import InputError, require_number


@dataclass(frozen=True)
class RobotLimits:
    """Limits of a robot that takes velocity commands.

    Args:
        speed_m_s: Fastest that it is sent.
        acceleration_m_s2: That it reaches when it brakes, with some reserve.
        turn_rad_s: Fastest turn.
        latency_s: From light on the sensor until the speed begins to change: the sensor, one frame, the flight control.
        radius_m: Of the circle around its body, propellers included.
        margin_m: Distance that it keeps beyond its body.
        half_height_m: What is higher or lower than this, seen from its centre, is no obstacle.
        sideways: Whether it can move sideways: a quadrotor can, a car cannot.
    Raises:
        InputError: If a limit is not positive and finite; the latency and the margin may be 0.
    Example:
        >>> limits = RobotLimits(acceleration_m_s2=2.0, latency_s=0.3, margin_m=0.0)
        >>> round(float(limits.stopping_m(1.0)), 3)
        0.55
        >>> round(float(limits.safe_speed_m_s(0.55)), 3)
        1.0
    """

    speed_m_s: float = 1.0
    acceleration_m_s2: float = 2.0
    turn_rad_s: float = 1.5
    latency_s: float = 0.3
    radius_m: float = 0.15
    margin_m: float = 0.15
    half_height_m: float = 0.2
    sideways: bool = True

    def __post_init__(self) -> None:
        """Refuses robots that cannot be."""
        for name in ("speed_m_s", "acceleration_m_s2", "turn_rad_s", "radius_m", "half_height_m"):
            require_number(getattr(self, name), name)
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise InputError(f"expected a {name} above 0, got {getattr(self, name)}")
        for name in ("latency_s", "margin_m"):
            require_number(getattr(self, name), name)
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0.0):
                raise InputError(f"expected a {name} of 0 or more, got {getattr(self, name)}")

    @property
    def keep_m(self) -> float:
        """Distance from the robot's centre that it keeps to what it sees."""
        return self.radius_m + self.margin_m

    def stopping_m(self, speed_m_s: Float[np.ndarray, "*b"] | float) -> Float64[np.ndarray, "*b"]:
        """Distance until it stands: s = v t + v^2 / (2 a).

        Args:
            speed_m_s: Now.
        """
        speed = np.asarray(speed_m_s, np.float64)
        return np.asarray(speed * self.latency_s + np.square(speed) / (2.0 * self.acceleration_m_s2))

    def safe_speed_m_s(self, free_m: Float[np.ndarray, "*b"] | float) -> Float64[np.ndarray, "*b"]:
        """Fastest speed from which it stops within a distance: v = a (sqrt(t^2 + 2 s / a) - t); 0 where there is none.

        Args:
            free_m: Distance that its body can go.
        """
        free = np.maximum(np.asarray(free_m, np.float64), 0.0)
        a, t = self.acceleration_m_s2, self.latency_s
        return np.asarray(a * (np.sqrt(t * t + 2.0 * free / a) - t))
