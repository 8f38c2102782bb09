"""Depth of an image, and its summary, as the command line does it."""

import time
from dataclasses import asdict, dataclass
from math import radians, tan
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.calib import colmap_center
from leadline.io.exif import NARROWEST_DEG, WIDEST_DEG, doubtful_focal, field_of_view_deg, read_exif_focal
from leadline.io.rigs import single_camera
from leadline.maps import DISTANCE_KINDS, DepthKind, DepthMap
from leadline.results.stereo import CloudLimits, versions
from leadline.robotics.tof_fusion import FusedDepth
from leadline.runtime.card import bundled_cards
from leadline.runtime.mono import MonoMethod
from leadline.scale.fit import MetricFit, to_metric
from leadline.scale.sources import ScaleSource

Image = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True)
class CameraSource:
    """Source of the focal length; the image's EXIF data if nothing is given.

    Args:
        focal_px: Pixels of the image.
        fov_deg: Field of view across the width.
        calibration: A calibration file; its left camera counts.
    Raises:
        InputError: If more than one is given, or one is out of range.
    Example:
        >>> found = CameraSource(fov_deg=90.0).camera(Path("a.png"), height=480, width=640)
        >>> round(found.camera.focal_x_px, 6), found.source
        (320.0, 'a field of view of 90 degrees across the width')
    """

    focal_px: float | None = None
    fov_deg: float | None = None
    calibration: Path | None = None

    def __post_init__(self) -> None:
        """Refuses what contradicts itself before any image is read."""
        given = [value for value in (self.focal_px, self.fov_deg, self.calibration) if value is not None]
        if len(given) > 1:
            raise InputError("expected one of focal_px, fov_deg and calibration, got several; leave the others out")
        if self.focal_px is not None and not (np.isfinite(self.focal_px) and self.focal_px > 0):
            raise InputError(f"expected a focal length above 0 px, got {self.focal_px:g}")
        if self.fov_deg is not None and not NARROWEST_DEG <= self.fov_deg <= WIDEST_DEG:
            raise InputError(
                f"expected a field of view from {NARROWEST_DEG:g} to {WIDEST_DEG:g} degrees, got {self.fov_deg:g}"
            )

    def camera(self, path: Path, height: int, width: int) -> "FoundCamera":
        """The camera of one image.

        Args:
            path: The image.
            height: Its rows when it is upright.
            width: Its columns.
        Raises:
            InputError: If a given focal length is absurd for this image, or the calibration is of another shape.
            CalibrationError: If the calibration file is unusable.
        """
        if self.calibration is not None:
            found, notes = single_camera(self.calibration, (height, width))
            written = colmap_center(self.calibration)
            if written is not None:
                told = f"{written[0]:g}, {written[1]:g} from the first pixel's corner"
                notes += (f"{self.calibration}: COLMAP's principal point {told} is half a pixel less from its centre",)
            return FoundCamera(found, f"left camera of {self.calibration}", notes, written)
        if self.focal_px is not None:
            angle = field_of_view_deg(self.focal_px, float(np.hypot(height, width)))
            if not NARROWEST_DEG <= angle <= WIDEST_DEG:
                raise InputError(
                    f"expected a focal length in pixels of the image, got {self.focal_px:g} px: a field of view of "
                    f"{angle:.1f} degrees in {width}x{height}; it is not in mm"
                )
            notes = doubtful_focal(self.focal_px, angle)
            return FoundCamera(_centred(self.focal_px, height, width), f"a focal length of {self.focal_px:g} px", notes)
        if self.fov_deg is not None:
            focal_px = width / (2.0 * tan(radians(self.fov_deg) / 2.0))
            return FoundCamera(
                _centred(focal_px, height, width), f"a field of view of {self.fov_deg:g} degrees across the width"
            )
        found = read_exif_focal(path, height, width)
        if found.focal_px is None:
            return FoundCamera(None, found.source, (found.source,) if found.refused else ())
        return FoundCamera(_centred(found.focal_px, height, width), found.source)


@dataclass(frozen=True)
class FoundCamera:
    """An image's camera, where it comes from, and what the user should know of it.

    Args:
        camera: None if the focal length is not known.
        source: In words.
        notes: For the user.
        colmap_center_px: The principal point as COLMAP's file has it, from the corner of the first pixel.
    """

    camera: Pinhole | None
    source: str
    notes: tuple[str, ...] = ()
    colmap_center_px: tuple[float, float] | None = None

    def described(self) -> dict[str, Any]:
        """Plain values for a summary: ours, and COLMAP's in its own convention."""
        told: dict[str, Any] = {"source": self.source, **({} if self.camera is None else asdict(self.camera))}
        if self.colmap_center_px is not None:
            x, y = self.colmap_center_px
            told["in_colmap"] = {"center_x_px": x, "center_y_px": y, "from": "the corner of the first pixel"}
        return told


@runtime_checkable
class CameraAware(Protocol):
    """A method whose depth depends on the camera's focal length, and can be told it."""

    def with_camera(self, depth: DepthMap, camera: Pinhole) -> DepthMap:
        """Depth that a call returned, as the given camera makes it."""
        ...


@dataclass(frozen=True, eq=False)
class MonoDepth:
    """Depth of one image, and whatever made it metric.

    Args:
        depth: Metric if there was something to make it so, else of the method's kind.
        model_kind: The method's kind.
        seconds: Of the method alone.
        found: The camera.
        fit: What made it metric.
        notes: What the user should know.
        error_bound_m: Where zones of a time-of-flight sensor made it metric: the true depth is within this of it with
            a probability of 80 %.
    """

    depth: DepthMap
    model_kind: DepthKind
    seconds: float
    found: FoundCamera
    fit: MetricFit | None
    notes: tuple[str, ...]
    error_bound_m: Float32[np.ndarray, "h w"] | None = None


def estimate_depth(
    method: MonoMethod, image: Image, found: FoundCamera, scale: ScaleSource | None, name: str
) -> MonoDepth:
    """Depth of one image, metric if it is asked for.

    Args:
        method: What `load_model` made.
        image: The image, upright.
        found: Its camera.
        scale: What makes the depth metric.
        name: The image's, for folders of known distances.
    Raises:
        InputError: If the image is too small, or a scale is asked for and cannot be found.
    """
    start = time.perf_counter()
    relative = method(image)
    seconds = time.perf_counter() - start
    if found.camera is None and relative.camera is not None:
        found = FoundCamera(relative.camera, "the model's own estimate", found.notes)
    notes = found.notes
    if found.camera is not None and isinstance(method, CameraAware):
        known = method.with_camera(relative, found.camera)
        # A fit finds the scale of its own kind of depth.
        own = known is relative
        relative = known if scale is None or known.kind == relative.kind else relative
    else:
        own = found.camera is not None
    if own and scale is None and relative.kind == "metric":
        notes += ("the metres are the model's own: the focal length only places the points of the cloud",)
    fused, fit = (None, None) if scale is None else scale.fuse(relative, found.camera, image, name)
    depth = DepthMap(relative.depth, relative.valid, relative.kind, relative.confidence, found.camera)
    if scale is not None and fit is not None:
        depth = to_metric(relative, fit, found.camera) if fused is None else fused.depth
        if not depth.valid.any():
            raise InputError(
                f"expected depth within 1000 m, got none by the scale from {scale.text}; check its numbers"
            )
    notes += () if fit is None else _fit_notes(fit)
    if depth.kind == "affine_inverse":
        notes += ("no cloud.ply: inverse depth of unknown scale and shift; a source of scale makes it metric",)
    elif depth.kind == "affine_depth":
        notes += ("no cloud.ply: depth of unknown scale and shift; a source of scale makes it metric",)
    elif found.camera is None:
        notes += (f"no cloud.ply: {found.source}; give focal_px, fov_deg or a calibration",)
    bound = None if fused is None else error_bound_m(fused)
    return MonoDepth(depth, relative.kind, seconds, found, fit, notes, bound)


def error_bound_m(fused: FusedDepth) -> Float32[np.ndarray, "h w"]:
    """Half width of the interval around each fused depth that holds the true one with a probability of 80 %, metres."""
    return np.where(fused.depth.valid, fused.depth.depth * np.expm1(fused.log_bound), np.float32(np.inf))


def _fit_notes(fit: MetricFit) -> tuple[str, ...]:
    """Notes on a fit, and reasons why it may be wrong."""
    return (*fit.notes, *(f"warning: {doubt}" for doubt in fit.doubts()))


def _fit_summary(scale: ScaleSource, fit: MetricFit) -> dict[str, Any]:
    """Where the scale comes from, what it is, and how far to trust it."""
    evidence = asdict(fit)
    return {"source": scale.text, **evidence.pop("alignment"), **evidence}


def summarize_mono(
    result: MonoDepth, method: MonoMethod, name: str, scale: ScaleSource | None, limits: CloudLimits | None = None
) -> dict[str, Any]:
    """Content of summary.json on how a result came about.

    Args:
        result: The result.
        method: Who made it.
        name: Under which name.
        scale: What made it metric.
        limits: Which pixels become points of the cloud.
    """
    limits = limits or CloudLimits()
    card, camera = bundled_cards("mono").get(name), result.found.camera
    described: dict[str, Any] = getattr(method, "description", {"model": name})
    height, width = result.depth.depth.shape
    has_cloud = camera is not None and result.depth.kind in DISTANCE_KINDS
    return {
        **described,
        "model_sha256": card and card.sha256,
        "kind": result.depth.kind,
        "model_kind": result.model_kind,
        "height": height,
        "width": width,
        "seconds": result.seconds,
        "camera": result.found.described(),
        "scale_from": None if scale is None or result.fit is None else _fit_summary(scale, result.fit),
        "cloud_min_confidence": limits.min_confidence if has_cloud and result.depth.confidence is not None else None,
        "cloud_max_depth_m": limits.max_depth_m,
        **({} if result.error_bound_m is None else {"median_error_bound_share": _median_share(result)}),
        "notes": list(result.notes),
        "versions": versions(),
    }


def _median_share(result: MonoDepth) -> float:
    """Median of the error bars as shares of their depth."""
    assert result.error_bound_m is not None
    valid = result.depth.valid
    return float(np.median(result.error_bound_m[valid] / result.depth.depth[valid]))


def _centred(focal_px: float, height: int, width: int) -> Pinhole:
    """A camera with square pixels that looks through the middle of its image."""
    return Pinhole(focal_px, focal_px, (width - 1) / 2.0, (height - 1) / 2.0, height, width)
