"""Rectification: both views as if taken by one camera that moved sideways, so that matches lie on one row."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64

from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.geometry.image import Image
from leadline.geometry.lens import corner_radius, ideal_radius, reach, within_reach
from leadline.geometry.rig import StereoRig, UnrectifiedRig

_BAND_ROWS = 128
# Where the lens says nothing: far outside of any image.
_NOWHERE = np.float32(-10_000.0)
# A plane cannot show more than half a turn, and near it pixels stretch without bound: keep 60 degrees off the axis.
_MAX_TANGENT = float(np.tan(np.deg2rad(60.0)))


@dataclass(frozen=True, eq=False)
class Rectification:
    """Maps from the pixels of two rectified images to those of the raw ones.

    Args:
        left_map: Place (x, y) in the given left image for each pixel of the rectified one.
        right_map: The same for the right view.
        left_size: (height, width) of the left images that it takes.
        right_size: (height, width) of the right images that it takes.
        rig: The cameras of the rectified images; None if uncalibrated, and then depth is known only up to scale.
    """

    left_map: Float32[np.ndarray, "h w 2"]
    right_map: Float32[np.ndarray, "h w 2"]
    left_size: tuple[int, int]
    right_size: tuple[int, int]
    rig: StereoRig | None

    @cached_property
    def seen(self) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
        """Masks of the pixels of each rectified image that its camera recorded; elsewhere it is black."""
        return _inside(self.left_map, self.left_size), _inside(self.right_map, self.right_size)

    def apply(self, left: Image, right: Image) -> tuple[Image, Image]:
        """Rectifies one pair of images (bicubic; black where nothing was seen).

        Raises:
            InputError: If an image has another size than the calibration.
        """
        for image, size, name in ((left, self.left_size, "left"), (right, self.right_size, "right")):
            if image.shape[:2] != size:
                raise InputError(
                    f"expected a {name} image of {size} (height, width) as calibrated, got {image.shape[:2]}; "
                    "scale the calibration with rig.scaled(height, width) first"
                )
        return _remapped(left, self.left_map), _remapped(right, self.right_map)


def rectify(rig: UnrectifiedRig, alpha: float = 0.0) -> Rectification:
    """Rectifies a calibrated rig; the two new cameras share focal length and principal point, so doffs is 0.

    Each view is turned by half of the relative rotation and then both together until the baseline is the x axis
    (`cv2.stereoRectify`). Frame and focal length are chosen here, from the borders of both views, because
    OpenCV does that differently for each lens model, poorly for fisheyes, and not at all for a mixed pair.

    Args:
        rig: Cameras with distortion and their transform.
        alpha: 0 keeps only pixels that both cameras saw, 1 keeps all (black borders), between is between. No ray
            further than 60 degrees from the new axis is kept.
    Returns:
        Maps and the new rig, at the left camera's size; the baseline keeps its length.
    Raises:
        CalibrationError: If the right camera is not to the right of the left one, or the views hardly overlap.
        InputError: If alpha is not in [0, 1].
    Source: Bouguet's algorithm as in Bradski and Kaehler 2008, chapter 12.
    Example:
        >>> lens = DistortedCamera(Pinhole(500.0, 500.0, 319.5, 239.5, 480, 640), (), "radtan")
        >>> right_from_left = np.eye(4)
        >>> right_from_left[0, 3] = -0.12
        >>> rectified = rectify(UnrectifiedRig(lens, lens, right_from_left)).rig
        >>> round(rectified.baseline_m, 6), rectified.doffs_px
        (0.12, 0.0)
    """
    if not 0.0 <= alpha <= 1.0:
        raise InputError(f"expected alpha in [0, 1], got {alpha}; 0 keeps only valid pixels, 1 keeps all")
    _check_arrangement(rig)
    turn_left, turn_right = _rectifying_rotations(rig)
    frames = [_frame(rig.left, turn_left), _frame(rig.right, turn_right)]
    inner = _overlap([inner for inner, _ in frames])
    outer = _union([outer for _, outer in frames])
    camera = _camera_between(inner, outer, alpha, rig.left.camera.height, rig.left.camera.width)
    return Rectification(
        _undistortion_map(rig.left, turn_left, camera),
        _undistortion_map(rig.right, turn_right, camera),
        (rig.left.camera.height, rig.left.camera.width),
        (rig.right.camera.height, rig.right.camera.width),
        StereoRig(camera, camera, rig.baseline_m),
    )


def _inside(source: Float32[np.ndarray, "h w 2"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    columns, rows = source[..., 0], source[..., 1]
    return (columns >= 0) & (columns <= size[1] - 1) & (rows >= 0) & (rows <= size[0] - 1)


def _remapped(image: Image, source: Float32[np.ndarray, "h w 2"]) -> Image:
    warped: np.ndarray = np.asarray(
        cv2.remap(image, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT),
        dtype=image.dtype,
    )
    if np.issubdtype(image.dtype, np.floating):
        # Bicubic weights overshoot at edges; integer images are clipped by OpenCV.
        warped = np.clip(warped, image.min(), image.max())
    return warped


def _check_arrangement(rig: UnrectifiedRig) -> None:
    """Refuses rigs that no horizontal rectification fits."""
    transform = rig.right_from_left
    # Place of the right camera seen from halfway between both orientations.
    rotation_vector = np.asarray(cv2.Rodrigues(transform[:3, :3])[0], dtype=np.float64)
    half_turn = np.asarray(cv2.Rodrigues(rotation_vector / 2.0)[0], dtype=np.float64)
    x, y, z = -half_turn.T @ transform[:3, 3]
    if float(np.linalg.norm(rotation_vector)) > np.pi / 2.0:
        raise CalibrationError(
            "expected cameras that look the same way, got them turned by more than 90 degrees; check the extrinsics"
        )
    if abs(y) > abs(x):
        raise CalibrationError(
            f"expected cameras side by side, got a vertical pair (offset {y:+.3f} m down, {x:+.3f} m right); "
            "turn both images and their calibration by 90 degrees"
        )
    if abs(z) > abs(x):
        raise CalibrationError(
            f"expected cameras side by side, got one in front of the other (offset {z:+.3f} m forward, {x:+.3f} m "
            "right); check that the transform is right_from_left"
        )
    if x < 0:
        raise CalibrationError(
            f"expected the right camera to the right of the left one, got it {-x:.3f} m to the left; "
            "exchange the views or the cameras (rig.exchanged()), or invert the transform if it is left_from_right"
        )


def _rectifying_rotations(rig: UnrectifiedRig) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3 3"]]:
    """Rotations from each camera's frame to the rectified one; they do not depend on the lenses."""
    size = (rig.left.camera.width, rig.left.camera.height)
    rotation, translation = rig.right_from_left[:3, :3].copy(), rig.right_from_left[:3, 3:].copy()
    found = cv2.stereoRectify(
        rig.left.camera.matrix, np.zeros(4), rig.right.camera.matrix, np.zeros(4), size, rotation, translation
    )
    return np.asarray(found[0], dtype=np.float64), np.asarray(found[1], dtype=np.float64)


def _frame(
    lens: DistortedCamera, turn: Float64[np.ndarray, "3 3"]
) -> tuple[Float64[np.ndarray, "4"], Float64[np.ndarray, "4"]]:
    """Inner and outer rectangle (x0, y0, x1, y1) of an image on the rectified plane at unit distance."""
    count = 33
    xs, ys = np.linspace(0.0, lens.camera.width - 1.0, count), np.linspace(0.0, lens.camera.height - 1.0, count)
    sides = [
        np.stack([np.full(count, xs[0]), ys], axis=1),
        np.stack([xs, np.full(count, ys[0])], axis=1),
        np.stack([np.full(count, xs[-1]), ys], axis=1),
        np.stack([xs, np.full(count, ys[-1])], axis=1),
    ]
    left, top, right, bottom = (_on_plane(lens, turn, side) for side in sides)
    inner = [left[:, 0].max(), top[:, 1].max(), right[:, 0].min(), bottom[:, 1].min()]
    outer = [left[:, 0].min(), top[:, 1].min(), right[:, 0].max(), bottom[:, 1].max()]
    return np.array(inner), np.array(outer)


def _on_plane(
    lens: DistortedCamera, turn: Float64[np.ndarray, "3 3"], pixels: Float64[np.ndarray, "n 2"]
) -> Float64[np.ndarray, "n 2"]:
    """Pixels of a distorted image on the rectified plane at unit distance, limited to 60 degrees."""
    matrix, distortion = lens.camera.matrix, np.array(lens.distortion)
    points = pixels.reshape(-1, 1, 2)
    if lens.model == "equidistant":
        # Solved as an angle, not as a tangent, because a fisheye sees past 90 degrees.
        normal = (pixels - matrix[:2, 2]) / matrix[[0, 1], [0, 1]]
        theta = _fisheye_angle(np.linalg.norm(normal, axis=1), distortion)
        azimuth = np.arctan2(normal[:, 1], normal[:, 0])
        rays = np.stack([np.sin(theta) * np.cos(azimuth), np.sin(theta) * np.sin(azimuth), np.cos(theta)], axis=1)
    else:
        flat = _undistorted(lens, points)
        rays = np.hstack([flat, np.ones((len(flat), 1))])
    turned = rays @ turn.T
    depth = np.maximum(turned[:, 2:], 1e-6 * np.linalg.norm(turned, axis=1, keepdims=True))
    return np.clip(turned[:, :2] / depth, -_MAX_TANGENT, _MAX_TANGENT)


def _undistorted(lens: DistortedCamera, points: Float64[np.ndarray, "n 1 2"]) -> Float64[np.ndarray, "n 2"]:
    """Pixels on the ideal plane; those beyond a polynomial that turns back inside the image, at its turn."""
    if reach(lens)[1] > 1.5 * corner_radius(lens.camera):
        found = cv2.undistortPoints(points, lens.camera.matrix, np.array(lens.distortion))
        return np.asarray(found, dtype=np.float64).reshape(-1, 2)
    matrix = lens.camera.matrix
    normal = (points.reshape(-1, 2) - matrix[:2, 2]) / matrix[[0, 1], [0, 1]]
    radius = np.linalg.norm(normal, axis=1)
    return normal * (ideal_radius(lens, radius) / np.maximum(radius, 1e-9))[:, None]


def _fisheye_angle(
    radius: Float64[np.ndarray, " n"], distortion: Float64[np.ndarray, "4"]
) -> Float64[np.ndarray, " n"]:
    """Angle theta off the axis with theta (1 + k1 theta^2 + k2 theta^4 + ...) = radius, by bisection on [0, pi]."""
    low, high = np.zeros_like(radius), np.full_like(radius, np.pi)
    for _ in range(50):
        middle = (low + high) / 2.0
        squared = middle**2
        image = middle * (1.0 + squared * np.polyval(distortion[::-1], squared))
        below = image < radius
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2.0


def _overlap(rectangles: list[Float64[np.ndarray, "4"]]) -> Float64[np.ndarray, "4"]:
    both = np.array(rectangles)
    overlap = np.concatenate([both[:, :2].max(axis=0), both[:, 2:].min(axis=0)])
    if (overlap[2:] - overlap[:2] < 0.1 * (both[:, 2:] - both[:, :2]).max(axis=0)).any():
        raise CalibrationError(
            "expected two views that overlap after rectification, got almost none; check the distortion coefficients "
            "and the extrinsics"
        )
    return overlap


def _union(rectangles: list[Float64[np.ndarray, "4"]]) -> Float64[np.ndarray, "4"]:
    both = np.array(rectangles)
    return np.concatenate([both[:, :2].min(axis=0), both[:, 2:].max(axis=0)])


def _camera_between(
    inner: Float64[np.ndarray, "4"], outer: Float64[np.ndarray, "4"], alpha: float, height: int, width: int
) -> Pinhole:
    """The camera of the given size with square pixels that shows the rectangle between inner and outer."""
    steps = np.array([width - 1.0, height - 1.0])
    # The inner rectangle must fill the image, the outer one must fit into it.
    focal_inner = float((steps / (inner[2:] - inner[:2])).max())
    focal_outer = float((steps / (outer[2:] - outer[:2])).min())
    focal = (1.0 - alpha) * focal_inner + alpha * focal_outer
    middle = (1.0 - alpha) * (inner[:2] + inner[2:]) / 2.0 + alpha * (outer[:2] + outer[2:]) / 2.0
    center = steps / 2.0 - focal * middle
    return Pinhole(focal, focal, float(center[0]), float(center[1]), height, width)


def _undistortion_map(
    lens: DistortedCamera, turn: Float64[np.ndarray, "3 3"], camera: Pinhole
) -> Float32[np.ndarray, "h w 2"]:
    size, distortion = (camera.width, camera.height), np.array(lens.distortion)
    init = cv2.fisheye.initUndistortRectifyMap if lens.model == "equidistant" else cv2.initUndistortRectifyMap
    columns, rows = init(lens.camera.matrix, distortion, turn, camera.matrix, size, cv2.CV_32FC1)
    source = np.stack([np.asarray(columns), np.asarray(rows)], axis=2)
    for top in range(0, camera.height, _BAND_ROWS):
        band = source[top : top + _BAND_ROWS]
        down, across = np.mgrid[top : top + band.shape[0], 0 : camera.width].astype(np.float64)
        plane = [(across - camera.center_x_px) / camera.focal_x_px, (down - camera.center_y_px) / camera.focal_y_px]
        rays = np.stack([*plane, np.ones_like(across)], axis=-1) @ turn
        band[~within_reach(lens, rays)] = _NOWHERE
    return source
