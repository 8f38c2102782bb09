"""Two cameras side by side: a rectified rig."""

from dataclasses import dataclass

import numpy as np

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole


@dataclass(frozen=True)
class StereoRig:
    """A rectified pair of cameras: same rows, same focal length, the right one `baseline_m` to the right.

    Args:
        left: The left (reference) camera.
        right: The right camera; same size and focal length as the left one.
        baseline_m: Distance between the optical centres in metres, > 0.
    Raises:
        CalibrationError: If the baseline is not positive or the two cameras do not match.
    """

    left: Pinhole
    right: Pinhole
    baseline_m: float

    def __post_init__(self) -> None:
        """Refuses rigs that are not rectified or have no baseline."""
        if not (np.isfinite(self.baseline_m) and self.baseline_m > 0):
            raise CalibrationError(
                f"expected a positive baseline in metres, got {self.baseline_m}; check the calibration and its units"
            )
        if (self.left.height, self.left.width) != (self.right.height, self.right.width):
            raise CalibrationError("expected two cameras of one picture size; calibrate both at the same resolution")
        if not np.isclose(self.left.focal_x_px, self.right.focal_x_px, rtol=1e-4):
            raise CalibrationError(
                f"expected one focal length for both cameras, got {self.left.focal_x_px} and "
                f"{self.right.focal_x_px} px; run `leadline rectify` first"
            )

    @property
    def doffs_px(self) -> float:
        """cx_right - cx_left: what is added to a disparity before it becomes depth."""
        return self.right.center_x_px - self.left.center_x_px

    def scaled(self, height: int, width: int) -> "StereoRig":
        """The same rig after both pictures were resized to (height, width)."""
        return StereoRig(self.left.scaled(height, width), self.right.scaled(height, width), self.baseline_m)
