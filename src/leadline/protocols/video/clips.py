"""Clips with true depth, and the scores of depth over a whole clip.

One scale and one shift for the clip make depth metric (`clip_depth_m`), so a method that changes its mind from frame to
frame pays for it in AbsRel as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float64, UInt8

from leadline.classical.flow import ClassicalFlow
from leadline.errors import InputError
from leadline.geometry.flow import agreeing, carried
from leadline.io.pair_files import natural_key
from leadline.io.trajectories import read_trajectory
from leadline.maps import DepthMap
from leadline.metrics.depth import abs_rel, delta
from leadline.metrics.video import alike, clip_depth_m, temporal_alignment_error, warping_error
from leadline.protocols.mono.depth_units import with_units
from leadline.protocols.mono.scenes import DepthFiles, find_depth_scenes
from leadline.samples import DepthSample


@dataclass(frozen=True, eq=False)
class Clip:
    """Consecutive frames with depth.

    Args:
        name: The folder.
        files: Of the frames, in natural order.
        poses: Camera to world, one for each frame, if they are known.
        notes: What is missing, for the user.
    """

    name: str
    files: tuple[DepthFiles, ...]
    poses: Float64[np.ndarray, "n 4 4"] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClipScores:
    """Scores of one method on one clip.

    Attributes:
        abs_rel: Mean of |z - g| / g over all pixels with truth, mean over frames.
        delta1: Share of pixels with max(z / g, g / z) < 1.25, mean over frames.
        tae: `temporal_alignment_error`; None without camera and poses.
        opw: `warping_error` of ln z along OpenCV's DIS flow (medium), mean over neighbouring frames.
    """

    abs_rel: float
    delta1: float
    tae: float | None
    opw: float


def find_clip(folder: Path, depth_unit: str | None = None) -> Clip:
    """The frames of a folder with images, depth, K.txt and poses.

    Args:
        folder: Holds images/ and depth/ as `find_depth_scenes` takes them; K.txt; and poses/ with a 4x4 matrix for each
            frame under its name, or poses.txt with one line for each (camera to world).
        depth_unit: Of the depth images: mm, cm or 1/N of a metre; as for `with_units` if absent.
    Raises:
        InputError: If there are fewer than two frames, or a file of poses is none; or as `with_units`.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images/2.png", "images/10.png", "depth/2.png", "depth/10.png"):
        ...         Path(folder, name).parent.mkdir(exist_ok=True)
        ...         Path(folder, name).touch()
        ...     clip = find_clip(Path(folder))
        >>> [scene.image.name for scene in clip.files], clip.poses is None
        (['2.png', '10.png'], True)
    """
    settled, told = with_units(find_depth_scenes(folder), depth_unit)
    notes = tuple(f"{folder}: {note}" for note in told)
    files = sorted(settled, key=lambda scene: natural_key(scene.image))
    if len(files) < 2:
        raise InputError(f"expected a clip of at least two frames in {folder}, got {len(files)}")
    place, listed = folder / "poses", folder / "poses.txt"
    name = folder.resolve().name
    if place.is_dir():
        stems = {path.stem for path in place.glob("*.txt")}
        files = [scene for scene in files if scene.image.stem in stems]
        poses = read_trajectory(place).poses
    elif listed.is_file():
        poses = read_trajectory(listed).poses
    else:
        return Clip(name, tuple(files), notes=(f"{folder}: no poses, so no TAE", *notes))
    if len(poses) != len(files):
        missing = f"{folder}: {len(poses)} poses for {len(files)} frames, so no TAE"
        return Clip(name, tuple(files), notes=(missing, *notes))
    return Clip(name, tuple(files), poses, notes)


def score_clip(
    clip: Clip, samples: Sequence[DepthSample], predictions: Sequence[DepthMap], max_depth_m: float
) -> ClipScores:
    """Scores of the depth of a clip's frames.

    Args:
        clip: For poses.
        samples: Its frames, with truth.
        predictions: Of each frame.
        max_depth_m: Truth beyond does not count, and farther depth is raised to this.
    Raises:
        InputError: If no pixel has truth, or the kinds of depth differ.
    """
    masks = [sample.valid & (sample.depth <= max_depth_m) for sample in samples]
    depths = clip_depth_m(predictions, [sample.depth for sample in samples], masks, max_depth_m)
    known = [
        (depth, sample.depth, mask & prediction.valid)
        for depth, sample, mask, prediction in zip(depths, samples, masks, predictions, strict=True)
        if (mask & prediction.valid).any()
    ]
    camera = samples[0].camera
    tae = None
    if camera is not None and clip.poses is not None:
        tae = temporal_alignment_error(depths, [prediction.valid for prediction in predictions], camera, clip.poses)
    return ClipScores(
        abs_rel=float(np.mean([abs_rel(*frame) for frame in known])),
        delta1=float(np.mean([delta(*frame) for frame in known])),
        tae=tae,
        opw=_opw(samples, depths, [prediction.valid for prediction in predictions]),
    )


def _opw(
    samples: Sequence[DepthSample],
    depths_m: Sequence[Float64[np.ndarray, "h w"]],
    valid: Sequence[Bool[np.ndarray, "h w"]],
) -> float:
    method = ClassicalFlow("dis-medium")
    greys = [_grey(sample.image) for sample in samples]
    logs = [np.log(depth).astype(np.float32) for depth in depths_m]
    errors = list[float]()
    for now in range(1, len(greys)):
        back, forth = method.one_way(greys[now], greys[now - 1]), method.one_way(greys[now - 1], greys[now])
        past, was, seen = (
            carried(layer.astype(np.float32), back) for layer in (logs[now - 1], greys[now - 1], valid[now - 1])
        )
        weight = alike(greys[now] / np.float32(255), was / np.float32(255))
        counts = agreeing(back, forth) & valid[now] & (seen > 0.999)
        errors.append(warping_error(past, logs[now], np.where(counts, weight, 0.0).astype(np.float32)))
    return float(np.nanmean(errors))


def _grey(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def first_frames(clip: Clip, count: int | None) -> Clip:
    """The clip's beginning; all of it if no number is given."""
    if count is None:
        return clip
    return replace(clip, files=clip.files[:count], poses=None if clip.poses is None else clip.poses[:count])
