"""The pinhole camera, and the lens in front of it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError, require_number, require_whole

DistortionModel = Literal["radtan", "equidistant"]

# Coefficient counts that OpenCV knows: radtan is k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [tx ty]]]]
# (none at all is an ideal lens), equidistant is the fisheye model's k1 k2 k3 k4.
_COEFFICIENT_COUNTS: dict[DistortionModel, tuple[int, ...]] = {"radtan": (0, 4, 5, 8, 12, 14), "equidistant": (4,)}


@dataclass(frozen=True)
class Pinhole:
    """An ideal camera without distortion. Pixel centres are integers.

    Args:
        focal_x_px: Horizontal focal length, > 0.
        focal_y_px: Vertical focal length, > 0.
        center_x_px: Column of the principal point.
        center_y_px: Row of the principal point.
        height: Rows of its images.
        width: Columns of its images.
    Raises:
        CalibrationError: If a focal length or a size is not positive and finite, a size is no whole number, or
            something is no number at all.
    Example:
        >>> camera = Pinhole(500.0, 500.0, 319.5, 239.5, height=480, width=640)
        >>> half = camera.scaled(240, 320)
        >>> half.focal_x_px, half.center_x_px
        (250.0, 159.5)
    """

    focal_x_px: float
    focal_y_px: float
    center_x_px: float
    center_y_px: float
    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuses cameras that cannot exist."""
        for name in ("focal_x_px", "focal_y_px", "center_x_px", "center_y_px", "height", "width"):
            require_number(getattr(self, name), name, CalibrationError)
        for name in ("focal_x_px", "focal_y_px", "height", "width"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise CalibrationError(f"expected a positive {name}, got {value}; check the calibration file")
        require_whole(self.height, "height", CalibrationError)
        require_whole(self.width, "width", CalibrationError)
        if not (np.isfinite(self.center_x_px) and np.isfinite(self.center_y_px)):
            raise CalibrationError("expected a finite principal point; check the calibration file")

    @property
    def relative_focal(self) -> float:
        """Focal length over the side of a square with the image's area: sqrt(fx fy / (height width)).

        Resizing keeps it, cropping raises it. 1 at 4:3 is a horizontal field of view of 60 degrees.
        """
        return float(np.sqrt(self.focal_x_px * self.focal_y_px / (self.height * self.width)))

    @property
    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """The intrinsic matrix K, float64."""
        return np.array(
            [[self.focal_x_px, 0.0, self.center_x_px], [0.0, self.focal_y_px, self.center_y_px], [0.0, 0.0, 1.0]]
        )

    def scaled(self, height: int, width: int) -> "Pinhole":
        """The same camera after its images were resized to (height, width).

        Pixel centres shift: cx' = (cx + 0.5) s - 0.5.
        """
        require_whole(height, "height", CalibrationError)
        require_whole(width, "width", CalibrationError)
        scale_x, scale_y = width / self.width, height / self.height
        return Pinhole(
            self.focal_x_px * scale_x,
            self.focal_y_px * scale_y,
            (self.center_x_px + 0.5) * scale_x - 0.5,
            (self.center_y_px + 0.5) * scale_y - 0.5,
            height,
            width,
        )


@dataclass(frozen=True)
class DistortedCamera:
    """A pinhole camera behind a real lens: its images are not yet undistorted.

    Args:
        camera: Intrinsics of the distorted images, without skew.
        distortion: Coefficients in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [tx ty]]]] for radtan
            (0, 4, 5, 8, 12 or 14 numbers), k1 k2 k3 k4 for equidistant.
        model: radtan (Brown-Conrady) or equidistant (Kannala-Brandt fisheye).
    Raises:
        CalibrationError: If the number of coefficients does not fit the model or one is not finite.
    """

    camera: Pinhole
    distortion: tuple[float, ...]
    model: DistortionModel

    def __post_init__(self) -> None:
        """Refuses coefficients that the model does not have."""
        counts = _COEFFICIENT_COUNTS.get(self.model)
        if counts is None:
            raise CalibrationError(
                f"expected distortion model radtan or equidistant, got {self.model!r}; recalibrate with one of them"
            )
        if not isinstance(self.camera, Pinhole):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise CalibrationError(f"expected a Pinhole as camera, got {type(self.camera).__name__}; build one")
        try:
            numbers = np.asarray(self.distortion, dtype=np.float64)
        except (TypeError, ValueError):
            numbers = np.zeros(())
        if numbers.ndim != 1:
            raise CalibrationError(f"expected distortion as numbers in a row, got {self.distortion!r:.60}; flatten it")
        if len(self.distortion) not in counts:
            raise CalibrationError(
                f"expected {' or '.join(map(str, counts))} {self.model} coefficients, got {len(self.distortion)}; "
                "check the calibration file"
            )
        if not np.isfinite(self.distortion).all():
            raise CalibrationError(f"expected finite distortion, got {self.distortion}; check the calibration file")

    def scaled(self, height: int, width: int) -> "DistortedCamera":
        """The same camera after its images were resized to (height, width); the coefficients do not change."""
        return DistortedCamera(self.camera.scaled(height, width), self.distortion, self.model)
