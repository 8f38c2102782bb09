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
        lasting_m2: The part of it that the next measurements repeat; none if absent.
        speed_m_per_s: Standard deviation of the velocity, which is taken for zero at first.
        acceleration: How much velocity changes: standard deviation after a second, m/s.
    Source: Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation, Wiley 2001,
        section 6.2.2: white noise acceleration, with Q = q [[t^3/3, t^2/2], [t^2/2, t]]; update by equations 5.2.3.
        An error that lasts cannot be told from the position: the filter follows their sum by what is new in each
        measurement, and the variance of that error is added at the end (Schmidt, Application of State-Space Methods to
        Navigation Problems, 1966, for a bias that no measurement tells of).

    >>> point = MovingPoint(np.zeros(3), 0.01 * np.eye(3), speed_m_per_s=10.0, acceleration=0.1)
    >>> point.predict(1.0)
    >>> point.update(np.array([1.0, 0.0, 0.0]), 0.01 * np.eye(3))
    >>> point.velocity_m_per_s.round(2).tolist()
    [1.0, 0.0, 0.0]
    """

    def __init__(
        self,
        position_m: Vector,
        covariance_m2: Matrix,
        speed_m_per_s: float = 2.0,
        acceleration: float = 1.0,
        lasting_m2: Matrix | None = None,
    ) -> None:
        self.state = np.concatenate([position_m, np.zeros(3)])
        self._lasting = np.zeros((3, 3)) if lasting_m2 is None else lasting_m2
        self._followed = np.zeros((6, 6))
        self._followed[:3, :3] = covariance_m2 - self._lasting
        self._followed[3:, 3:] = speed_m_per_s**2 * np.eye(3)
        self._density = acceleration**2

    @property
    def covariance(self) -> Float64[np.ndarray, "6 6"]:
        """Of position and velocity."""
        total = self._followed.copy()
        total[:3, :3] += self._lasting
        return total

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
        self._followed = step @ self._followed @ step.T + np.kron(noise, np.eye(3))

    def distance(self, position_m: Vector, covariance_m2: Matrix) -> float:
        """Squared Mahalanobis distance of a measurement."""
        off = position_m - self.position_m
        return float(off @ np.linalg.solve(self._followed[:3, :3] + covariance_m2, off))

    def update(self, position_m: Vector, covariance_m2: Matrix, lasting_m2: Matrix | None = None) -> None:
        """Takes in a measurement.

        Args:
            position_m: Where it is seen.
            covariance_m2: Of that position.
            lasting_m2: The part of it that the measurements share; none if absent.
        """
        noise = covariance_m2 if lasting_m2 is None else covariance_m2 - lasting_m2
        if self.distance(position_m, noise) > GATE:
            noise = covariance_m2  # another surface of the thing, or before it: all of the error is new
        gain = np.linalg.solve(self._followed[:3, :3] + noise, self._followed[:3]).T
        self.state = self.state + gain @ (position_m - self.position_m)
        # Joseph's form keeps the covariance symmetric and positive.
        left = np.eye(6)
        left[:, :3] -= gain
        self._followed = left @ self._followed @ left.T + gain @ noise @ gain.T
        self._lasting = np.zeros((3, 3)) if lasting_m2 is None else lasting_m2
