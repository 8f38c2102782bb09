"""Flow of a scene that stands still, carried on to where no match is sure.

Where only the camera moves, a plane that all pixels share and one number a pixel say the whole flow: with any
homography A that the epipolar geometry allows, and the epipole e in the second frame,

    x' ~ A x + rho e,

and rho is affine in the pixel's place on every plane of the scene. So rho is fitted to the sure pixels, and its local
affine trend is carried on: a road goes on to be a road beyond the frame's border, which no mean of flows says.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64

STRIDE: Final = 4
"""Pixels between two places where rho is known."""

_MOST_POINTS: Final = 800
_FEWEST_POINTS: Final = 60
_RANSAC_PX: Final = 0.7
_RANSAC_ROUNDS: Final = 400
_INLIER_PX: Final = 0.5
_FIT_ROUNDS: Final = 4
_SCALES: Final = (2, 4, 8, 16, 32, 64)
"""Standard deviations of the neighbourhoods, in places."""
_ENOUGH: Final = 0.05
"""Weight of a neighbourhood that is believed."""
_RIDGE: Final = 0.1
"""What draws the trend towards none, as a share of the neighbourhood's own spread."""
_SPARE_PX: Final = 20.0
"""Nothing is carried on to twice the fastest sure motion and this much more."""
_CLOSE: Final = 8.0
"""Standard deviation of the neighbourhood whose share of inliers is the support, in places."""
_UNIT_PX: Final = 100.0
_TINY: Final = 1e-12

_Layer = Float64[np.ndarray, "h w"]


@dataclass(frozen=True)
class RigidFlow:
    """Flow of a scene that stands still.

    Args:
        flow: Of every pixel, px.
        support: Share of the pixels around that are sure and agree with it, in [0, 1].
    """

    flow: Float32[np.ndarray, "h w 2"]
    support: Float32[np.ndarray, "h w"]


def rigid_flow(flow: Float32[np.ndarray, "h w 2"], sure: Bool[np.ndarray, "h w"]) -> RigidFlow | None:
    """The flow that the camera's motion gives every pixel, if one motion explains the sure pixels.

    Args:
        flow: Of the first frame's pixels, px.
        sure: Which of them are known well.
    Returns:
        None if there are too few sure pixels, or no fundamental matrix fits them.
    Source: Hartley and Zisserman 2004, section 13.3 (plane plus parallax); Barath et al. 2020 (MAGSAC++), in OpenCV.

    >>> y, x = np.mgrid[:64, :96].astype(np.float32)
    >>> zoom = np.stack([0.1 * (x - 40), 0.1 * (y - 30)], axis=2)
    >>> found = rigid_flow(zoom, x < 80)
    >>> found is not None and bool(np.abs(found.flow - zoom).max() < 0.5)
    True
    """
    height, width = sure.shape
    half = STRIDE // 2
    y, x = np.mgrid[half:height:STRIDE, half:width:STRIDE].astype(np.float64)
    coarse = flow[half::STRIDE, half::STRIDE].astype(np.float64)
    known = sure[half::STRIDE, half::STRIDE]
    matrix = _fundamental(x, y, coarse, known)
    if matrix is None:
        return None
    here = np.stack([x, y, np.ones_like(x)], axis=2)
    there = here + np.pad(coarse, ((0, 0), (0, 0), (0, 1)))
    agrees = known & (_sampson(matrix, here, there) < _INLIER_PX)
    if agrees.sum() < _FEWEST_POINTS:
        return None
    epipole = np.asarray(np.linalg.svd(matrix)[0][:, 2])
    plane = _fitted_plane(_cross(epipole) @ matrix, epipole, here, there, agrees)
    ahead, rho, strength = _parallax(plane, epipole, here, there)
    typical = max(float(np.median(strength[agrees])), _TINY)
    weight = np.where(agrees, np.minimum(strength / typical, 4.0), 0.0)
    unit = 1.0 / np.sqrt(typical)
    trend = _carried_on(np.where(agrees, np.clip(rho / unit, -300.0, 300.0), 0.0), weight, x / _UNIT_PX, y / _UNIT_PX)
    end = ahead + (trend * unit)[..., None] * epipole
    depth = np.where(np.abs(end[..., 2:]) < _TINY, _TINY, end[..., 2:])
    most = 2.0 * float(np.abs(coarse[agrees]).max()) + _SPARE_PX
    found = np.clip(end[..., :2] / depth - here[..., :2], -most, most)
    support = cv2.GaussianBlur(agrees.astype(np.float32), (0, 0), _CLOSE, borderType=cv2.BORDER_CONSTANT)
    return RigidFlow(_enlarged(found.astype(np.float32), sure.shape), _enlarged(support, sure.shape))


def _fundamental(
    x: _Layer, y: _Layer, flow: Float64[np.ndarray, "h w 2"], known: Bool[np.ndarray, "h w"]
) -> Float64[np.ndarray, "3 3"] | None:
    """The fundamental matrix that most of the known pixels follow."""
    chosen = np.flatnonzero(known)
    if len(chosen) < _FEWEST_POINTS:
        return None
    rng = np.random.default_rng(0)
    chosen = rng.permutation(chosen)[:_MOST_POINTS]
    points = np.stack([x.ravel(), y.ravel()], axis=1)[chosen]
    ends = points + flow.reshape(-1, 2)[chosen]
    try:
        found: Any = cv2.findFundamentalMat(points, ends, cv2.USAC_MAGSAC, _RANSAC_PX, 0.999, _RANSAC_ROUNDS)[0]
    except cv2.error:
        return None
    usable = found is not None and found.shape == (3, 3) and bool(np.isfinite(found).all())
    return np.asarray(found, np.float64) if usable else None


def _sampson(
    matrix: Float64[np.ndarray, "3 3"], here: Float64[np.ndarray, "h w 3"], there: Float64[np.ndarray, "h w 3"]
) -> _Layer:
    """First-order distance of each match from the epipolar geometry, px."""
    lines, back = here @ matrix.T, there @ matrix
    slope = (lines[..., :2] ** 2).sum(axis=2) + (back[..., :2] ** 2).sum(axis=2)
    return np.abs((there * lines).sum(axis=2)) / np.sqrt(slope + _TINY)


def _cross(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    a, b, c = vector
    return np.array([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]])


def _parallax(
    plane: Float64[np.ndarray, "3 3"],
    epipole: Float64[np.ndarray, "3"],
    here: Float64[np.ndarray, "h w 3"],
    there: Float64[np.ndarray, "h w 3"],
) -> tuple[Float64[np.ndarray, "h w 3"], _Layer, _Layer]:
    """Where the plane sends each pixel, its rho by least squares, and the squared px that a unit of rho moves it."""
    ahead = here @ plane.T
    offset = ahead[..., :2] - there[..., :2] * ahead[..., 2:]
    lever = epipole[:2] - there[..., :2] * epipole[2]
    square = (lever**2).sum(axis=2)
    rho = -(offset * lever).sum(axis=2) / np.maximum(square, _TINY)
    depth = ahead[..., 2] + rho * epipole[2]
    return ahead, rho, square / np.maximum(depth**2, _TINY)


def _fitted_plane(
    plane: Float64[np.ndarray, "3 3"],
    epipole: Float64[np.ndarray, "3"],
    here: Float64[np.ndarray, "h w 3"],
    there: Float64[np.ndarray, "h w 3"],
    agrees: Bool[np.ndarray, "h w"],
) -> Float64[np.ndarray, "3 3"]:
    """The homography of the family that leaves most pixels next to no rho: the plane of most of the scene."""
    scale = np.array([1.0 / _UNIT_PX, 1.0 / _UNIT_PX, 1.0])
    for _ in range(2):
        _, rho, strength = (layer[agrees] for layer in _parallax(plane, epipole, here, there))
        places, first = here[agrees] * scale, np.minimum(strength / max(float(np.median(strength)), _TINY), 10.0)
        weight = first.copy()
        trend = np.zeros(3)
        for _ in range(_FIT_ROUNDS):
            weighted = places * weight[:, None]
            trend = np.linalg.solve(weighted.T @ places + _TINY * np.eye(3), weighted.T @ rho)
            weight = first / (1.0 + (rho - places @ trend) ** 2 * strength / 4.0)
        plane = plane + np.outer(epipole, trend * scale)
        plane = plane * (np.sqrt(3.0) / max(float(np.linalg.norm(plane)), _TINY))
    return plane


def _carried_on(values: _Layer, weight: _Layer, x: _Layer, y: _Layer) -> _Layer:
    """Local affine fit of the weighted values, in the smallest neighbourhood that has enough weight."""
    height, width = values.shape
    moments = [weight, weight * x, weight * y, weight * values, weight * x * x, weight * x * y, weight * y * y]
    moments += [weight * values * x, weight * values * y]
    stack = np.stack(moments, axis=2).astype(np.float32)
    result, missing = np.zeros_like(values), np.ones(values.shape, bool)
    for scale in _SCALES:
        step = max(1, scale // 4)
        size = max(width // step, 2), max(height // step, 2)
        small = cv2.GaussianBlur(_resized(stack, size), (0, 0), scale / step, borderType=cv2.BORDER_CONSTANT)
        sums = _resized(np.asarray(small), (width, height)).astype(np.float64)
        total = sums[..., 0] + 1e-9
        mean_x, mean_y, mean = (sums[..., i] / total for i in (1, 2, 3))
        ridge = _RIDGE * (scale * STRIDE / _UNIT_PX) ** 2
        xx, yy = sums[..., 4] / total - mean_x**2 + ridge, sums[..., 6] / total - mean_y**2 + ridge
        xy = sums[..., 5] / total - mean_x * mean_y
        vx, vy = sums[..., 7] / total - mean * mean_x, sums[..., 8] / total - mean * mean_y
        determinant = np.maximum(xx * yy - xy**2, 1e-9)
        slope_x, slope_y = (yy * vx - xy * vy) / determinant, (xx * vy - xy * vx) / determinant
        taken = missing & (total > _ENOUGH)
        result[taken] = (mean + slope_x * (x - mean_x) + slope_y * (y - mean_y))[taken]
        missing &= ~taken
        if not missing.any():
            break
    return result


def _resized(layers: Float32[np.ndarray, "_ _ c"], size: tuple[int, int]) -> Float32[np.ndarray, "_ _ c"]:
    """Layers at another (width, height): OpenCV takes at most four at once."""
    shrinks = size[0] < layers.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    parts = [cv2.resize(layers[..., i : i + 3], size, interpolation=method) for i in range(0, layers.shape[2], 3)]
    return np.concatenate(parts, axis=2)


def _enlarged(layer: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A layer of every fourth pixel at all pixels."""
    height, width = shape
    grid_x = (np.arange(width, dtype=np.float32) - STRIDE // 2) / STRIDE
    grid_y = (np.arange(height, dtype=np.float32) - STRIDE // 2) / STRIDE
    x, y = np.meshgrid(grid_x, grid_y)
    return np.asarray(cv2.remap(layer, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
