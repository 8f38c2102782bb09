"""The pinhole camera."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from leadline.errors import CalibrationError


@dataclass(frozen=True)
class Pinhole:
    """An ideal camera without distortion. Pixel centres are integers.

    Args:
        focal_x_px: Horizontal focal length, > 0.
        focal_y_px: Vertical focal length, > 0.
        center_x_px: Column of the principal point.
        center_y_px: Row of the principal point.
        height: Rows of its pictures.
        width: Columns of its pictures.
    Raises:
        CalibrationError: If a focal length or a size is not positive and finite.
    """

    focal_x_px: float
    focal_y_px: float
    center_x_px: float
    center_y_px: float
    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuses cameras that cannot exist."""
        for name in ("focal_x_px", "focal_y_px", "height", "width"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise CalibrationError(f"expected a positive {name}, got {value}; check the calibration file")
        if not (np.isfinite(self.center_x_px) and np.isfinite(self.center_y_px)):
            raise CalibrationError("expected a finite principal point; check the calibration file")

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """The intrinsic matrix K, float64."""
        return np.array(
            [[self.focal_x_px, 0.0, self.center_x_px], [0.0, self.focal_y_px, self.center_y_px], [0.0, 0.0, 1.0]]
        )

    def scaled(self, height: int, width: int) -> "Pinhole":
        """The same camera after its pictures were resized to (height, width).

        Pixel centres shift: cx' = (cx + 0.5) s - 0.5.
        """
        scale_x, scale_y = width / self.width, height / self.height
        return Pinhole(
            self.focal_x_px * scale_x,
            self.focal_y_px * scale_y,
            (self.center_x_px + 0.5) * scale_x - 0.5,
            (self.center_y_px + 0.5) * scale_y - 0.5,
            height,
            width,
        )
