"""Measurements of one sample, as plain values that JSON can hold."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, UInt8

from leadline.data.audit.matching import LEAST_POINTS, agreement, edge_alignment, explained
from leadline.data.audit.pixels import fingerprints, image_figures
from leadline.errors import InputError, LeadlineError
from leadline.geometry.check import check_pair
from leadline.geometry.image import brightness
from leadline.maps import DisparityMap
from leadline.samples import DepthSample, FlowSample, OrdinalSample, StereoSample, VideoSample

Sample = StereoSample | DepthSample | FlowSample | OrdinalSample | VideoSample
_CONSISTENT_PX: Final = 1.0
_CONSISTENT_SHARE: Final = 0.05
_EDGE_PX: Final = 1.5


@dataclass(frozen=True)
class Camera:
    """What a calibration says of a sample, in pixels of its images and metres.

    Args:
        focal_x_px: Horizontal focal length.
        focal_y_px: Vertical focal length.
        center_x_px: Column of the principal point.
        center_y_px: Row of the principal point.
        height: Rows of the calibrated images.
        width: Columns of them.
        baseline_m: Of a stereo pair.
        doffs_px: Of a stereo pair: cx_right - cx_left.
    """

    focal_x_px: float
    focal_y_px: float
    center_x_px: float
    center_y_px: float
    height: int
    width: int
    baseline_m: float | None = None
    doffs_px: float = 0.0


def measured(read: Callable[[], Sample], camera_of: Callable[[Sample], Camera | None]) -> dict[str, Any]:
    """Decodes a sample and measures it; what cannot be decoded says why.

    Args:
        read: Reads the sample.
        camera_of: Reads its calibration.
    """
    try:
        sample = read()
    except LeadlineError as error:
        return {"damage": str(error)}
    found = figures_of(sample)
    try:
        camera = camera_of(sample)
    except LeadlineError as error:
        return {**found, "camera_damage": str(error)}
    return found if camera is None else {**found, "camera": asdict(camera)}


def views_of(sample: Sample) -> tuple[UInt8[np.ndarray, "h w 3"], ...]:
    """The images of a sample: left and right, first and second, the target frame and its partner, or the one.

    Example:
        >>> from leadline.protocols.stereo.motorcycle import motorcycle
        >>> [view.shape for view in views_of(motorcycle()[0])]
        [(500, 741, 3), (500, 741, 3)]
    """
    if isinstance(sample, StereoSample):
        return sample.left, sample.right
    if isinstance(sample, VideoSample):
        return (sample.target,) if sample.right is None else (sample.target, sample.right)
    return (sample.first, sample.second) if isinstance(sample, FlowSample) else (sample.image,)


def figures_of(sample: Sample) -> dict[str, Any]:
    """Measurements of a sample that was decoded."""
    found = _FIGURES[type(sample)](sample)
    views = views_of(sample)
    height, width = views[0].shape[:2]
    return {
        "size": [height, width],
        "images": [image_figures(view) for view in views],
        **fingerprints(views),
        **found,
    }


def _stereo(sample: StereoSample) -> dict[str, Any]:
    if sample.truth is None or not sample.truth.valid.any():
        return {"pair": _pair(sample)}
    known = sample.truth.valid if sample.occluded is None else sample.truth.valid & ~sample.occluded
    left, right = brightness(sample.left), brightness(sample.right)
    motion = np.zeros((*known.shape, 2), np.float32)
    motion[..., 0] = -np.where(sample.truth.valid, sample.disparity, 0.0)
    found: dict[str, Any] = {"truth": _values(sample.disparity, sample.truth.valid)}
    if sample.occluded is not None:
        outside = known & (np.arange(known.shape[1]) + motion[..., 0] < -_EDGE_PX)
        found["outside"] = float(outside.sum() / max(known.sum(), 1))
    found |= _matches(left, right, motion, known)
    # Features are slow to find; where the truth tells how the views lie, they are not needed.
    if found["match"] is None:
        found["pair"] = _pair(sample)
    else:
        same = bool(np.array_equal(sample.left, sample.right))
        found["pair"] = {"same_image": same, "exposure_gap_stops": _exposure_gap(left, right)}
    if sample.right_truth is not None and sample.right_truth.valid.any():
        found["consistent"] = _left_right(sample.truth, sample.right_truth, known)
    return found


def _pair(sample: StereoSample) -> dict[str, Any]:
    try:
        check = check_pair(sample.left, sample.right)
    except InputError as error:
        return {"status": "cannot_tell", "verdict": str(error)}
    kept = ("status", "verdict", "matches", "rectified", "swapped", "same_image", "median_abs_offset_px")
    return {name: getattr(check, name) for name in (*kept, "exposure_gap_stops", "negative_share")}


def _exposure_gap(left: np.ndarray, right: np.ndarray) -> float:
    """Stops by which the right image's mean brightness exceeds the left one's."""
    return float(np.log2(max(float(right.mean()), 1e-3) / max(float(left.mean()), 1e-3)))


def _matches(
    first: np.ndarray, second: np.ndarray, motion: np.ndarray, known: Bool[np.ndarray, "h w"]
) -> dict[str, Any]:
    """How the truth explains the images, and how it would if they were exchanged or it had the other sign."""
    found = {
        "match": agreement(first, second, motion, known),
        "swapped_match": explained(second, first, motion, known),
        "mirrored_match": explained(first, second, -motion, known),
    }
    return {name: None if one is None else asdict(one) for name, one in found.items()}


def _values(values: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> dict[str, float]:
    known = values[valid].astype(np.float64)
    low, middle, high = (float(value) for value in np.percentile(known, (1.0, 50.0, 99.0)))
    return {"known": float(valid.mean()), "p1": low, "p50": middle, "p99": high, "largest": float(known.max())}


def _left_right(
    truth: DisparityMap, right_truth: DisparityMap, known: Bool[np.ndarray, "h w"]
) -> dict[str, float] | None:
    """Share of the left view's points whose disparity the right view's truth repeats, and by how much they differ."""
    rows, columns = np.nonzero(known)
    disparity = truth.disparity[rows, columns]
    targets = np.rint(columns - disparity).astype(int)
    inside = (targets >= 0) & (targets < known.shape[1])
    rows, targets, disparity = rows[inside], targets[inside], disparity[inside]
    both = right_truth.valid[rows, targets]
    if both.sum() < LEAST_POINTS:
        return None
    disparity = disparity[both].astype(np.float64)
    apart = right_truth.disparity[rows, targets][both] - disparity
    near = np.abs(apart) <= np.maximum(_CONSISTENT_PX, _CONSISTENT_SHARE * disparity)
    return {
        "share": float(near.mean()),
        "gap_px": float(np.median(apart)),
        "gap": float(np.median(apart / np.maximum(disparity, 1.0))),
        "points": int(both.sum()),
    }


def _depth(sample: DepthSample) -> dict[str, Any]:
    if sample.truth is None or not sample.truth.valid.any():
        return {}
    found: dict[str, Any] = {"truth": _values(sample.depth, sample.valid), "annotation": sample.annotation}
    if sample.annotation != "affine_depth":
        edges = edge_alignment(brightness(sample.image), sample.depth, sample.valid)
        found["edges"] = None if edges is None else {"deviations": edges[0], "points": edges[1]}
    return found


def _flow(sample: FlowSample) -> dict[str, Any]:
    if sample.truth is None or not sample.truth.valid.any():
        return {}
    known = sample.valid if sample.occluded is None else sample.valid & ~sample.occluded
    motion = np.where(sample.valid[..., None], sample.flow, np.float32(0.0))
    first, second = brightness(sample.first), brightness(sample.second)
    return {
        "truth": _values(np.linalg.norm(motion, axis=2), sample.valid),
        **_matches(first, second, motion, known),
    }


def _ordinal(sample: OrdinalSample) -> dict[str, Any]:
    height, width = sample.image.shape[:2]
    points = np.concatenate([sample.first, sample.second])
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    return {"outside": float(1.0 - inside.mean()) if len(points) else 0.0, "points": len(points)}


def _video(sample: VideoSample) -> dict[str, Any]:
    if sample.right is None or sample.baseline_m is None:
        return {}
    views = (sample.target, sample.right) if sample.baseline_m > 0 else (sample.right, sample.target)
    return {"pair": _pair(StereoSample(sample.key, *views))}


_FIGURES: Final[dict[type[Sample], Callable[[Any], dict[str, Any]]]] = {
    StereoSample: _stereo,
    DepthSample: _depth,
    FlowSample: _flow,
    OrdinalSample: _ordinal,
    VideoSample: _video,
}
