"""Where the zones of a multi-zone time-of-flight sensor look."""

from dataclasses import dataclass
from math import degrees, radians, sqrt, tan
from typing import Final

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError, require_number
from leadline.robotics.tof_frame import SIZES, TofFrame

FIELD_DEG: Final = 45.0
"""Width, and height, of the field of view of a VL53L5CX or VL53L8CX."""


@dataclass(frozen=True)
class TofZones:
    """The frusta of n x n zones: equal squares of a plane at z = 1.

    The sensor's frame is x right, y down, z along the optical axis. Distances are z: VL53L5CX and VL53L8CX correct the
    radial time of flight to the perpendicular distance on the chip, so that a wall straight ahead has one distance in
    all zones. Such a field of 45 x 45 degrees has a diagonal of 60.7 degrees. ST states 65: its lens stretches the
    corners. ST's table of zone directions agrees with these squares within 0.5 degrees but for the three zones at each
    corner, of which it puts the outermost 4 degrees farther out, where a distance hardly changes what a robot does.

    Args:
        size: Rows, and columns: 4 or 8.
        field_deg: Full angle from the left edge to the right edge, and from top to bottom.
    Raises:
        InputError: If there are no such zones.
    Source: ST VL53L5CX and VL53L8CX data sheets (field of view 45 x 45, diagonal 65 degrees); ST community, "VL53L5CX:
        what does distance_mm mean", for the perpendicular distance.
    Example:
        >>> zones = TofZones()
        >>> zones.centers[0, 0].round(3).tolist(), round(zones.diagonal_deg, 1)
        ([-0.362, -0.362], 60.7)
    """

    size: int = 8
    field_deg: float = FIELD_DEG

    def __post_init__(self) -> None:
        """Refuses zones that cannot be."""
        require_number(self.field_deg, "field_deg")
        if self.size not in SIZES:
            raise InputError(f"expected 4 or 8 zones across, got {self.size}; such sensors have 4x4 or 8x8")
        if not 1.0 <= self.field_deg <= 170.0:
            raise InputError(f"expected a field of view from 1 to 170 degrees, got {self.field_deg:g}")

    @property
    def diagonal_deg(self) -> float:
        """Full angle from corner to corner."""
        return 2.0 * degrees(np.arctan(sqrt(2.0) * tan(radians(self.field_deg) / 2.0)))

    @property
    def edges(self) -> Float64[np.ndarray, " n1"]:
        """Boundaries of the zones, x / z from left to right, which are y / z from top to bottom, too."""
        return np.linspace(-1.0, 1.0, self.size + 1) * tan(radians(self.field_deg) / 2.0)

    @property
    def centers(self) -> Float64[np.ndarray, "n n 2"]:
        """Directions of the zones' centres as x / z and y / z."""
        middle = 0.5 * (self.edges[:-1] + self.edges[1:])
        return np.stack(np.meshgrid(middle, middle), axis=-1)

    @property
    def rays(self) -> Float64[np.ndarray, "n n 3"]:
        """Unit vectors to the centres: x right, y down, z ahead."""
        ahead = np.concatenate([self.centers, np.ones((self.size, self.size, 1))], axis=-1)
        return ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)

    @property
    def bounds(self) -> Float64[np.ndarray, "n n 4"]:
        """Left, top, right and bottom of each zone, as x / z and y / z."""
        left, top = np.meshgrid(self.edges[:-1], self.edges[:-1])
        right, bottom = np.meshgrid(self.edges[1:], self.edges[1:])
        return np.stack([left, top, right, bottom], axis=-1)

    @property
    def azimuths_rad(self) -> Float64[np.ndarray, " n"]:
        """Horizontal angle of each column's centre, positive to the right."""
        return np.arctan(0.5 * (self.edges[:-1] + self.edges[1:]))

    @property
    def zone_deg(self) -> float:
        """Mean angle across one zone."""
        return self.field_deg / self.size

    def points(self, frame: TofFrame) -> Float64[np.ndarray, "n n 3"]:
        """Points that the zones measured, in the sensor's frame; NaN where not valid.

        Args:
            frame: Of as many zones.
        Raises:
            InputError: If it has another number of zones.
        """
        self.require(frame)
        z = np.where(frame.valid, frame.distances_m, np.nan).astype(np.float64)
        return np.concatenate([self.centers * z[..., None], z[..., None]], axis=-1)

    def ranges_m(self, frame: TofFrame) -> Float64[np.ndarray, "n n"]:
        """Distances along the zones' rays, from the sensor to the target; NaN where not valid.

        Args:
            frame: Of as many zones.
        """
        return np.linalg.norm(self.points(frame), axis=-1)

    def require(self, frame: TofFrame) -> None:
        """Refuses a frame of another number of zones."""
        if frame.size != self.size:
            raise InputError(
                f"expected a frame of {self.size}x{self.size} zones, got {frame.size}x{frame.size}; "
                f"use TofZones({frame.size})"
            )
