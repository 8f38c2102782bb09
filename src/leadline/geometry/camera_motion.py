"""Motion of a stereo camera between two times, from disparity at both and the flow between them."""

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64

from leadline.errors import InputError
from leadline.geometry.rig import StereoRig

FEWEST_PIXELS: Final = 50
"""Fewer tell no motion."""
AGREES: Final = 3.0
"""Deviation, in units of what is expected, up to which a pixel agrees with a motion."""

_MOST_PIXELS: Final = 20000
_RANSAC_PIXELS: Final = 3000
_RANSAC_TRIES: Final = 500
_RANSAC_PX: Final = 2.0
_ROUNDS: Final = 16
_CAUCHY_ROUNDS: Final = 10
_LEAST_SHIFTED_PX: Final = 0.01
"""Disparity of what is as good as infinitely far away."""
_LARGEST: Final = 1e9
_PROBE_PX: Final = 0.25

_Layer = Float64[np.ndarray, "*n"]


@dataclass(frozen=True, eq=False)
class Observed:
    """What was measured of pixels at two times; arrays of one shape, be they lists or images.

    Args:
        x: Column at the first time, px.
        y: Row.
        disparity: At the first time, px.
        u: Motion to the right, px.
        v: Motion down, px.
        next_disparity: Of the same thing at the second time, px.
        flow_error_px: Error to be expected of each component of the motion.
        disparity_error_px: Error to be expected of each disparity.
    """

    x: _Layer
    y: _Layer
    disparity: _Layer
    u: _Layer
    v: _Layer
    next_disparity: _Layer
    flow_error_px: _Layer
    disparity_error_px: _Layer

    def some(self, keep: Bool[np.ndarray, "..."] | np.ndarray) -> "Observed":
        """Those of a mask, or at given places, as lists."""
        return Observed(*(np.asarray(getattr(self, name))[keep] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class CameraMotion:
    """Rigid motion of the left camera.

    Args:
        second_from_first: Takes a point of the first camera's frame into the second's; metres.
        agreeing: Pixels that agree with it.
        looked_at: Pixels that were asked.
    """

    second_from_first: Float64[np.ndarray, "4 4"]
    agreeing: int
    looked_at: int

    @property
    def share(self) -> float:
        """Share of the pixels that agree."""
        return self.agreeing / max(self.looked_at, 1)

    @property
    def first_from_second(self) -> Float64[np.ndarray, "4 4"]:
        """The inverse: where the second camera is in the first one's frame."""
        return np.linalg.inv(self.second_from_first)

    @property
    def translation_m(self) -> float:
        """Distance that the camera moved."""
        return float(np.linalg.norm(self.second_from_first[:3, 3]))

    @property
    def rotation_deg(self) -> float:
        """Angle by which it turned.

        >>> quarter = np.eye(4)
        >>> quarter[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
        >>> round(CameraMotion(quarter, 1, 1).rotation_deg, 6)
        90.0
        """
        return float(np.degrees(np.linalg.norm(np.asarray(cv2.Rodrigues(self.second_from_first[:3, :3])[0]))))


def rigid_prediction(
    x: _Layer, y: _Layer, disparity: _Layer, second_from_first: Float64[np.ndarray, "4 4"], rig: StereoRig
) -> tuple[_Layer, _Layer, _Layer, Bool[np.ndarray, "*n"]]:
    """Motion and next disparity of pixels that stand still while the camera moves.

    Args:
        x: Columns, px.
        y: Rows, px.
        disparity: At the first time, px; where disparity + doffs is 0 or less, the pixel is taken as far away.
        second_from_first: The camera's motion.
        rig: The cameras.
    Returns:
        u, v, the disparity at the second time, and which pixels are in front of the camera then.
    """
    point = points_of(x, y, disparity, rig)
    moved = _moved(second_from_first, point)
    camera, ahead = rig.left, moved[2] > 1e-3 * point[2]
    z = np.where(ahead, moved[2], 1.0)
    columns = camera.focal_x_px * moved[0] / z + camera.center_x_px
    rows = camera.focal_y_px * moved[1] / z + camera.center_y_px
    return columns - x, rows - y, camera.focal_x_px * rig.baseline_m / z - rig.doffs_px, ahead


def points_of(x: _Layer, y: _Layer, disparity: _Layer, rig: StereoRig) -> Float64[np.ndarray, "3 *n"]:
    """Points in the left camera's frame, metres.

    Args:
        x: Columns, px.
        y: Rows, px.
        disparity: Pixels; where disparity + doffs is 0 or less, the pixel is taken as far away.
        rig: The cameras.

    >>> rig = StereoRig.from_focal(3, 3, focal_px=10.0, baseline_m=0.5)
    >>> points_of(np.array([2.0]), np.array([1.0]), np.array([2.5]), rig).T.tolist()
    [[0.2, 0.0, 2.0]]
    """
    camera = rig.left
    z = camera.focal_x_px * rig.baseline_m / np.maximum(disparity + rig.doffs_px, _LEAST_SHIFTED_PX)
    return np.stack(
        [(x - camera.center_x_px) / camera.focal_x_px * z, (y - camera.center_y_px) / camera.focal_y_px * z, z]
    )


def deviations(
    seen: Observed, second_from_first: Float64[np.ndarray, "4 4"], rig: StereoRig
) -> tuple[Float64[np.ndarray, "3 *n"], Float64[np.ndarray, "3 *n"]]:
    """What pixels do beside the camera's motion: u, v and next disparity as measured less as predicted.

    Args:
        seen: The pixels.
        second_from_first: The camera's motion.
        rig: The cameras.
    Returns:
        Deviations in px, and the error to be expected of each: that of the measurement, and of the prediction, which is
        wrong by as much as the first disparity makes it. Of pixels behind the camera, infinite deviations.
    """
    predicted = rigid_prediction(seen.x, seen.y, seen.disparity, second_from_first, rig)
    probed = rigid_prediction(seen.x, seen.y, seen.disparity + _PROBE_PX, second_from_first, rig)
    measured = (seen.u, seen.v, seen.next_disparity)
    own = (seen.flow_error_px, seen.flow_error_px, seen.disparity_error_px)
    off = np.stack([np.where(predicted[3], m - p, np.inf) for m, p in zip(measured, predicted[:3], strict=True)])
    slopes = [np.abs(b - a) / _PROBE_PX for a, b in zip(predicted[:3], probed[:3], strict=True)]
    expected = np.stack([np.hypot(e, s * seen.disparity_error_px) for e, s in zip(own, slopes, strict=True)])
    return off, expected


def camera_motion(seen: Observed, rig: StereoRig, seed: int = 0) -> CameraMotion:
    """The camera's own motion: that of most of what it sees.

    Reweighted least squares over flow and disparity, with Cauchy's and then Geman-McClure's weights, from two
    beginnings: a camera that stands still, and the motion that RANSAC over a few points finds from first points and
    second pixels. The one with the lower robust cost is taken: among far points RANSAC may find a camera that looks
    the other way.

    Args:
        seen: Lists of pixels whose measurements are sure.
        rig: The cameras.
        seed: Of the choice among too many pixels.
    Raises:
        InputError: If there are too few pixels, or no motion is found.
    Source: Fischler and Bolles 1981 (RANSAC); Geiger et al. 2011 (StereoScan) refine stereo odometry likewise.
    """
    count = len(seen.x)
    if count < FEWEST_PIXELS:
        raise InputError(
            f"expected at least {FEWEST_PIXELS} pixels with sure disparity and flow, got {count}; the frames do not "
            "show one scene, or are too far apart"
        )
    rng = np.random.default_rng(seed)
    some = seen.some(rng.permutation(count)[:_MOST_PIXELS])
    motion = min((_settled(some, start, rig) for start in _starts(some, rig)), key=lambda m: _cost(some, m, rig))
    off, expected = deviations(some, motion, rig)
    agrees = np.sqrt(((off / expected) ** 2).mean(axis=0)) < AGREES
    return CameraMotion(motion, int(agrees.sum()), len(some.x))


def _starts(seen: Observed, rig: StereoRig) -> list[Float64[np.ndarray, "4 4"]]:
    """Motions to begin with: none, and that of RANSAC if it finds one."""
    few = seen.some(np.arange(min(len(seen.x), _RANSAC_PIXELS)))
    points = np.ascontiguousarray(points_of(few.x, few.y, few.disparity, rig).T)
    pixels = np.column_stack([few.x + few.u, few.y + few.v])
    found, turn, shift, _ = cv2.solvePnPRansac(
        points,
        pixels,
        rig.left.matrix,
        None,
        iterationsCount=_RANSAC_TRIES,
        reprojectionError=_RANSAC_PX,
        confidence=0.9999,
        flags=cv2.SOLVEPNP_EPNP,
    )
    if not found:
        return [np.eye(4)]
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = np.asarray(cv2.Rodrigues(turn)[0]), np.asarray(shift).ravel()
    return [np.eye(4), motion]


def _settled(seen: Observed, motion: Float64[np.ndarray, "4 4"], rig: StereoRig) -> Float64[np.ndarray, "4 4"]:
    """The motion after some rounds of reweighted least squares, the last ones with weights that forget outliers."""
    for turn in range(_ROUNDS):
        motion = _refined(seen, motion, rig, power=1 if turn < _CAUCHY_ROUNDS else 2)
    return motion


def _cost(seen: Observed, motion: Float64[np.ndarray, "4 4"], rig: StereoRig) -> float:
    """Cauchy's cost of a motion, mean over the pixels."""
    off, expected = deviations(seen, motion, rig)
    squares = np.where(np.isfinite(off).all(axis=0), ((off / expected) ** 2).sum(axis=0), _LARGEST)
    return float(np.log1p(np.minimum(squares, _LARGEST) / 4.0).mean())


def _refined(
    seen: Observed, motion: Float64[np.ndarray, "4 4"], rig: StereoRig, power: int
) -> Float64[np.ndarray, "4 4"]:
    """One step of reweighted least squares over the six numbers of a small motion after this one.

    Cauchy's weights for power 1, those of Geman and McClure for power 2.
    """
    off, expected = deviations(seen, motion, rig)
    good = np.asarray(np.isfinite(off).all(axis=0))
    off, expected, few = off[:, good], expected[:, good], seen.some(good)
    scaled = off / expected
    weight = 1.0 / (1.0 + (scaled**2).sum(axis=0) / 4.0) ** power
    x, y, z = _moved(motion, points_of(few.x, few.y, few.disparity, rig))
    f_x, f_y, zero = rig.left.focal_x_px, rig.left.focal_y_px, np.zeros_like(z)
    by_point = np.array(
        [
            [f_x / z, zero, -f_x * x / z**2],
            [zero, f_y / z, -f_y * y / z**2],
            [zero, zero, -f_x * rig.baseline_m / z**2],
        ]
    )
    by_turn = np.array([[zero, z, -y], [-z, zero, x], [y, -x, zero]])
    slopes = np.concatenate([np.einsum("ijn,jkn->ikn", by_point, by_turn), by_point], axis=1) / expected[:, None]
    normal = np.einsum("ian,ibn,n->ab", slopes, slopes, weight)
    wanted = np.einsum("ian,in,n->a", slopes, scaled, weight)
    step = np.asarray(np.linalg.lstsq(normal, wanted, rcond=None)[0], np.float64)
    change = np.eye(4)
    change[:3, :3], change[:3, 3] = np.asarray(cv2.Rodrigues(step[:3])[0]), step[3:]
    return cast("Float64[np.ndarray, '4 4']", change @ motion)


def _moved(motion: Float64[np.ndarray, "4 4"], points: Float64[np.ndarray, "3 *n"]) -> Float64[np.ndarray, "3 *n"]:
    return np.tensordot(motion[:3, :3], points, axes=1) + motion[:3, 3].reshape(3, *[1] * (points.ndim - 1))


def moved_points(
    points: Float64[np.ndarray, "3 *n"], transform: Float64[np.ndarray, "4 4"]
) -> Float64[np.ndarray, "3 *n"]:
    """Points taken by a rigid transform.

    Args:
        points: Metres.
        transform: As `CameraMotion.second_from_first`.
    """
    return _moved(transform, points)


def read_between(
    layer: Float32[np.ndarray, "h w"], x: Float32[np.ndarray, "h2 w2"], y: Float32[np.ndarray, "h2 w2"], step: float
) -> Float32[np.ndarray, "h2 w2"]:
    """A layer at places between pixels: linearly within a surface, of the nearest pixel where it jumps.

    Args:
        layer: Such as disparity.
        x: Columns, px.
        y: Rows, px.
        step: Difference from the nearest pixel beyond which it is a jump.
    Returns:
        Values; those of the border beside the image.

    >>> row = np.array([[1.0, 2.0, 9.0]], np.float32)
    >>> at = np.array([[0.5, 1.25]], np.float32)
    >>> read_between(row, at, np.zeros_like(at), step=1.0).tolist()
    [[1.5, 2.0]]
    """
    linear, nearest = (
        np.asarray(cv2.remap(layer, x, y, how, borderMode=cv2.BORDER_REPLICATE), np.float32)
        for how in (cv2.INTER_LINEAR, cv2.INTER_NEAREST)
    )
    return np.where(np.abs(linear - nearest) > step, nearest, linear)
