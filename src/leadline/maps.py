"""Results of every method: disparity and depth with their validity and confidence."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast, get_args

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.camera_motion import CameraMotion
from leadline.geometry.flow import agreeing
from leadline.geometry.rig import StereoRig
from leadline.geometry.unproject import PointCloud, depth_from_disparity, points_from_depth

DepthKind = Literal["metric", "up_to_scale", "affine_inverse", "affine_depth"]

DISTANCE_KINDS: Final[tuple[DepthKind, ...]] = ("metric", "up_to_scale")
"""Kinds whose numbers are distances but for a factor: only positive ones can be true, and they give a point cloud."""

CONFIDENT: Final = 0.5
"""Confidence from which a pixel becomes a point of a cloud."""

MAX_RELATIVE_ERROR: Final = 0.3
"""Share of its depth by which a point of a cloud may be expected to be wrong."""

_UNRATED_ERROR_PX: Final = 0.5
"""Mean error of a disparity whose method rates none."""

_BAND_ROWS = 256


_LEAST_CONFIDENCE: Final = 0.05
"""Taken for less: the expected error would grow without bound, which no image's disparities do."""
_MOST_CONFIDENCE: Final = 0.999


def expected_error_px(confidence: Float[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """The mean absolute error of a disparity that a confidence stands for, if errors are distributed as Laplace's are.

    A share of 1 - exp(-t / b) of them is below t px then, so a confidence of 1 - exp(-1 / b) stands for a mean of b px.

    Args:
        confidence: Probability in [0, 1] that the error is below 1 px.
    Returns:
        Between 0.14 and 19.5 px.

    >>> expected_error_px(np.array([0.9, 0.5])).round(2).tolist()
    [0.4300000071525574, 1.440000057220459]
    """
    bounded = np.clip(confidence, _LEAST_CONFIDENCE, _MOST_CONFIDENCE)
    return (-1.0 / np.log1p(-bounded)).astype(np.float32)


RELATIVE_ERROR: Final = 0.1
"""Share of the true depth below which the confidence of depth from a single image counts an error as right."""


def expected_relative_error(confidence: Float[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """The mean relative error of depth that the confidence of a single image's depth stands for.

    As of `expected_error_px`, for errors as shares of the true depth, of which the confidence is that below 0.1.

    Args:
        confidence: Probability in [0, 1] that depth, after the fit of its scale and shift, is within 10 % of the truth.
    Returns:
        Between 0.014 and 1.95.

    >>> expected_relative_error(np.array([0.9, 0.5])).round(3).tolist()
    [0.0430000014603138, 0.14399999380111694]
    """
    return expected_error_px(confidence) * np.float32(RELATIVE_ERROR)


def error_bound_px(confidence: Float[np.ndarray, "*shape"], share: float = 0.8) -> Float32[np.ndarray, "*shape"]:
    """Half the width of the interval around a disparity that holds the true one with a given probability.

    Args:
        confidence: As for `expected_error_px`, whose distribution it is of.
        share: The probability, in (0, 1).
    Raises:
        InputError: If the share is not between 0 and 1.

    >>> float(error_bound_px(np.array([0.8]), share=0.8)[0])
    1.0
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"expected a share between 0 and 1, got {share}")
    return expected_error_px(confidence) * np.float32(-np.log1p(-share))


def _check_types(values: object, valid: object, confidence: object | None, name: str) -> None:
    """Refuses what is no array, and validity that is no truth value: ~255 is no False."""
    for layer, label in ((values, name), (valid, "valid"), (confidence, "confidence")):
        kind, came = np.bool_ if label == "valid" else np.floating, type(layer).__name__
        dtype = cast("np.ndarray[Any, np.dtype[Any]]", layer).dtype if isinstance(layer, np.ndarray) else None  # pyright: ignore[reportUnknownArgumentType]
        if layer is not None and (dtype is None or not np.issubdtype(dtype, kind)):
            got = came if dtype is None else f"an array of {dtype}"
            wanted = "bool" if label == "valid" else "float32"
            raise InputError(f"expected an array of {wanted} as {label}, got {got}; convert it")


def _require_rig(rig: object) -> None:
    if not isinstance(rig, StereoRig):
        raise CalibrationError(
            f"expected a StereoRig, got {type(rig).__name__}; build one by StereoRig.from_focal or read_calibration"
        )


def _check_layers(values: np.ndarray, valid: np.ndarray, confidence: np.ndarray | None, name: str) -> None:
    for layer, label in ((valid, "valid"), (confidence, "confidence")):
        if layer is not None and layer.shape != values.shape:
            raise InputError(f"expected {label} of the {name}'s shape {values.shape}, got {layer.shape}")
    if not (np.isfinite(values) | ~valid).all():
        raise InputError(f"expected finite {name} wherever valid is true; mark unknown pixels invalid instead")
    # A comparison with NaN is false, too.
    if confidence is not None and confidence.size and not (confidence.min() >= 0 and confidence.max() <= 1):
        raise InputError(
            f"expected confidence from 0 to 1, got {confidence.min():.4g} to {confidence.max():.4g}; scale it, and "
            f"give 0 "
            "where it is not known"
        )


@dataclass(frozen=True)
class DisparityMap:
    """Left-view disparity in pixels of the image it lies on: x_right = x_left - disparity.

    Args:
        disparity: Pixels, float32. Finite where valid.
        valid: Where the method stands by its value.
        confidence: Probability in [0, 1] that the error is below 1 px, if the method gives one.
    Raises:
        InputError: If the layers' shapes differ, a valid pixel is not finite, or a confidence is outside of [0, 1].
    """

    disparity: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    confidence: Float32[np.ndarray, "h w"] | None = None

    def __post_init__(self) -> None:
        """Checks that the layers fit together."""
        _check_types(self.disparity, self.valid, self.confidence, "disparity")
        _check_layers(self.disparity, self.valid, self.confidence, "disparity")

    @property
    def expected_error(self) -> Float32[np.ndarray, "h w"] | None:
        """Mean absolute error in px that the confidence stands for, as of `expected_error_px`, if there is one."""
        return None if self.confidence is None else expected_error_px(self.confidence)

    def to_depth(self, rig: StereoRig) -> "DepthMap":
        """Metric depth Z = f b / (d + doffs); pixels with d + doffs <= 0 become invalid.

        Raises:
            CalibrationError: If the rig's images have another size than this map.

        >>> camera = Pinhole(500.0, 500.0, 31.5, 23.5, 48, 64)
        >>> seven = DisparityMap(np.full((48, 64), 7.0, np.float32), np.ones((48, 64), bool))
        >>> depth = seven.to_depth(StereoRig(camera, camera, baseline_m=0.14))
        >>> float(depth.depth[0, 0]), depth.kind
        (10.0, 'metric')
        """
        _require_rig(rig)
        if (rig.left.height, rig.left.width) != self.disparity.shape:
            raise CalibrationError(
                f"expected a calibration for images of {self.disparity.shape} (height, width), got "
                f"{(rig.left.height, rig.left.width)}; use rig.scaled(height, width)"
            )
        depth = depth_from_disparity(self.disparity, rig.left.focal_x_px, rig.baseline_m, rig.doffs_px)
        finite = np.isfinite(depth)
        depth = np.where(finite, depth, 0.0).astype(np.float32)
        error_px = _UNRATED_ERROR_PX if self.confidence is None else expected_error_px(self.confidence)
        # dZ = Z^2 / (f b) dd, the derivative of Z = f b / (d + doffs).
        error_m = depth.astype(np.float64) ** 2 / (rig.left.focal_x_px * rig.baseline_m) * error_px
        error_m = np.minimum(error_m, np.finfo(np.float32).max).astype(np.float32)
        return DepthMap(depth, self.valid & finite, "metric", self.confidence, rig.left, error_m)

    def without(self, unknown: Bool[np.ndarray, "h w"]) -> "DisparityMap":
        """The same with some pixels invalid and of confidence 0."""
        confidence = None if self.confidence is None else np.where(unknown, np.float32(0.0), self.confidence)
        return DisparityMap(self.disparity, self.valid & ~unknown, confidence)


@dataclass(frozen=True)
class DepthMap:
    """Depth along the optical axis, or what its kind says.

    Args:
        depth: float32. Metres for kind metric, an unknown multiple for up_to_scale, a s/Z + t for affine_inverse, a
            s Z + t for affine_depth; s > 0 and t unknown.
        valid: Where the method stands by its value.
        kind: What the numbers mean.
        confidence: In [0, 1], if the method gives one.
        camera: The camera that saw it, if known; needed for a point cloud.
        expected_error_m: Mean absolute error of metric depth that is to be expected, metres, if it can be told.
    Raises:
        InputError: If the layers' shapes differ, a valid pixel is not finite, or a confidence is outside of [0, 1].
    """

    depth: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    kind: DepthKind
    confidence: Float32[np.ndarray, "h w"] | None = None
    camera: Pinhole | None = None
    expected_error_m: Float32[np.ndarray, "h w"] | None = None

    def __post_init__(self) -> None:
        """Checks that the layers fit together."""
        _check_types(self.depth, self.valid, self.confidence, "depth")
        _check_layers(self.depth, self.valid, self.confidence, "depth")
        if self.kind not in get_args(DepthKind):
            raise InputError(f"expected a kind of depth out of {', '.join(get_args(DepthKind))}, got {self.kind!r}")

    @property
    def trusted(self) -> Bool[np.ndarray, "h w"]:
        """Pixels that are valid, confident where there is a confidence, and no mere guesses where errors are known."""
        keep = self.valid if self.confidence is None else self.valid & (self.confidence >= CONFIDENT)
        if self.expected_error_m is None:
            return keep
        return keep & (self.expected_error_m <= MAX_RELATIVE_ERROR * self.depth)

    def to_disparity(self, rig: StereoRig) -> DisparityMap:
        """Disparity d = f b / Z - doffs that a rectified pair of cameras sees; the inverse of `DisparityMap.to_depth`.

        Raises:
            CalibrationError: If the depth is not metric, or the rig's images have another size than this map.
        """
        if self.kind != "metric":
            raise CalibrationError(f"expected metric depth, got kind {self.kind!r}; give it a scale first")
        _require_rig(rig)
        if (rig.left.height, rig.left.width) != self.depth.shape:
            raise CalibrationError(
                f"expected a calibration for images of {self.depth.shape} (height, width), got "
                f"{(rig.left.height, rig.left.width)}; use rig.scaled(height, width)"
            )
        valid = self.valid & (self.depth > 0)
        disparity = np.zeros(self.depth.shape, dtype=np.float64)
        np.divide(rig.left.focal_x_px * rig.baseline_m, self.depth, out=disparity, where=valid)
        return DisparityMap((disparity - rig.doffs_px).astype(np.float32), valid, self.confidence)

    def cloud_mask(
        self,
        min_confidence: float = CONFIDENT,
        max_edge_ratio: float = 0.04,
        max_depth: float | None = None,
        max_relative_error: float = MAX_RELATIVE_ERROR,
    ) -> Bool[np.ndarray, "h w"]:
        """Pixels that `to_cloud` makes points of, by the same limits."""
        keep = self.valid & ~_flying(self.depth, self.valid, max_edge_ratio)
        if self.confidence is not None:
            keep &= self.confidence >= min_confidence
        if max_depth is not None:
            keep &= self.depth <= max_depth
        if self.expected_error_m is not None:
            keep &= self.expected_error_m <= max_relative_error * self.depth
        return keep

    def to_cloud(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        min_confidence: float = CONFIDENT,
        max_edge_ratio: float = 0.04,
        max_depth: float | None = None,
        max_relative_error: float = MAX_RELATIVE_ERROR,
    ) -> PointCloud:
        """Coloured points of the confident pixels, without those that fly between two surfaces or are mere guesses.

        Args:
            image: The left image, RGB.
            min_confidence: Points below it are left out (all are kept where there is no confidence).
            max_edge_ratio: A pixel is flying if its depth differs by more than this share from both the
                pixels on opposite sides of it.
            max_depth: Points farther away are left out, in the unit of the depth.
            max_relative_error: Points whose expected error is a larger share of their depth are left out, where the
                error is known: a disparity near 0 stands for any distance from some metres to infinity.
        Raises:
            CalibrationError: If the depth has an unknown shift or its camera is unknown.
            InputError: If the image has another size.
        """
        if self.kind not in DISTANCE_KINDS or self.camera is None:
            raise CalibrationError(
                f"expected depth with a known camera and scale, got kind {self.kind!r} and camera {self.camera}"
            )
        if image.shape[:2] != self.depth.shape:
            raise InputError(f"expected an image of {self.depth.shape} (height, width), got {image.shape[:2]}")
        keep = self.cloud_mask(min_confidence, max_edge_ratio, max_depth, max_relative_error)
        return PointCloud(_kept_points(self.depth, keep, self.camera), image[keep])


@dataclass(frozen=True)
class FlowMap:
    """Optical flow in pixels of the image it lies on: the point at (x, y) is at (x + u, y + v) in the next frame.

    Args:
        flow: Motion (u, v), pixels, float32. Finite where valid.
        valid: Where the method stands by its value.
        confidence: Probability in [0, 1] that the error, the length of the difference, is below 1 px, if the method
            gives one.
    Raises:
        InputError: If the layers' shapes differ or a valid pixel is not finite.

    Example:
        >>> flow = FlowMap(np.full((1, 2, 2), [3.0, -4.0], np.float32), np.array([[True, False]]))
        >>> flow.speed.tolist(), int(flow.valid.sum())
        ([[5.0, 5.0]], 1)
    """

    flow: Float32[np.ndarray, "h w 2"]
    valid: Bool[np.ndarray, "h w"]
    confidence: Float32[np.ndarray, "h w"] | None = None

    def __post_init__(self) -> None:
        """Checks that the layers fit together."""
        _check_layers(self.flow[..., 0], self.valid, self.confidence, "flow")
        if not np.isfinite(self.flow[self.valid]).all():
            raise InputError("expected finite flow wherever valid is true; mark unknown pixels invalid instead")

    @property
    def speed(self) -> Float32[np.ndarray, "h w"]:
        """Length of the motion, pixels."""
        return np.hypot(self.flow[..., 0], self.flow[..., 1])

    def forward_backward(self, backward: "FlowMap") -> "FlowMap":
        """The same, valid only where the flow back from the next frame ends near where it began.

        Near is within 1 px plus 5 % of the way's length; pixels that leave the frame become invalid.

        Args:
            backward: Flow of the next frame's pixels towards this one.
        Raises:
            InputError: If it has another size.

        Example:
            >>> there, sure = np.full((1, 4, 2), [2.0, 0.0], np.float32), np.ones((1, 4), bool)
            >>> FlowMap(there, sure).forward_backward(FlowMap(-there, sure)).valid.tolist()
            [[True, True, False, False]]
        """
        if backward.valid.shape != self.valid.shape:
            raise InputError(
                f"expected backward flow of (height, width) {self.valid.shape}, got {backward.valid.shape}; both are "
                "of frames of one size"
            )
        known = np.where(backward.valid[..., None], backward.flow, np.float32(np.nan))
        agree = agreeing(np.where(self.valid[..., None], self.flow, np.float32(0.0)), known)
        return replace(self, valid=self.valid & agree)

    def to_disparity(self, largest_vertical_px: float = 1.0) -> DisparityMap:
        """The flow from the left to the right view of a rectified pair, as disparity: d = -u.

        Args:
            largest_vertical_px: Pixels that move farther up or down than this become invalid, as do those with d < 0.
        """
        disparity = -self.flow[..., 0]
        still = np.abs(self.flow[..., 1]) <= largest_vertical_px
        return DisparityMap(disparity, self.valid & still & (disparity >= 0), self.confidence)


@dataclass(frozen=True, eq=False)
class SceneFlowMap:
    """Motion in space of what a stereo camera sees, as disparity at two times and optical flow.

    Args:
        disparity: Of the first left image.
        next_disparity: Disparity, at the second time, of what the pixels of the first left image show.
        flow: Motion of those pixels in the left image.
        motion: The camera's own, if it was estimated.
        moving: Pixels that move by themselves, if the camera's motion was estimated.
        measured: The flow before pixels that stand still were given the camera's motion, if they were.
    Raises:
        InputError: If the layers' shapes differ.
    Example:
        >>> seen = np.ones((2, 3), bool)
        >>> disparity = DisparityMap(np.ones((2, 3), np.float32), seen)
        >>> SceneFlowMap(disparity, disparity, FlowMap(np.zeros((2, 3, 2), np.float32), seen)).valid.all().item()
        True
    """

    disparity: DisparityMap
    next_disparity: DisparityMap
    flow: FlowMap
    motion: CameraMotion | None = None
    moving: Bool[np.ndarray, "h w"] | None = None
    measured: FlowMap | None = None

    def __post_init__(self) -> None:
        """Checks that the layers fit together."""
        shape = self.disparity.valid.shape
        for layer, label in (
            (self.next_disparity.valid, "disparity at the second time"),
            (self.flow.valid, "flow"),
            (self.moving, "mask of what moves"),
        ):
            if layer is not None and layer.shape != shape:
                raise InputError(f"expected a {label} of the disparity's (height, width) {shape}, got {layer.shape}")

    @property
    def valid(self) -> Bool[np.ndarray, "h w"]:
        """Where all three numbers stand."""
        return self.disparity.valid & self.next_disparity.valid & self.flow.valid

    @property
    def confidence(self) -> None:
        """None: each of the three has a confidence of its own."""
        return None


def _kept_points(
    depth: Float32[np.ndarray, "h w"], keep: Bool[np.ndarray, "h w"], camera: Pinhole
) -> Float32[np.ndarray, "n 3"]:
    """Points of the chosen pixels, band by band: all at once, those of 24 megapixels would take 1.5 GB in float64."""
    bands: list[np.ndarray] = []
    for top in range(0, depth.shape[0], _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        moved = replace(camera, center_y_px=camera.center_y_px - top)
        bands.append(points_from_depth(depth[rows], moved)[keep[rows]].astype(np.float32))
    return np.concatenate(bands)


def _flying(
    depth: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], max_edge_ratio: float
) -> Bool[np.ndarray, "h w"]:
    """Pixels that lie in front of one neighbour and behind the opposite one: a mixture of two surfaces.

    Both neighbours must be valid: what an invalid pixel holds says nothing.
    """
    flying = np.zeros(depth.shape, dtype=bool)
    known = np.where(valid, depth, np.float32(0.0))
    for values, sure, out in ((known, valid, flying), (known.T, valid.T, flying.T)):
        middle = values[1:-1]
        before, after = values[:-2] - middle, values[2:] - middle
        tolerance = max_edge_ratio * np.abs(middle)
        between = (np.abs(before) > tolerance) & (np.abs(after) > tolerance) & (np.sign(before) != np.sign(after))
        out[1:-1] |= between & sure[:-2] & sure[2:]
    return flying
