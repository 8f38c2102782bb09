"""Metric depth from a time-of-flight sensor beside the camera."""

from dataclasses import dataclass, field
from math import radians, tan
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.known_depths import LengthUnit
from leadline.maps import DepthMap
from leadline.metrics.align import Alignment
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_fusion import FusedDepth, combine_frames, fuse_depth
from leadline.robotics.tof_log import TofLog, read_tof_log
from leadline.robotics.tof_match import FusionView
from leadline.robotics.tof_mount import TofMount
from leadline.robotics.tof_orientation import DOUBTED, better_orientation
from leadline.robotics.tof_zones import FIELD_DEG
from leadline.scale.fit import MetricFit

_LONGEST_S: Final = 2.0
"""A log that lasts longer shows more than one moment: the image's must be said."""
_SPAN_S: Final = 0.2
"""Frames within half of this of the image's time are combined."""


@dataclass(frozen=True, eq=False)
class ZoneOptions:
    """How the zones of a log belong to an image.

    Args:
        mount: Turn, flip, field and pose of the sensor; straight beside the camera if absent.
        time_s: When the image was taken, by the log's clock.
        calibrated: Whether the mount was measured, so that its field of view counts.
    Example:
        >>> ZoneOptions(time_s=2.5).mount.field_deg
        45.0
    """

    mount: TofMount = field(default_factory=TofMount)
    time_s: float | None = None
    calibrated: bool = False


@dataclass(frozen=True, eq=False)
class ZoneFrame:
    """The frame of an image, and what its log says.

    Args:
        frame: Upright.
        log: Where it comes from.
        field_deg: Of the sensor; None where the zones cover the whole image.
    """

    frame: TofFrame
    log: TofLog
    field_deg: float | None


def zone_frame(path: Path, unit: LengthUnit | None, field_deg: float | None, options: ZoneOptions) -> ZoneFrame:
    """The frame that belongs to an image.

    Args:
        path: Of the log.
        unit: Of its distances, if the user said so.
        field_deg: Of the sensor, if the user said so.
        options: See there.
    Raises:
        InputError: If the log cannot be read, or lasts long and the image's time is not known.
    """
    log = options.mount.upright(read_tof_log(path, unit))
    first, last = log.frames[0].time_s, log.frames[-1].time_s
    if options.time_s is not None:
        if log.timed and not min(first, last) - 1.0 <= options.time_s <= max(first, last) + 1.0:
            raise InputError(
                f"expected a time within {path}, which lasts from {first:g} to {last:g} s, got {options.time_s:g}"
            )
        frames = log.around(options.time_s, _SPAN_S)
    elif log.timed and abs(last - first) > _LONGEST_S:
        raise InputError(
            f"expected the time of the image for {path}, which lasts from {first:g} to {last:g} s, got none; "
            "give the time in seconds"
        )
    else:
        frames = list(log.frames)
    if field_deg is None and (options.calibrated or not log.grid):
        field_deg = options.mount.field_deg if options.calibrated else FIELD_DEG
    return ZoneFrame(combine_frames(frames), log, field_deg)


def fuse_zones(
    relative: DepthMap,
    found: ZoneFrame,
    camera: Pinhole,
    image: UInt8[np.ndarray, "h w 3"],
    options: ZoneOptions,
    path: Path,
) -> tuple[FusedDepth, MetricFit]:
    """Depth fused with zones, and the evidence for it.

    Args:
        relative: What a network found.
        found: The image's frame; its field of view is known.
        camera: The image's.
        image: The image.
        options: See there.
        path: Of the log, for messages.
    Raises:
        InputError: If the zones do not suffice, or fit far better in another orientation.
    """
    assert found.field_deg is not None
    size = found.frame.size
    pose = None if np.array_equal(options.mount.sensor_from_camera, np.eye(4)) else options.mount.sensor_from_camera
    view = FusionView(camera, TofMount(found.field_deg).zones(size), pose)
    fused = fuse_depth(relative, found.frame, view, image=image)
    notes = found.log.notes
    better = better_orientation(relative, found.frame, view, image, fused.residual)
    if better is not None:
        name, residual, now = better
        if now > DOUBTED:
            raise InputError(
                f"expected distances in the image's order in {path}, which are off by {100 * now:.0f} %; they fit (off "
                f"by {100 * residual:.0f} %) {name}"
            )
        notes += (f"warning: {path}: its distances fit better (off by {100 * residual:.1f} %) {name}",)
    if fused.outliers > 0.25 * fused.zones:
        notes += (
            f"warning: {fused.outliers} of {fused.zones} zones are more than 30 % off the fused depth: glass, mirrors, "
            "or a wrong time, field of view or mount",
        )
    known = found.frame.distances_m[found.frame.valid]
    line = Alignment("inverse_depth", fused.scale, fused.shift)
    if relative.kind != "affine_inverse":
        line = Alignment("depth", 1.0 / fused.scale, 0.0)
    fit = MetricFit(
        alignment=line,
        points=fused.zones,
        inlier_share=1.0 - fused.outliers / max(fused.zones, 1),
        median_relative_residual=fused.field_residual,
        scale_sigma=None,
        shift_sigma=None,
        assumption=(
            f"the {size}x{size} zones cover a square field of {found.field_deg:g} degrees "
            f"{'around the optical axis' if pose is None else 'of the calibrated mount'}, as the camera sees it; "
            "metres along the sensor's optical axis; corrected zone by zone"
        ),
        spread=float(known.max() / known.min()),
        notes=notes,
    )
    return fused, fit


def zone_values(
    relative: DepthMap, camera: Pinhole | None, field_deg: float | None, size: int
) -> tuple[Float64[np.ndarray, "n n"], str]:
    """The depth map's median in each zone, and what the zones cover, in words.

    Args:
        relative: Any kind.
        camera: The image's; not needed for zones that cover the whole image.
        field_deg: Of the sensor; None for the whole image.
        size: Zones across.
    """
    height, width = relative.depth.shape
    rows, columns = (np.linspace(-0.5, side - 0.5, size + 1, dtype=np.float64) for side in (height, width))
    words = "the whole image"
    if field_deg is not None:
        assert camera is not None
        edges = np.linspace(-1.0, 1.0, size + 1, dtype=np.float64) * tan(radians(field_deg) / 2.0)
        rows = camera.center_y_px + edges * camera.focal_y_px
        columns = camera.center_x_px + edges * camera.focal_x_px
        words = f"a square field of {field_deg:g} degrees around the optical axis"
    values = [[_zone_median(relative, rows[i : i + 2], columns[j : j + 2]) for j in range(size)] for i in range(size)]
    return np.array(values), words


def _zone_median(relative: DepthMap, rows: Float64[np.ndarray, "2"], columns: Float64[np.ndarray, "2"]) -> float:
    """Median of the valid depth in a zone; NaN where most of it lies outside of the image or nothing is valid."""
    height, width = relative.depth.shape
    (top, bottom), (first, last) = np.ceil(rows).astype(int), np.ceil(columns).astype(int)
    view = np.s_[max(top, 0) : max(min(bottom, height), 0), max(first, 0) : max(min(last, width), 0)]
    seen = relative.depth[view]
    if seen.size < 0.5 * (bottom - top) * (last - first) or not relative.valid[view].any():
        return float("nan")
    return float(np.median(seen[relative.valid[view]]))
