"""Making one image's relative depth metric, from a few known distances or from the camera's height over the ground.

`align` judges: it may use all of the truth. This module is for use: it has little to go by, which may be wrong in
places, and says how far its answer can be trusted. Everything is fitted in float64.
"""

from dataclasses import dataclass, replace
from math import asin, cos, degrees, radians, sin
from typing import Final, Literal

import numpy as np
from jaxtyping import Float32, Float64

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DISTANCE_KINDS, DepthMap
from leadline.metrics.align import Alignment
from leadline.scale.consensus import RobustFit, consensus_fit

FARTHEST_M: Final = 1000.0
"""Depth beyond which nothing is known: there the shift's error is larger than the inverse depth itself."""
_MOST_PIXELS: Final = 4096
"""Of the ground that are fitted: more would only cost time, as neighbours err alike."""
_LEAST_RISE_SIGMAS: Final = 4.0
"""Least rise of a plane's inverse depth over the fitted rows, in standard deviations, for it to be ground."""
_ROUNDING: Final = 1e-6
_LEAST_RATIO: Final = 1.05
_MOST_RATIO: Final = 50.0
"""Of the farthest depth of an image over its nearest: a fit that says less or more rests on chance."""
_MOST_RATIO_OF_TWO: Final = 12.0
"""Bound of the same ratio where two distances alone tell it."""
_USUAL_RATIO: Final = 5.0
_RATIO_SPREAD: Final = 0.8
"""Prior of that ratio where few distances are known: log-normal."""
_FEW_ERROR: Final = 0.1
"""Mean relative error of a relative depth map at a pixel, for weighing that prior."""
_FEW: Final = 6
"""Distances below which none can be told from an outlier, and a line through them may leave what is plausible."""
_EXACT: Final = 1e-3
_CONTRADICTED: Final = 0.25
"""Median relative residual from which the distances contradict the depth map."""
_LEAST_AGREEING: Final = 0.6
_NOTICEABLE: Final = 0.1
_LEAST_GAIN: Final = 0.6
"""Share of the residual without any depth map from which a fit explains little."""
_LEAST_SPREAD: Final = 1.3
_FAR_SHARE: Final = 0.01
"""Of an image's pixels that are taken for infinitely far where nothing else tells the shift."""


@dataclass(frozen=True, eq=False)
class KnownDepths:
    """Distances that are known at some places of an image, along the optical axis.

    Args:
        values: What the relative depth map has there, in its own unit.
        depths_m: Metres, > 0.
    """

    values: Float64[np.ndarray, " n"]
    depths_m: Float64[np.ndarray, " n"]


@dataclass(frozen=True)
class MetricFit:
    """Alignment of relative depth to metres, and the evidence for it.

    Args:
        alignment: Scale, > 0, and shift.
        points: Data that were given.
        inlier_share: Share of them that the fit rests on.
        median_relative_residual: Median over all data of |fitted / known - 1|, of depth or of inverse depth.
        scale_sigma: One standard deviation of the scale, as if the data's errors were independent; None where there
            are too few data to see any error.
        shift_sigma: One standard deviation of the shift, in the same sense; None where the shift is not fitted to
            known distances.
        assumption: What was taken for granted, in words.
        spread: Ratio of the farthest to the nearest distance that was given; None where there are none.
        constant_residual: Median relative residual if all distances were taken for their median; None likewise.
        notes: What the user must be told of it.
    """

    alignment: Alignment
    points: int
    inlier_share: float
    median_relative_residual: float
    scale_sigma: float | None
    shift_sigma: float | None
    assumption: str
    spread: float | None = None
    constant_residual: float | None = None
    notes: tuple[str, ...] = ()

    def doubts(self) -> tuple[str, ...]:
        """Why the fit may be wrong, in words: its own data contradict it, or they cannot determine it."""
        found: list[str] = []
        if self.median_relative_residual > _CONTRADICTED:
            found.append(
                f"the fit contradicts its own data: half of them are off by more than "
                f"{100 * self.median_relative_residual:.0f} %; check which distance belongs to which place"
            )
        elif self._explains_little():
            found.append(
                f"the depth map explains little of the distances: half of them are off by more than "
                f"{100 * self.median_relative_residual:.0f} %, by {100 * (self.constant_residual or 0.0):.0f} % if all "
                "were taken for their median; check their places, their order and their numbers"
            )
        elif self.inlier_share < _LEAST_AGREEING:
            found.append(f"only {100 * self.inlier_share:.0f} % of the distances agree with the fit; check the others")
        if self.alignment.space == "inverse_depth" and self.spread is not None and self.spread < _LEAST_SPREAD:
            found.append(
                f"the known distances are nearly alike (ratio {self.spread:.2f}): what is much nearer or farther is a "
                "guess; measure a near and a far place"
            )
        return tuple(found)

    def _explains_little(self) -> bool:
        if self.constant_residual is None or self.points < _FEW:
            return False
        return self.median_relative_residual > max(_NOTICEABLE, _LEAST_GAIN * self.constant_residual)


def fit_known_depths(relative: DepthMap, known: KnownDepths, assumption: str) -> MetricFit:
    """The scale, and for depth of unknown shift the shift, that known distances ask for.

    With a shift (affine_inverse, affine_depth) it takes at least 2 distances, which differ; without, 1. An error bar
    takes one more, and outliers can be told from 6 on, or from 3 on. Where a line through the data would put depths of
    the image beyond any plausible ratio, as few or noisy distances do, the fit is bounded: its ratio of the farthest to
    the nearest depth lies between 1.05 and 50, with a prior, and it is robust in log depth.

    Args:
        relative: The depth.
        known: Distances at some of its pixels.
        assumption: For the result.
    Raises:
        InputError: If there are too few distances, they are alike, or near and far contradict the depth.
    Example:
        >>> relative = DepthMap(np.array([[1.0, 2.0]], np.float32), np.ones((1, 2), bool), "up_to_scale")
        >>> known = KnownDepths(np.array([1.0, 2.0]), np.array([3.0, 6.0]))
        >>> fit = fit_known_depths(relative, known, "measured by tape")
        >>> round(fit.alignment.scale, 6), to_metric(relative, fit).depth.tolist()
        (3.0, [[3.0, 6.0]])
    """
    if relative.kind not in DISTANCE_KINDS:
        return _fit_line(relative, known, assumption)
    if len(known.values) < 1:
        raise InputError("expected at least 1 known distance where the image has depth, got none; give more")
    ratios = known.depths_m / known.values
    fit = consensus_fit(np.ones((len(ratios), 1)), ratios)
    scale = float(fit.coefficients[0])
    residual = np.abs(scale / ratios - 1.0)
    found = _result("depth", (scale, 0.0), fit, (_sigma(fit, 0), None), residual, assumption)
    return replace(found, constant_residual=_constant_residual(known.depths_m))


def _constant_residual(wanted: Float64[np.ndarray, " n"]) -> float:
    return float(np.median(np.abs(np.median(wanted) / wanted - 1.0)))


def _fit_line(relative: DepthMap, known: KnownDepths, assumption: str) -> MetricFit:
    if len(known.values) < 2:
        raise InputError(
            f"expected at least 2 known distances for depth of unknown scale and shift, got {len(known.values)} where "
            "the image has depth; give more"
        )
    inverse = relative.kind == "affine_inverse"
    wanted = 1.0 / known.depths_m if inverse else known.depths_m
    fit = consensus_fit(np.stack([known.values, np.ones_like(known.values)], axis=1), wanted)
    scale, shift = (float(value) for value in fit.coefficients)
    line, sigmas = (scale, shift), (_sigma(fit, 0), _sigma(fit, 1))
    low, high = _value_range(relative, known)
    if not _trusted(line, known.values, wanted, (low, high)):
        line, sigmas = _bounded_line(known.values, wanted, low, high), (None, None)
    residual = np.abs((line[0] * known.values + line[1]) / wanted - 1.0)
    if scale <= 0.0 and float(np.median(residual)) > _CONTRADICTED:
        raise InputError(
            f"expected known distances that are smaller where the image looks closer, got a scale of {scale:.3g}; "
            "check which distance belongs to which place"
        )
    found = _result("inverse_depth" if inverse else "depth", line, fit, sigmas, residual, assumption)
    spread = float(known.depths_m.max() / known.depths_m.min())
    return replace(found, spread=spread, constant_residual=_constant_residual(wanted))


def _trusted(
    line: tuple[float, float],
    values: Float64[np.ndarray, " n"],
    wanted: Float64[np.ndarray, " n"],
    ends: tuple[float, float],
) -> bool:
    """Whether a line rises, and either agrees with enough data or keeps the image's depths within a plausible ratio."""
    scale, shift = line
    if scale <= 0.0:
        return False
    off = np.abs((scale * values + shift) / wanted - 1.0)
    if len(wanted) > 2 and float(np.median(off)) < _EXACT:
        return True
    near, far = scale * ends[1] + shift, scale * ends[0] + shift
    if len(wanted) == 2:
        return 0.0 < near <= _MOST_RATIO_OF_TWO * far
    return len(wanted) >= _FEW and 0.0 < near <= _MOST_RATIO * far


def _value_range(relative: DepthMap, known: KnownDepths) -> tuple[float, float]:
    """The values that the image's depths lie between, but for one per cent at either end."""
    seen = relative.depth[relative.valid].astype(np.float64)
    ends = np.quantile(seen, (0.01, 0.99)) if seen.size else known.values
    return float(min(ends[0], known.values.min())), float(max(ends[-1], known.values.max()))


def _bounded_line(
    values: Float64[np.ndarray, " n"], wanted: Float64[np.ndarray, " n"], low: float, high: float
) -> tuple[float, float]:
    """Scale and shift of wanted = scale (value + offset) whose ratio between the image's ends is plausible.

    The ratio is searched from 1.05 to 50 for the least sum of absolute errors of the logarithm, each over the error
    that such maps have, and of the prior's cost; the scale is the median that belongs to it.
    """
    best, cost = (1.0, 0.0), np.inf
    for ratio in np.geomspace(_LEAST_RATIO, _MOST_RATIO, 200):
        shifted = values + (high - ratio * low) / (ratio - 1.0)
        logs = np.log(wanted) - np.log(shifted)
        middle = float(np.median(logs))
        prior = 0.5 * (np.log(ratio / _USUAL_RATIO) / _RATIO_SPREAD) ** 2
        found = float(np.abs(logs - middle).sum()) / _FEW_ERROR + float(prior)
        if found < cost:
            scale = float(np.exp(middle))
            best, cost = (scale, scale * float((high - ratio * low) / (ratio - 1.0))), found
    return best


def fit_planes(relative: DepthMap, near_m: float, far_m: float) -> MetricFit:
    """Scale and shift by assumption: all of the image but one per cent at either end lies between two planes.

    Nothing is measured: it gives a photograph a shape that is right but for these two numbers.

    Args:
        relative: affine_inverse or affine_depth.
        near_m: Depth of the nearest things, > 0.
        far_m: Depth of the farthest things, more than that.
    Raises:
        InputError: If the kind is another one, the planes are not in order, or the depth is the same everywhere.
    """
    if relative.kind in DISTANCE_KINDS:
        raise InputError(
            f"expected depth of unknown scale and shift for two planes, got {relative.kind}; leave them out"
        )
    if not 0.0 < near_m < far_m:
        raise InputError(f"expected planes at 0 < near < far metres, got {near_m:g} and {far_m:g}")
    low, high = np.quantile(relative.depth[relative.valid].astype(np.float64), (_FAR_SHARE, 1.0 - _FAR_SHARE))
    if not low < high:
        raise InputError("expected depth that differs somewhere for two planes, got one value everywhere")
    inverse = relative.kind == "affine_inverse"
    ends = (1.0 / far_m, 1.0 / near_m) if inverse else (near_m, far_m)
    scale = (ends[1] - ends[0]) / float(high - low)
    return MetricFit(
        alignment=Alignment("inverse_depth" if inverse else "depth", scale, ends[0] - scale * float(low)),
        points=0,
        inlier_share=1.0,
        median_relative_residual=0.0,
        scale_sigma=None,
        shift_sigma=None,
        assumption=f"the image lies between {near_m:g} and {far_m:g} m, but for one per cent at either end",
        notes=(f"the metres are an assumption: the image is taken to lie between {near_m:g} and {far_m:g} m",),
    )


def fit_camera_height(
    relative: DepthMap, camera: Pinhole, height_m: float, pitch_deg: float | None = None
) -> MetricFit:
    """The scale, and for affine-inverse depth the shift, that the camera's height over flat ground asks for.

    A plane n . P = h, with unit normal n, has the inverse depth (n_x u + n_y v + n_z) / h at u = (x - c_x) / f_x and
    v = (y - c_y) / f_y. A plane A u + B v + C is fitted robustly to the relative inverse depth of the lower half.

    - up to scale: s (n_x, n_y, n_z) / h = (A, B, C), so the scale is s = h |(A, B, C)|, whatever the camera's tilt.
    - affine-inverse, a/Z + t: (A, B) = a (n_x, n_y) / h and C = a n_z / h + t. The unknown shift t hides n_z = sin of
      the pitch, which must therefore be known: a = h |(A, B)| / cos(pitch), t = C - a sin(pitch) / h. With pitch 0 the
      horizon passes through the principal point. Roll is found, not assumed.

    Args:
        relative: Any kind but affine_depth, in which a plane is no plane.
        camera: Of the same size.
        height_m: Of the camera over the ground, > 0.
        pitch_deg: How far the camera looks down, for affine-inverse depth only; level if absent.
    Raises:
        InputError: If the kind is affine_depth, height or pitch are out of range, the pitch is given but not needed,
            the camera has another size, or the lower half shows no ground below the horizon.
    Source: Follows from the plane's equation and the pinhole camera.
    """
    _check_height(relative, camera, height_m, pitch_deg)
    plane = _fit_ground(relative, camera)
    if relative.kind != "affine_inverse":
        return _ground_scale(plane, height_m, 0.0, _flat(height_m), inverse=False)
    pitch, fit = radians(pitch_deg or 0.0), plane.fit
    length = float(np.linalg.norm(fit.coefficients[:2]))
    # C = a sin(pitch) / h + t with a = h length / cos(pitch).
    unknown = float(fit.coefficients[2]) - length * sin(pitch) / cos(pitch)
    assumption = (
        f"{_flat(height_m)}, which looks {pitch_deg or 0.0:g} degrees down; each degree that this is wrong by moves "
        f"1/Z by {radians(1.0) / height_m:.3g} 1/m"
    )
    along = np.array([*(fit.coefficients[:2] / length), 0.0])
    scale = cos(pitch) / (height_m * length)
    sigmas = (_sigma_along(fit, along, scale / length), None)
    residual = _ground_residual(plane, -unknown)
    return _result("inverse_depth", (scale, -scale * unknown), fit, sigmas, residual, assumption)


def fit_ground(relative: DepthMap, camera: Pinhole, height_m: float) -> MetricFit:
    """The scale, and for affine-inverse depth the shift, of flat ground under a camera whose tilt is not known.

    As `fit_camera_height`, but for affine-inverse depth a/Z + t the shift t comes from the farthest things: the value
    that the least one per cent of all pixels stay below is taken for infinity, as it is under an open sky or down a
    long street. The plane A u + B v + C then says a = h |(A, B, C - t)| and pitch = asin((C - t) / |(A, B, C - t)|).

    Args:
        relative: Any kind but affine_depth, in which a plane is no plane.
        camera: Of the same size.
        height_m: Of the camera over the ground, > 0.
    Raises:
        InputError: As `fit_camera_height`.
    Source: Follows from the plane's equation and the pinhole camera.
    """
    _check_height(relative, camera, height_m, None)
    plane = _fit_ground(relative, camera)
    if relative.kind != "affine_inverse":
        return _ground_scale(plane, height_m, 0.0, _flat(height_m), inverse=False)
    unknown = float(np.quantile(relative.depth[relative.valid].astype(np.float64), _FAR_SHARE))
    normal = plane.fit.coefficients - (0.0, 0.0, unknown)
    pitch_deg = degrees(asin(float(normal[2]) / float(np.linalg.norm(normal))))
    assumption = (
        f"{_flat(height_m)}; the farthest {100.0 * _FAR_SHARE:g} % of the image is infinitely far, so that the camera"
        f" looks {pitch_deg:.1f} degrees down; if it is at Z metres, all 1/Z are too small by about as much"
    )
    return _ground_scale(plane, height_m, unknown, assumption, inverse=True)


@dataclass(frozen=True, eq=False)
class _Ground:
    """A plane in relative inverse depth, and what it was fitted to."""

    fit: RobustFit
    design: Float64[np.ndarray, "n 3"]
    values: Float64[np.ndarray, " n"]


def _flat(height_m: float) -> str:
    return f"the lower half is mostly flat ground, {height_m:g} m below the camera"


def _fit_ground(relative: DepthMap, camera: Pinhole) -> _Ground:
    design, values = _lower_half(relative, camera)
    fit = consensus_fit(design, values)
    rise = float(fit.coefficients[1]) * float(np.ptp(design[:, 1]))
    if rise <= max(_LEAST_RISE_SIGMAS * fit.sigma, _ROUNDING * float(np.abs(values).max())):
        raise InputError(
            "expected ground that comes closer towards the image's lower border, got none in the lower half; take "
            "another way to make depth metric"
        )
    return _Ground(fit, design, values)


def _ground_scale(plane: _Ground, height_m: float, unknown: float, assumption: str, inverse: bool) -> MetricFit:
    """From a plane whose shift is known: depth s = h |n|, or inverse depth 1 / (h |n|), with n = (A, B, C - t)."""
    normal = plane.fit.coefficients - (0.0, 0.0, unknown)
    length = float(np.linalg.norm(normal))
    scale = 1.0 / (height_m * length) if inverse else height_m * length
    sigmas = (_sigma_along(plane.fit, normal / length, scale / length), None)
    residual = _ground_residual(plane, -unknown)
    line = (scale, -scale * unknown if inverse else 0.0)
    return _result("inverse_depth" if inverse else "depth", line, plane.fit, sigmas, residual, assumption)


def _sigma_along(fit: RobustFit, along: Float64[np.ndarray, "3"], factor: float) -> float | None:
    """To first order: the scale goes with the normal's length, or with its inverse."""
    return None if fit.covariance is None else factor * float(np.sqrt(along @ fit.covariance @ along))


def _ground_residual(plane: _Ground, offset: float) -> Float64[np.ndarray, " n"]:
    """|value / fitted - 1| where both are inverse depth but for a factor."""
    fitted, values = plane.design @ plane.fit.coefficients, plane.values
    below_horizon = fitted + offset > 0
    if below_horizon.mean() < 0.5:
        raise InputError("expected ground below the horizon, got most of the lower half above it; correct the pitch")
    fitted, values = fitted[below_horizon] + offset, values[below_horizon] + offset
    return np.abs(values / fitted - 1.0)


def to_metric(relative: DepthMap, fit: MetricFit, camera: Pinhole | None = None) -> DepthMap:
    """Metric depth from relative depth.

    Args:
        relative: What the fit was made for.
        fit: Scale and shift.
        camera: The camera that took the image, if known.
    Returns:
        Metres; invalid where the fit puts a pixel behind the camera or farther than 1000 m.
    """
    depth = fit.alignment.apply(np.where(relative.valid, relative.depth, np.float32(0.0)))
    if fit.alignment.space == "inverse_depth":
        valid = relative.valid & (depth >= 1.0 / FARTHEST_M)
        depth = 1.0 / np.where(valid, depth, 1.0)
    else:
        valid = relative.valid & (depth > 0.0) & (depth <= FARTHEST_M)
    depth = np.where(valid, depth, 0.0)
    return DepthMap(depth.astype(np.float32), valid, "metric", relative.confidence, camera)


def _check_height(relative: DepthMap, camera: Pinhole, height_m: float, pitch_deg: float | None) -> None:
    if relative.kind == "affine_depth":
        raise InputError(
            "expected inverse depth, or depth up to a scale, to find the ground in, got affine_depth; take another way "
            "to make it metric"
        )
    if not (np.isfinite(height_m) and height_m > 0):
        raise InputError(f"expected a camera height above 0 m, got {height_m:g}")
    if pitch_deg is not None and not abs(pitch_deg) <= 60.0:
        raise InputError(f"expected a pitch from -60 to 60 degrees, got {pitch_deg:g}")
    if pitch_deg is not None and relative.kind != "affine_inverse":
        raise InputError(f"expected no pitch for depth of kind {relative.kind}, which shows it; leave it out")
    if (camera.height, camera.width) != relative.depth.shape:
        raise InputError(
            f"expected a camera for images of {relative.depth.shape} (height, width), got "
            f"{(camera.height, camera.width)}; use camera.scaled(height, width)"
        )


def _lower_half(relative: DepthMap, camera: Pinhole) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, " n"]]:
    """(u, v, 1) and relative inverse depth of valid pixels, evenly taken from the lower half."""
    usable = relative.valid if relative.kind == "affine_inverse" else relative.valid & (relative.depth > 0)
    top = relative.depth.shape[0] // 2
    rows, columns = np.nonzero(usable[top:])
    chosen = np.unique(np.linspace(0, max(len(rows) - 1, 0), min(len(rows), _MOST_PIXELS)).round().astype(np.int64))
    rows, columns = rows[chosen] + top, columns[chosen]
    if len(rows) < 3:
        raise InputError("expected depth in the image's lower half, got none; take another way to make it metric")
    values = relative.depth[rows, columns].astype(np.float64)
    u = (columns - camera.center_x_px) / camera.focal_x_px
    v = (rows - camera.center_y_px) / camera.focal_y_px
    design = np.stack([u, v, np.ones_like(u)], axis=1)
    return design, values if relative.kind == "affine_inverse" else 1.0 / values


def _sigma(fit: RobustFit, index: int) -> float | None:
    return None if fit.covariance is None else float(fit.covariance[index, index] ** 0.5)


def _result(
    space: Literal["depth", "inverse_depth"],
    line: tuple[float, float],
    fit: RobustFit,
    sigmas: tuple[float | None, float | None],
    residual: Float64[np.ndarray, " n"],
    assumption: str,
) -> MetricFit:
    return MetricFit(
        alignment=Alignment(space, *line),
        points=len(fit.inliers),
        inlier_share=float(fit.inliers.mean()),
        median_relative_residual=float(np.median(residual)),
        scale_sigma=sigmas[0],
        shift_sigma=sigmas[1],
        assumption=assumption,
    )


def sample_nearest(
    relative: DepthMap, columns_px: Float64[np.ndarray, " n"], rows_px: Float64[np.ndarray, " n"]
) -> Float32[np.ndarray, " n"]:
    """The depth map's values at the pixels nearest to some places; NaN where it is invalid.

    Nearest, not interpolated: between a near and a far surface there is nothing.

    Args:
        relative: Any kind.
        columns_px: Within half a pixel of the image.
        rows_px: Within half a pixel of the image.
    """
    height, width = relative.depth.shape
    rows = np.clip(np.rint(rows_px).astype(np.int64), 0, height - 1)
    columns = np.clip(np.rint(columns_px).astype(np.int64), 0, width - 1)
    return np.where(relative.valid[rows, columns], relative.depth[rows, columns], np.float32(np.nan))
