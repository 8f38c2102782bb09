"""The folder of files that one image's depth becomes, and its summary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from leadline.errors import InputError
from leadline.geometry.mesh import mesh_from_depth
from leadline.io.glb import write_glb
from leadline.io.images import write_image
from leadline.io.pfm import write_pfm
from leadline.io.ply import AXES_WORDS, Axes, write_ply
from leadline.maps import DISTANCE_KINDS, DepthMap
from leadline.results.stereo import (
    SUMMARY_FILE,
    CloudLimits,
    whole_result,
    write_confidence,
    write_depth_pngs,
    write_json,
)
from leadline.visual.colormap import plasma_depth

MONO_FILES: Final = (
    "inverse_depth.pfm",
    "inverse_depth_plasma.png",
    "inverse_depth_16bit.png",
    "depth.pfm",
    "depth_plasma.png",
    "depth_16bit.png",
    "depth_mm.png",
    "depth_m256.png",
    "depth_error.pfm",
    "confidence.png",
    "confidence.pfm",
    "cloud.ply",
    "mesh.glb",
    SUMMARY_FILE,
)
"""All that one image may leave; which of them depends on the kind of its depth."""
_STEPS: Final = 65534
_UNITS: Final = {
    "inverse_depth.pfm": "s / Z + t with unknown s > 0 and t: larger is closer; NaN where unknown",
    "inverse_depth_plasma.png": "colours of inverse_depth.pfm, hotter is closer",
    "depth_plasma.png": "colours of 1 / depth, hotter is closer",
    "depth_mm.png": "mm, 16 bit, 0 where unknown or beyond 65.535 m",
    "depth_m256.png": "m times 256, 16 bit, 0 where unknown or beyond 255.99 m; only where depth_mm.png is too short",
    "depth_error.pfm": "m: the true depth is within this of depth.pfm with a probability of 80 %, inf where unknown",
    "confidence.pfm": "in [0, 1], as the model's card says",
    "confidence.png": "the same times 255",
    "mesh.glb": "glTF: y up, z towards the viewer, in the unit of depth.pfm, without triangles across edges of depth",
}
_OF_KIND: Final = {
    "metric": {
        "depth.pfm": "m along the optical axis, inf where unknown",
        "cloud.ply": "m in the camera's frame, x right, y down, z forward",
    },
    "up_to_scale": {
        "depth.pfm": "m along the optical axis times an unknown factor, inf where unknown",
        "cloud.ply": "in the camera's frame, x right, y down, z forward, in the unit of depth.pfm",
    },
    "affine_inverse": {},
    "affine_depth": {"depth.pfm": "s Z + t with unknown s > 0 and t, inf where unknown"},
}


def write_mono_result(
    folder: Path,
    image: UInt8[np.ndarray, "h w 3"],
    depth: DepthMap,
    summary: Mapping[str, Any],
    axes: Axes = "opencv",
    mesh: bool = False,
    limits: CloudLimits | None = None,
    error_bound_m: Float32[np.ndarray, "h w"] | None = None,
) -> None:
    """Writes all files of one image, the summary last; after a failure or Ctrl-C none of them remains.

    A cloud is written where depth is metric or up to scale and its camera is known.

    Args:
        folder: Made if need be.
        image: The image, for the colours of the point cloud.
        depth: Of any kind.
        summary: What goes into summary.json, before what the files themselves say.
        axes: Of cloud.ply.
        mesh: Whether mesh.glb is written, too.
        limits: Which pixels become points of the cloud.
        error_bound_m: Error bar of each depth, if there is one.
    Raises:
        InputError: If a mesh is asked for and there can be none.
        OutputError: If something cannot be written.
    Example:
        >>> import tempfile
        >>> depth = DepthMap(np.full((2, 3), 1.5, np.float32), np.ones((2, 3), bool), "metric")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_mono_result(Path(folder), np.zeros((2, 3, 3), np.uint8), depth, {"model": "mine"})
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['depth.pfm', 'depth_mm.png', 'depth_plasma.png', 'summary.json']
    """
    with whole_result(folder, MONO_FILES) as place:
        units = {**_UNITS, **_OF_KIND[depth.kind], **_write_depth(place, depth)}
        if depth.confidence is not None:
            write_confidence(place, depth.confidence)
        if error_bound_m is not None:
            write_pfm(place / "depth_error.pfm", error_bound_m)
        points = _write_cloud(place, image, depth, axes, limits or CloudLimits())
        if points is not None:
            units["cloud.ply"] = units["cloud.ply"].replace(AXES_WORDS["opencv"], AXES_WORDS[axes])
        if mesh:
            _write_mesh(place, image, depth)
        written = {name: units[name] for name in MONO_FILES if name in units and (place / name).exists()}
        shares = {"valid_share": float(depth.valid.mean()), "points": points}
        write_json(place / SUMMARY_FILE, {**summary, **shares, "units": written})


def _write_depth(folder: Path, depth: DepthMap) -> dict[str, str]:
    """Numbers and images; returns what the samples of a normalised image mean."""
    name, unknown = ("inverse_depth", np.nan) if depth.kind == "affine_inverse" else ("depth", np.inf)
    write_pfm(folder / f"{name}.pfm", np.where(depth.valid, depth.depth, np.float32(unknown)))
    write_image(folder / f"{name}_plasma.png", plasma_depth(depth))
    if depth.kind == "metric":
        write_depth_pngs(folder, depth)
        return {}
    samples, low, step = _normalised(depth)
    write_image(folder / f"{name}_16bit.png", samples)
    return {f"{name}_16bit.png": f"{name}.pfm = {low:.9g} + (sample - 1) * {step:.9g}; 0 where unknown"}


def _normalised(depth: DepthMap) -> tuple[UInt16[np.ndarray, "h w"], float, float]:
    """Samples from 1 to 65535 over the valid range, 0 where unknown; the value of sample 1 and the step."""
    known: Float32[np.ndarray, " n"] = depth.depth[depth.valid]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    step = (high - low) / _STEPS or 1.0
    samples = np.rint((np.where(depth.valid, depth.depth, low).astype(np.float64) - low) / step) + 1.0
    return np.where(depth.valid, samples, 0.0).astype(np.uint16), low, step


def _write_mesh(folder: Path, image: UInt8[np.ndarray, "h w 3"], depth: DepthMap) -> None:
    if depth.kind not in DISTANCE_KINDS or depth.camera is None:
        raise InputError(
            "expected depth with a known scale and camera for a mesh, got neither or one; give the field of view, and "
            "what makes the depth metric: measured points, or planes:NEAR:FAR as an assumption"
        )
    write_glb(folder / "mesh.glb", mesh_from_depth(depth.depth, depth.valid, depth.camera), image)


def _write_cloud(
    folder: Path, image: UInt8[np.ndarray, "h w 3"], depth: DepthMap, axes: Axes, limits: CloudLimits
) -> int | None:
    """The number of points; None where there can be no cloud."""
    if depth.kind not in DISTANCE_KINDS or depth.camera is None:
        return None
    cloud = depth.to_cloud(image, min_confidence=limits.min_confidence, max_depth=limits.max_depth_m)
    write_ply(folder / "cloud.ply", cloud, "metres" if depth.kind == "metric" else "unknown unit", axes)
    return len(cloud.points)
