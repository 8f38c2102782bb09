"""Limits of lens models: how far they reach, and which model four unnamed coefficients belong to."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from leadline.geometry.camera import DistortedCamera, DistortionModel, Pinhole

_LARGEST_TANGENT: Final = 8.0
"""Of the angles off the axis that a radial-tangential lens is followed to: 83 degrees."""
_SAMPLES: Final = 4001
_INSIDE: Final = 0.999

# Four coefficients without a name. Rectilinear lenses beyond 90 degrees of view are always strongly barrel-shaped in
# the
# radial-tangential model (k1 of -0.1 and less), while fisheye calibrations of the same lenses are near the ideal one.
_BARREL_K1: Final = -0.1
_BARREL_SHARE: Final = 0.85
_WIDE: Final = 1.0
_FISHEYE_WIDE: Final = 1.3
_LARGEST_TANGENTIAL: Final = 0.02


def _radial(lens: DistortedCamera, radius: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Distance from the principal point in the image (focal lengths) for one on the ideal plane, or for an angle."""
    squared = radius**2
    if lens.model == "equidistant":
        return radius * (1.0 + squared * np.polyval(lens.distortion[::-1], squared))
    k = [*lens.distortion, *([0.0] * (8 - len(lens.distortion)))] if len(lens.distortion) < 8 else lens.distortion
    top = 1.0 + squared * (k[0] + squared * (k[1] + squared * k[4]))
    bottom = 1.0 + squared * (k[5] + squared * (k[6] + squared * k[7]))
    with np.errstate(all="ignore"):
        return np.where(bottom > 0, radius * top / bottom, -np.inf)


def reach(lens: DistortedCamera) -> tuple[float, float]:
    """Radius at which a lens polynomial turns back, beyond which it is meaningless.

    Args:
        lens: The camera.
    Returns:
        The largest tangent (radtan) or angle (equidistant) off the axis before the turn, infinite where it does not
        turn within 83 degrees (equidistant: 180), and the distance from the principal point in focal lengths that it
        has there.
    """
    most = np.pi if lens.model == "equidistant" else _LARGEST_TANGENT
    radius = np.linspace(0.0, most, _SAMPLES)
    image = _radial(lens, radius)
    falling = np.flatnonzero(~(image[1:] > image[:-1]))
    if falling.size == 0:
        return np.inf, np.inf
    return float(radius[falling[0]]), float(image[falling[0]])


def corner_radius(camera: Pinhole) -> float:
    """Distance of the farthest image corner from the principal point, in focal lengths.

    Example:
        >>> corner_radius(Pinhole(100.0, 100.0, 29.5, 39.5, height=80, width=60))  # (30, 40) px over 100 px
        0.5
    """
    across = max(camera.center_x_px + 0.5, camera.width - 0.5 - camera.center_x_px) / camera.focal_x_px
    down = max(camera.center_y_px + 0.5, camera.height - 0.5 - camera.center_y_px) / camera.focal_y_px
    return float(np.hypot(across, down))


def ideal_radius(lens: DistortedCamera, image_radius: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The tangent (radtan) or angle (equidistant) off the axis of image points, tangential terms aside.

    Args:
        lens: The camera.
        image_radius: Distances from the principal point in focal lengths; those beyond the lens's reach become the
            reach.
    """
    last, _ = reach(lens)
    most = np.pi if lens.model == "equidistant" else _LARGEST_TANGENT
    radius = np.linspace(0.0, min(last * _INSIDE, most), _SAMPLES)
    return np.interp(image_radius, _radial(lens, radius), radius)


def within_reach(lens: DistortedCamera, rays: Float64[np.ndarray, "*shape 3"]) -> Bool[np.ndarray, "*shape"]:
    """Whether the lens model says anything of rays: they point forward (radtan) and lie before its turn."""
    last, _ = reach(lens)
    across = np.hypot(rays[..., 0], rays[..., 1])
    if lens.model == "equidistant":
        return np.arctan2(across, rays[..., 2]) < min(last * _INSIDE, np.pi)
    return (rays[..., 2] > 0) & (across < min(last * _INSIDE, 1e6) * rays[..., 2])


def likely_model(camera: Pinhole, coefficients: tuple[float, float, float, float]) -> DistortionModel | None:
    """The lens model that four coefficients of unstated meaning belong to: k1 k2 p1 p2 or the fisheye's k1 k2 k3 k4.

    Args:
        camera: Intrinsics of the distorted images.
        coefficients: As the file has them.
    Returns:
        The model, or None where both are possible and differ.
    """
    if not any(coefficients):
        return "radtan"
    fisheye = DistortedCamera(camera, coefficients, "equidistant")
    corner = corner_radius(camera)
    fisheye_fits = reach(fisheye)[1] >= corner
    if max(abs(coefficients[2]), abs(coefficients[3])) > _LARGEST_TANGENTIAL:
        return "equidistant" if fisheye_fits else None
    if corner < _WIDE or coefficients[0] < _BARREL_K1:
        return "radtan"
    lens = DistortedCamera(camera, coefficients, "radtan")
    if reach(lens)[1] >= corner and corner / float(ideal_radius(lens, np.array([corner]))[0]) < _BARREL_SHARE:
        return "radtan"
    return "equidistant" if corner >= _FISHEYE_WIDE and fisheye_fits else None
