"""Two cameras side by side, before and after rectification."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError, require_number, require_whole
from leadline.geometry.camera import DistortedCamera, Pinhole


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
        _require(Pinhole, self.left, self.right)
        require_number(self.baseline_m, "baseline_m", CalibrationError)
        if not (np.isfinite(self.baseline_m) and self.baseline_m > 0):
            raise CalibrationError(
                f"expected a positive baseline in metres, got {self.baseline_m}; check the calibration and its units"
            )
        if (self.left.height, self.left.width) != (self.right.height, self.right.width):
            raise CalibrationError("expected two cameras of one image size; calibrate both at the same resolution")
        if not np.isclose(self.left.focal_x_px, self.right.focal_x_px, rtol=1e-4):
            raise CalibrationError(
                f"expected one focal length for both cameras, got {self.left.focal_x_px} and "
                f"{self.right.focal_x_px} px; run `leadline rectify` first"
            )

    @classmethod
    def from_focal(cls, height: int, width: int, focal_px: float, baseline_m: float) -> "StereoRig":
        """The rig of rectified images whose optical axis goes through the middle of both.

        >>> StereoRig.from_focal(480, 640, 500.0, 0.12).left.center_x_px
        319.5

        Args:
            height: Rows of the images.
            width: Columns of the images.
            focal_px: Focal length in pixels of these images.
            baseline_m: Distance between the optical centres in metres.
        Raises:
            CalibrationError: If a number is not positive.
        """
        require_whole(height, "height", CalibrationError)
        require_whole(width, "width", CalibrationError)
        camera = Pinhole(focal_px, focal_px, (width - 1) / 2.0, (height - 1) / 2.0, height, width)
        return cls(camera, camera, baseline_m)

    @classmethod
    def from_fov(cls, height: int, width: int, fov_deg: float, baseline_m: float) -> "StereoRig":
        """The rig of rectified images by their field of view, the optical axis through the middle of both.

        >>> round(StereoRig.from_fov(480, 640, 90.0, 0.12).left.focal_x_px, 6)
        320.0

        Args:
            height: Rows of the images.
            width: Columns of the images.
            fov_deg: Angle across the width, degrees, between 0 and 180.
            baseline_m: Distance between the optical centres in metres.
        Raises:
            CalibrationError: If a number is out of range.
        """
        require_number(fov_deg, "fov_deg", CalibrationError)
        require_whole(width, "width", CalibrationError)
        if not 0.0 < fov_deg < 180.0:
            raise CalibrationError(f"expected a field of view between 0 and 180 degrees, got {fov_deg}")
        return cls.from_focal(height, width, width / (2.0 * float(np.tan(np.deg2rad(fov_deg) / 2.0))), baseline_m)

    @property
    def doffs_px(self) -> float:
        """cx_right - cx_left: what is added to a disparity before it becomes depth."""
        return self.right.center_x_px - self.left.center_x_px

    def scaled(self, height: int, width: int) -> "StereoRig":
        """The same rig after both images were resized to (height, width)."""
        return StereoRig(self.left.scaled(height, width), self.right.scaled(height, width), self.baseline_m)


@dataclass(frozen=True, eq=False)
class UnrectifiedRig:
    """Two cameras as they were built and calibrated: distorted, and not quite parallel.

    Args:
        left: The left (reference) camera.
        right: The right camera; it may differ in every respect.
        right_from_left: Rigid transform of points, x_right = right_from_left @ x_left, translation in metres.
    Raises:
        CalibrationError: If the transform is not rigid and finite, or its translation is zero.
    """

    left: DistortedCamera
    right: DistortedCamera
    right_from_left: Float64[np.ndarray, "4 4"]

    def __post_init__(self) -> None:
        """Refuses transforms that no pair of cameras can have."""
        transform = self.right_from_left
        if not isinstance(transform, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise CalibrationError(
                f"expected a 4x4 array as right_from_left, got {type(transform).__name__}; give np.array(...)"
            )
        if transform.shape != (4, 4) or not np.isfinite(transform).all():
            raise CalibrationError(
                "expected a finite 4x4 right_from_left; check the extrinsics in the calibration file"
            )
        _require(DistortedCamera, self.left, self.right)
        rotation = transform[:3, :3]
        rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) and np.linalg.det(rotation) > 0
        if not (rigid and np.allclose(transform[3], [0.0, 0.0, 0.0, 1.0])):
            raise CalibrationError(
                "expected right_from_left to be a rotation and a translation, got another matrix; "
                "check the extrinsics in the calibration file"
            )
        if self.baseline_m == 0:
            raise CalibrationError("expected two cameras apart, got a zero translation; check the calibration file")

    def exchanged(self) -> "UnrectifiedRig":
        """The same rig with the other camera first: for files that calibrate the right camera first."""
        inverse = np.eye(4)
        inverse[:3, :3] = self.right_from_left[:3, :3].T
        inverse[:3, 3] = -inverse[:3, :3] @ self.right_from_left[:3, 3]
        return UnrectifiedRig(self.right, self.left, inverse)

    @property
    def right_first(self) -> bool:
        """Whether the first camera stands on the right of the second one."""
        center = -self.right_from_left[:3, :3].T @ self.right_from_left[:3, 3]
        return bool(center[0] < 0 and abs(center[0]) > abs(center[1:]).max())

    @property
    def baseline_m(self) -> float:
        """Distance between the optical centres in metres."""
        return float(np.linalg.norm(self.right_from_left[:3, 3]))

    def scaled(self, height: int, width: int) -> "UnrectifiedRig":
        """The same rig after both images were resized to (height, width)."""
        return UnrectifiedRig(self.left.scaled(height, width), self.right.scaled(height, width), self.right_from_left)


def _require(kind: type[Pinhole] | type[DistortedCamera], *cameras: object) -> None:
    """Refuses cameras of another kind."""
    for camera in cameras:
        if not isinstance(camera, kind):
            raise CalibrationError(f"expected a {kind.__name__} as camera, got {type(camera).__name__}; build one")
