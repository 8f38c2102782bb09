"""A Kalman filter of a point that moves at nearly constant velocity in space."""

from typing import Final

import numpy as np
from jaxtyping import Float64

Vector = Float64[np.ndarray, "3"]
Matrix = Float64[np.ndarray, "3 3"]

GATE: Final = 16.27
"""Squared Mahalanobis distance that 99.9 % of the right positions stay below: the chi-squared quantile of 3 degrees."""


class MovingPoint:
    """Position and velocity with their covariance.

    Args:
        position_m: Where it was first seen.
        covariance_m2: Of that position.
        speed_m_per_s: Standard deviation of the velocity, which is taken for zero at first.
        acceleration: How much velocity changes: standard deviation after a second, m/s.
    Source: Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation, Wiley 2001,
        section 6.2.2: white noise acceleration, with Q = q [[t^3/3, t^2/2], [t^2/2, t]]; update by equations 5.2.3.

    >>> point = MovingPoint(np.zeros(3), 0.01 * np.eye(3), speed_m_per_s=10.0, acceleration=0.1)
    >>> point.predict(1.0)
    >>> point.update(np.array([1.0, 0.0, 0.0]), 0.01 * np.eye(3))
    >>> point.velocity_m_per_s.round(2).tolist()
    [1.0, 0.0, 0.0]
    """

    def __init__(
        self, position_m: Vector, covariance_m2: Matrix, speed_m_per_s: float = 2.0, acceleration: float = 1.0
    ) -> None:
        self.state = np.concatenate([position_m, np.zeros(3)])
        self.covariance = np.zeros((6, 6))
        self.covariance[:3, :3] = covariance_m2
        self.covariance[3:, 3:] = speed_m_per_s**2 * np.eye(3)
        self._density = acceleration**2

    @property
    def position_m(self) -> Vector:
        """Where it is."""
        return self.state[:3]

    @property
    def velocity_m_per_s(self) -> Vector:
        """How it moves."""
        return self.state[3:]

    def predict(self, seconds: float) -> None:
        """Moves it on in time."""
        step = np.eye(6)
        step[:3, 3:] = seconds * np.eye(3)
        noise = self._density * np.array([[seconds**3 / 3.0, seconds**2 / 2.0], [seconds**2 / 2.0, seconds]])
        self.state = step @ self.state
        self.covariance = step @ self.covariance @ step.T + np.kron(noise, np.eye(3))

    def distance(self, position_m: Vector, covariance_m2: Matrix) -> float:
        """Squared Mahalanobis distance of a measurement."""
        off = position_m - self.position_m
        return float(off @ np.linalg.solve(self.covariance[:3, :3] + covariance_m2, off))

    def update(self, position_m: Vector, covariance_m2: Matrix) -> None:
        """Takes in a measurement."""
        gain = np.linalg.solve(self.covariance[:3, :3] + covariance_m2, self.covariance[:3]).T
        self.state = self.state + gain @ (position_m - self.position_m)
        # Joseph's form keeps the covariance symmetric and positive.
        left = np.eye(6)
        left[:, :3] -= gain
        self.covariance = left @ self.covariance @ left.T + gain @ covariance_m2 @ gain.T
