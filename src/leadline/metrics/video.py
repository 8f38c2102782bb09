"""Steadiness of depth over the frames of a film, and errors of a whole clip under one alignment."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.trajectory import inverse_poses
from leadline.maps import DepthMap
from leadline.metrics.align import align
from leadline.metrics.reduce import masked_mean

_NEAREST_M: Final = 1e-3
_UNLIKE: Final = 50.0


def clip_depth_m(
    predictions: Sequence[DepthMap],
    truths: Sequence[Float[np.ndarray, "h w"]],
    masks: Sequence[Bool[np.ndarray, "h w"]],
    max_depth_m: float,
) -> list[Float64[np.ndarray, "h w"]]:
    """Metres of all frames by one scale and one shift for the clip, fitted by least squares to the truth of all frames.

    Args:
        predictions: Of one kind.
        truths: Metres.
        masks: Pixels with truth.
        max_depth_m: Farther depth is raised to this.
    Returns:
        Depth of each frame; depth of kind affine_depth is fitted in depth, all other kinds in inverse depth.
    Raises:
        InputError: If the kinds differ or nothing has truth.
    Source: The alignment of video depth evaluations, such as Hu et al., "DepthCrafter", CVPR 2025.
    """
    kinds = {prediction.kind for prediction in predictions}
    if len(kinds) != 1:
        raise InputError(f"expected depth of one kind for a clip, got {', '.join(sorted(kinds)) or 'no frame'}")
    rows = np.cumsum([len(prediction.depth) for prediction in predictions])[:-1]
    whole = DepthMap(
        np.concatenate([prediction.depth for prediction in predictions]),
        np.concatenate([prediction.valid for prediction in predictions]),
        predictions[0].kind,
    )
    mask = np.concatenate(list(masks)) & whole.valid
    name = "lsq-depth" if whole.kind == "affine_depth" else "lsq-disparity"
    aligned = align(whole, np.concatenate(list(truths)), mask, name, max_depth_m)
    return np.split(np.clip(aligned.depth, _NEAREST_M, max_depth_m), rows)


def alike(now: Float32[np.ndarray, "h w"], past: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """How far the same points look the same in two frames: exp(-50 (I - I_past)^2).

    Args:
        now: Grey values in [0, 1].
        past: Those of the last frame, carried to this one along the flow.
    Source: The weight of OPW in Wang et al., "Neural Video Depth Stabilizer", ICCV 2023.
    Example:
        >>> [f"{weight:.3f}" for weight in alike(np.float32([[0.5, 0.5]]), np.float32([[0.5, 0.7]]))[0]]
        ['1.000', '0.135']
    """
    return np.exp(-_UNLIKE * (now - past) ** 2).astype(np.float32)


def warping_error(
    past: Float32[np.ndarray, "h w"], now: Float32[np.ndarray, "h w"], weight: Float32[np.ndarray, "h w"]
) -> float:
    """Weighted mean difference between a frame's values and those of the last frame, carried to it along the flow.

    Args:
        past: Values of the last frame at the points of this one.
        now: Values of this frame.
        weight: Of `alike`; 0 where the flow fails its check.
    Returns:
        In the unit of the values; NaN if no pixel has weight.
    Source: OPW of Wang et al., "Neural Video Depth Stabilizer", ICCV 2023.
    Example:
        >>> one = np.ones((1, 2), np.float32)
        >>> warping_error(one, one + np.array([[0.5, 9.0]], np.float32), np.array([[1.0, 0.0]], np.float32))
        0.5
    """
    total = float(weight.sum(dtype=np.float64))
    if total <= 0.0:
        return float("nan")
    return float((weight * np.abs(now - past)).sum(dtype=np.float64)) / total


def temporal_alignment_error(
    depths_m: Sequence[Float[np.ndarray, "h w"]],
    masks: Sequence[Bool[np.ndarray, "h w"]],
    camera: Pinhole,
    poses: Float64[np.ndarray, "n 4 4"],
) -> float:
    """TAE: how far depth moves away from what the camera's own motion makes of it, mean over neighbouring frames.

    Each pixel of a frame is moved by the true motion into the neighbouring frame, rounded to a pixel, and compared with
    the depth there, relative to it; in both directions. As in the published script there is no test for occlusion, and
    the last pixel that falls on a place wins: even true depth has an error above 0.

    Args:
        depths_m: Of each frame, metres.
        masks: Pixels that count, in both frames of a pair.
        camera: Of all frames.
        poses: Camera to world, metres.
    Returns:
        Share; published tables have 100 times it.
    Raises:
        InputError: If there are fewer than two frames, or no pixel of a pair has a partner.
    Source: Yang et al., "Depth Any Video", ICLR 2025, as evaluated by "Video Depth Anything", CVPR 2025.
    """
    if len(depths_m) < 2 or len(poses) != len(depths_m):
        raise InputError(f"expected a pose for each of at least two frames, got {len(poses)} for {len(depths_m)}")
    errors = list[float]()
    for first in range(len(depths_m) - 1):
        for here, there in ((first, first + 1), (first + 1, first)):
            motion = inverse_poses(poses[there]) @ poses[here]
            moved = _moved(depths_m[here], masks[here], camera, motion)
            both = (moved > 0) & masks[there]
            errors.append(masked_mean(np.abs(depths_m[there] - moved) / depths_m[there], both))
    return float(np.mean(errors))


def _moved(
    depth_m: Float[np.ndarray, "h w"],
    mask: Bool[np.ndarray, "h w"],
    camera: Pinhole,
    motion: Float64[np.ndarray, "4 4"],
) -> Float64[np.ndarray, "h w"]:
    """Depth of a frame's points in another frame, 0 where none falls."""
    rows, columns = np.nonzero(mask)
    z = depth_m[mask].astype(np.float64)
    x = (columns - camera.center_x_px) / camera.focal_x_px * z
    y = (rows - camera.center_y_px) / camera.focal_y_px * z
    points = np.stack([x, y, z], 1) @ motion[:3, :3].T + motion[:3, 3]
    points = points[points[:, 2] > _NEAREST_M]
    column = np.rint(points[:, 0] / points[:, 2] * camera.focal_x_px + camera.center_x_px).astype(np.int64)
    row = np.rint(points[:, 1] / points[:, 2] * camera.focal_y_px + camera.center_y_px).astype(np.int64)
    inside = (column >= 0) & (column < depth_m.shape[1]) & (row >= 0) & (row < depth_m.shape[0])
    moved = np.zeros(depth_m.shape)
    moved[row[inside], column[inside]] = points[inside, 2]
    return moved
