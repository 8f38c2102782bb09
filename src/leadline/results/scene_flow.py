"""The folder of files that a scene flow becomes, and its summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera_motion import CameraMotion, moved_points, points_of
from leadline.geometry.moving_objects import MovingObject, moving_objects
from leadline.geometry.rig import StereoRig
from leadline.geometry.unproject import PointCloud
from leadline.io.atomic import atomic_write
from leadline.io.images import write_image
from leadline.io.kitti_flow_png import LARGEST_PX, encode_flow
from leadline.io.kitti_png import write_kitti_disparity
from leadline.io.ply import write_ply
from leadline.maps import DisparityMap, SceneFlowMap
from leadline.results.stereo import SUMMARY_FILE, describe_rig, whole_result, write_json
from leadline.visual.colormap import plasma
from leadline.visual.flow import colour_scale, flow_colours

SCENE_FLOW_FILES: Final = (
    "scene_flow.npz",
    "disp_0.png",
    "disp_1.png",
    "flow.png",
    "flow_colour.png",
    "motion_plasma.png",
    "moving.png",
    "objects.png",
    "cloud.ply",
    SUMMARY_FILE,
)
_UNITS: Final = {
    "scene_flow.npz": "disparity, next_disparity and flow in px of the first left image; points in m in the first left "
    "camera's frame (x right, y down, z forward); motion (of the point in the camera's frame, next less first) and "
    "own_motion (over still ground) in m between the two times, NaN where unknown; valid, moving; objects: numbers, 0 "
    "none; second_from_first: 4x4",
    "disp_0.png": "px times 256, 16 bit, 0 where unknown: disparity at the first time",
    "disp_1.png": "likewise: disparity at the second time of what the pixels of the first show",
    "flow.png": "16 bit: red is 64 u + 32768, green 64 v + 32768, blue 1 where valid; 0 where not",
    "flow_colour.png": "Middlebury's wheel: white stays, red goes right, yellow down, cyan left, blue up; full colour "
    "at {scale:.3g} px",
    "motion_plasma.png": "length of own_motion, m: dark is 0, bright {fastest:.3g}; black where unknown",
    "moving.png": "255 where a pixel moves by itself",
    "objects.png": "number of the moving object, 0 for none; at most 255",
    "cloud.ply": "m in the first left camera's frame, with motion_x, motion_y, motion_z: own_motion in m",
}
_LARGEST_DISPARITY: Final = 255.99


@dataclass(frozen=True, eq=False)
class Motions:
    """Points and motions of a scene flow in space.

    Args:
        points: In the first left camera's frame, metres.
        motion: Where each point is in the second camera's frame less where it is in the first's, metres.
        own_motion: Where it is in the first camera's frame at the second time less where it was: over still ground.
        known: Where all of them stand.
        labels: Number of the moving object of each pixel, 0 for none.
        objects: Those that move by themselves.
    """

    points: Float64[np.ndarray, "h w 3"]
    motion: Float64[np.ndarray, "h w 3"]
    own_motion: Float64[np.ndarray, "h w 3"]
    known: Bool[np.ndarray, "h w"]
    labels: Int32[np.ndarray, "h w"]
    objects: tuple[MovingObject, ...]


def motions_in_space(found: SceneFlowMap, rig: StereoRig) -> Motions:
    """Metric points, motions and moving objects of a scene flow.

    Args:
        found: With the camera's motion.
        rig: The cameras.
    Raises:
        InputError: If the camera's motion was not estimated.
    """
    camera, moving = found.motion, found.moving
    if camera is None or moving is None:
        raise InputError("expected a scene flow with the camera's motion, got one without; estimate it first")
    rows, columns = (np.asarray(layer, np.float64) for layer in np.indices(found.valid.shape))
    known = found.valid & (found.disparity.disparity + rig.doffs_px > 0)
    known &= found.next_disparity.disparity + rig.doffs_px > 0
    flow = np.where(known[..., None], found.flow.flow, np.float32(0.0)).astype(np.float64)
    disparities = [
        np.where(known, layer.disparity, np.float32(1.0)).astype(np.float64)
        for layer in (found.disparity, found.next_disparity)
    ]
    first = points_of(columns, rows, disparities[0], rig)
    second = points_of(columns + flow[..., 0], rows + flow[..., 1], disparities[1], rig)
    points, motion, own = (
        np.moveaxis(layer, 0, -1)
        for layer in (first, second - first, moved_points(second, camera.first_from_second) - first)
    )
    labels, objects = moving_objects(moving, points, own, known & found.disparity.to_depth(rig).trusted)
    return Motions(points, motion, own, known, labels, objects)


def write_scene_flow_result(
    folder: Path,
    left: UInt8[np.ndarray, "h w 3"],
    found: SceneFlowMap,
    rig: StereoRig,
    summary: Mapping[str, Any],
    fps: float | None = None,
) -> Motions:
    """Writes all files of one scene flow, the summary last, as `whole_result` does.

    Args:
        folder: Made if need be.
        left: The first left image, for the colours of the cloud.
        found: With the camera's motion.
        rig: The cameras.
        summary: What goes into summary.json, before what the files themselves say.
        fps: Pairs a second, for velocities in m/s.
    Returns:
        What was written of points, motions and objects.
    Raises:
        InputError: If the camera's motion was not estimated.
        OutputError: If something cannot be written.
    """
    space = motions_in_space(found, rig)
    own = np.linalg.norm(space.own_motion, axis=2).astype(np.float32)
    fastest = max(float(np.percentile(own[space.known], 99)) if space.known.any() else 0.0, 1e-3)
    scale = colour_scale(found.flow)
    with whole_result(folder, SCENE_FLOW_FILES) as place:
        _write_arrays(place / "scene_flow.npz", found, space)
        for name, layer in (("disp_0.png", found.disparity), ("disp_1.png", found.next_disparity)):
            write_kitti_disparity(place / name, *_coded(layer))
        held = found.flow.valid & (np.abs(found.flow.flow).max(axis=2) <= LARGEST_PX)
        write_image(place / "flow.png", encode_flow(found.flow.flow, held))
        write_image(place / "flow_colour.png", flow_colours(found.flow, scale))
        write_image(place / "motion_plasma.png", plasma(own, space.known, (0.0, fastest)))
        write_image(place / "moving.png", np.asarray(found.moving, np.uint8) * np.uint8(255))
        write_image(place / "objects.png", np.minimum(space.labels, 255).astype(np.uint8))
        points = _write_cloud(place / "cloud.ply", left, found, space, rig)
        told = {
            **summary,
            "camera": describe_motion(found.motion, fps),
            "moving_share": float(np.mean(found.moving)) if found.moving is not None else None,
            "objects": [describe_object(entry, fps) for entry in space.objects],
            "valid_share": float(found.valid.mean()),
            "rig": describe_rig(rig),
            "points": points,
            "units": {name: unit.format(scale=scale, fastest=fastest) for name, unit in _UNITS.items()},
        }
        write_json(place / SUMMARY_FILE, told)
    return space


def describe_motion(motion: CameraMotion | None, fps: float | None) -> dict[str, Any] | None:
    """The camera's motion for a summary."""
    if motion is None:
        return None
    speed = {} if fps is None else {"speed_m_per_s": motion.translation_m * fps}
    return {
        "second_from_first": motion.second_from_first.tolist(),
        "translation_m": motion.translation_m,
        "rotation_deg": motion.rotation_deg,
        "agreeing_pixels": motion.agreeing,
        "asked_pixels": motion.looked_at,
        "agreeing_share": motion.share,
        **speed,
    }


def describe_object(entry: MovingObject, fps: float | None) -> dict[str, Any]:
    """A moving object for a summary.

    >>> car = MovingObject(1, 900, (10, 20, 30, 30), (0.0, 0.0, 12.0), (2.0, 1.5, 1.0), (0.0, 0.0, 1.5))
    >>> describe_object(car, fps=10.0)["speed_m_per_s"]
    15.0
    """
    speed = {}
    if fps is not None:
        speed = {"velocity_m_per_s": [fps * part for part in entry.motion_m], "speed_m_per_s": fps * entry.moved_m}
    return {
        "number": entry.number,
        "pixels": entry.pixels,
        "box_px": list(entry.box_px),
        "centre_m": list(entry.centre_m),
        "distance_m": entry.distance_m,
        "size_m": list(entry.size_m),
        "motion_m": list(entry.motion_m),
        "moved_m": entry.moved_m,
        **speed,
    }


def _coded(layer: DisparityMap) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    held = layer.valid & (layer.disparity > 0) & (layer.disparity < _LARGEST_DISPARITY)
    return np.where(held, layer.disparity, np.float32(0.0)), held


def _write_arrays(path: Path, found: SceneFlowMap, space: Motions) -> None:
    unknown = ~space.known[..., None]
    arrays: dict[str, np.ndarray] = {
        "disparity": found.disparity.disparity,
        "next_disparity": found.next_disparity.disparity,
        "flow": found.flow.flow,
        "valid": found.valid,
        "points": np.where(unknown, np.nan, space.points).astype(np.float32),
        "motion": np.where(unknown, np.nan, space.motion).astype(np.float32),
        "own_motion": np.where(unknown, np.nan, space.own_motion).astype(np.float32),
        "moving": np.asarray(found.moving),
        "objects": space.labels,
        "second_from_first": np.asarray(found.motion and found.motion.second_from_first),
    }
    if found.measured is not None:
        arrays["measured_flow"] = found.measured.flow
    with atomic_write(path) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def _write_cloud(
    path: Path, left: UInt8[np.ndarray, "h w 3"], found: SceneFlowMap, space: Motions, rig: StereoRig
) -> int:
    """The coloured points that are sure, with their motions."""
    keep = space.known & found.disparity.to_depth(rig).trusted
    cloud = PointCloud(space.points[keep].astype(np.float32), left[keep])
    write_ply(path, cloud, motion=space.own_motion[keep].astype(np.float32))
    return len(cloud.points)
