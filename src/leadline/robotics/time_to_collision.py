"""Time to collision: how long until what lies ahead is reached, if nothing changes its speed."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64

from leadline.errors import InputError
from leadline.robotics.tof_frame import TofFrame

WINDOW_S: Final = 0.5
"""Past over which the closing speed is fitted: 8 frames at 15 Hz. Longer is steadier but later."""

LATENCY_S: Final = 0.08
"""Age of a frame when it is read: half of the exposure, processing, and the bus; as a recorded flight towards a panel
shows against motion capture."""

_FEWEST: Final = 3
_LEAST_SPREAD_S: Final = 0.1
_SLOWEST_M_S: Final = 0.02
"""Slower than this is standing still: a sensor's noise over a window is as large."""
_JUMP_M: Final = 0.3
"""A change from frame to frame by more is another surface, not motion: 4.5 m/s at 15 Hz."""


@dataclass(frozen=True, eq=False)
class Closing:
    """What approaches, for each zone or series.

    Args:
        distance_m: Fitted at the last time, less what is covered within the latency; NaN where not known.
        speed_m_s: Closing speed, positive when it comes nearer; NaN where not known.
        time_s: Until it is reached; inf where it does not approach; NaN where not known.
        sigma_s: Standard deviation of that time from the residuals of the fit; NaN where it is not finite.
    """

    distance_m: Float64[np.ndarray, "*zones"]
    speed_m_s: Float64[np.ndarray, "*zones"]
    time_s: Float64[np.ndarray, "*zones"]
    sigma_s: Float64[np.ndarray, "*zones"]


def time_to_collision(
    times_s: Float[np.ndarray, " t"],
    distances_m: Float[np.ndarray, "n *zones"],
    valid: Bool[np.ndarray, "n *zones"] | None = None,
    *,
    latency_s: float = 0.0,
) -> Closing:
    """Distance over closing speed, from a straight line through each series of distances: tau = z / -(dz/dt).

    Distances that jump by more than 0.3 m to the next end the past: a zone that passes an edge sees another surface
    since then. At least 3 distances over 0.1 s are needed.

    Args:
        times_s: Increasing.
        distances_m: Along the direction of motion.
        valid: Which of them are known; those that are finite if absent.
        latency_s: Age of the last distance now; the result is for now.
    Raises:
        InputError: If times do not increase, or there is another number of them than of distances.
    Source: Lee, A theory of visual control of braking based on information about time-to-collision, Perception 1976.
    Example:
        >>> found = time_to_collision(np.array([0.0, 0.1, 0.2]), np.array([1.2, 1.1, 1.0]))
        >>> round(float(found.speed_m_s), 6), round(float(found.time_s), 6)
        (1.0, 1.0)
    """
    times, series = np.asarray(times_s, np.float64), np.asarray(distances_m, np.float64)
    if len(times) != len(series):
        raise InputError(f"expected as many times as distances, got {len(times)} and {len(series)}")
    if len(times) > 1 and not bool((np.diff(times) > 0).all()):
        raise InputError("expected times that increase, got others; leave out frames whose clock goes backwards")
    known = np.isfinite(series) if valid is None else valid & np.isfinite(series)
    known = known.reshape(len(times), -1)
    flat = np.where(known, series.reshape(len(times), -1), 0.0)
    ages = (times - times[-1])[:, None] if len(times) else np.zeros((0, 1))
    line = _line(ages, flat, _since_jump(flat, known))
    shape = series.shape[1:]
    speed = -line.slope
    distance = np.where(line.good, line.last - np.maximum(speed, 0.0) * latency_s, np.nan)
    distance = np.maximum(distance, 0.0)
    approaching = line.good & (speed > _SLOWEST_M_S)
    time = np.where(approaching, distance / np.where(approaching, speed, 1.0), np.where(line.good, np.inf, np.nan))
    share = line.slope_sigma / np.where(approaching, speed, 1.0)
    sigma = np.where(approaching, np.where(approaching, time, 0.0) * share, np.nan)
    speed = np.where(line.good, speed, np.nan)
    return Closing(distance.reshape(shape), speed.reshape(shape), time.reshape(shape), sigma.reshape(shape))


@dataclass
class CollisionClock:
    """Time to collision of every zone while frames come in.

    Args:
        window_s: Past over which the closing speed is fitted.
        latency_s: Age of a frame when it comes in.
    Example:
        >>> clock = CollisionClock(latency_s=0.0)
        >>> for i in range(5):
        ...     frame = TofFrame.from_status(np.full((4, 4), 2.0 - 0.1 * i), np.full((4, 4), 5), time_s=0.1 * i)
        ...     closing = clock.update(frame)
        >>> round(float(closing.time_s[0, 0]), 3)
        1.6
    """

    window_s: float = WINDOW_S
    latency_s: float = LATENCY_S
    _frames: deque[TofFrame] = field(default_factory=lambda: deque[TofFrame](), repr=False)

    def update(self, frame: TofFrame) -> Closing:
        """Takes a frame; a frame of the same or an earlier time, or of another size, starts anew.

        Args:
            frame: The next one.
        """
        last = self._frames[-1] if self._frames else None
        if last is not None and (frame.time_s <= last.time_s or frame.size != last.size):
            self._frames.clear()
        self._frames.append(frame)
        while self._frames[0].time_s < frame.time_s - self.window_s - 1e-9:
            self._frames.popleft()
        times = np.array([each.time_s for each in self._frames])
        metres = np.stack([each.distances_m for each in self._frames]).astype(np.float64)
        valid = np.stack([each.valid for each in self._frames])
        return time_to_collision(times, metres, valid, latency_s=self.latency_s)


@dataclass(frozen=True, eq=False)
class _Line:
    """A straight line for each series; good where enough data determine it."""

    last: Float64[np.ndarray, " z"]
    slope: Float64[np.ndarray, " z"]
    slope_sigma: Float64[np.ndarray, " z"]
    good: Bool[np.ndarray, " z"]

    def at(self, ages: Float64[np.ndarray, "t 1"]) -> Float64[np.ndarray, "t z"]:
        return self.last[None] + self.slope[None] * ages


def _line(ages: Float64[np.ndarray, "t 1"], values: Float64[np.ndarray, "t z"], keep: Bool[np.ndarray, "t z"]) -> _Line:
    """Least squares through what is kept."""
    count = keep.sum(axis=0)
    divisor = np.maximum(count, 1)
    mean_age = (ages * keep).sum(axis=0) / divisor
    mean = (values * keep).sum(axis=0) / divisor
    centred = (ages - mean_age) * keep
    spread = np.square(centred).sum(axis=0)
    slope = (centred * values).sum(axis=0) / np.maximum(spread, 1e-12)
    last = mean - slope * mean_age
    residual = (values - last - slope * ages) * keep
    variance = np.square(residual).sum(axis=0) / np.maximum(count - 2, 1)
    oldest = np.where(keep, ages, 0.0).min(axis=0, initial=0.0)
    newest = np.where(keep, ages, -np.inf).max(axis=0, initial=-np.inf)
    good = (count >= _FEWEST) & (newest - oldest >= _LEAST_SPREAD_S)
    return _Line(last, slope, np.sqrt(variance / np.maximum(spread, 1e-12)), good)


def _since_jump(values: Float64[np.ndarray, "t z"], known: Bool[np.ndarray, "t z"]) -> Bool[np.ndarray, "t z"]:
    """What is known since the last jump of each series, from the newest back."""
    keep = np.zeros_like(known)
    alive = np.ones(known.shape[1], bool)
    newer = np.full(known.shape[1], np.nan)
    for i in reversed(range(len(values))):
        alive &= ~(known[i] & (np.abs(values[i] - newer) > _JUMP_M))
        keep[i] = known[i] & alive
        newer = np.where(known[i], values[i], newer)
    return keep
