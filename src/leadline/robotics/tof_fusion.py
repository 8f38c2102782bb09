"""Metric depth from a network's relative depth and the zones of a time-of-flight sensor.

Four methods, each on top of the one before: a scale, a scale and a shift of inverse depth, a smooth field of
corrections around them, and a small network that corrects the field and knows its error. Zones are compared with what
the sensor would report of the depth map itself, so a zone on an edge is compared with the surface that it sees, not
with the mean of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from leadline.errors import InputError
from leadline.maps import RELATIVE_ERROR, DepthMap
from leadline.robotics.tof_field import FieldSettings, correction_field
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_learned import learned_correction
from leadline.robotics.tof_match import FARTHEST_M, NEAREST_M, NETWORK_SHARE, FusionView, SeenZones, ZoneMatch

FusionMethod = Literal["scale", "scale-shift", "field", "learned"]

FUSION_METHODS: Final = get_args(FusionMethod)
DEFAULT_FUSION: Final = "learned"
"""Best on rendered rooms and on real ones, see docs/tof.md."""

_LAPLACE_80: Final = float(np.log(5.0))
"""Half width of the interval that holds 80 % of a Laplace distribution, in units of its mean absolute deviation."""
_FIELD_WIDENING: Final = 1.0
"""Mean absolute error of log depth over the field's own standard deviation."""
_OUTLYING: Final = float(np.log(1.3))


@dataclass(frozen=True, eq=False)
class FusedDepth:
    """Metric depth with an error bar.

    Args:
        depth: Metres along the camera's axis; its confidence is the probability of an error below 10 %.
        log_bound: Half width of the interval that holds log depth with a probability of 80 %: its error bar. Depth
            lies between depth * exp(-log_bound) and depth * exp(log_bound).
        scale: Of inverse depth: 1/Z = scale * d + shift, before the field.
        shift: See scale.
        zones: Zones that were used.
        outliers: Zones that contradict the depth map, as of glass or a wrong orientation.
        residual: Median |log| of zones against the depth map after scale and shift.
        field_residual: The same after the field.
        method: Which it was.
    """

    depth: DepthMap
    log_bound: Float32[np.ndarray, "h w"]
    scale: float
    shift: float
    zones: int
    outliers: int
    residual: float
    field_residual: float
    method: FusionMethod


def combine_frames(frames: Sequence[TofFrame]) -> TofFrame:
    """One frame of several of a scene that hardly moves: the median of each zone, which is surer than one distance.

    A zone counts where it is valid in at least a third of the frames. Where its distances differ by more than their
    noise, because it sees an edge or something moved, they stand for two surfaces: the one that most of them see is
    taken, and sigma_m tells of the spread.

    Args:
        frames: Of one size, at least one.
    Raises:
        InputError: If there is none, or their sizes differ.
    Example:
        >>> frames = [TofFrame.from_status(np.full((4, 4), z), np.full((4, 4), 5)) for z in (1.0, 1.02, 1.5)]
        >>> round(float(combine_frames(frames).distances_m[0, 0]), 3)
        1.01
    """
    if len(frames) == 0 or len({frame.size for frame in frames}) != 1:
        sizes = sorted({frame.size for frame in frames})
        raise InputError(f"expected frames of one size, got {sizes or 'none'}; combine those of one recording")
    if len(frames) == 1:
        return frames[0]
    metres = np.stack([np.where(frame.valid, frame.distances_m, np.nan) for frame in frames]).astype(np.float64)
    count = np.isfinite(metres).sum(axis=0)
    filled = np.where(count > 0, metres, 0.0)
    middle = np.nanmedian(filled, axis=0)
    # Those that are near the median are its surface; an even split between two surfaces has its median between them.
    near = np.abs(metres - middle) <= np.maximum(0.05 * middle, 0.03)
    few = near.sum(axis=0) < 0.5 * count
    closest = np.nanmin(np.where(count > 0, np.abs(metres - middle), 0.0), axis=0)
    anchor = np.where(
        few, np.nanmin(np.where(np.abs(metres - middle) <= closest + 1e-6, metres, np.inf), axis=0), middle
    )
    near = np.abs(metres - anchor) <= np.maximum(0.05 * anchor, 0.03)
    kept = near.sum(axis=0)
    mean = np.where(near, metres, 0.0).sum(axis=0) / np.maximum(kept, 1)
    spread = np.sqrt(np.where(near, np.square(metres - mean), 0.0).sum(axis=0) / np.maximum(kept - 1, 1))
    stated = [frame.sigma_m for frame in frames if frame.sigma_m is not None]
    single = np.mean(stated, axis=0) if len(stated) == len(frames) else 0.005 + 0.002 * np.square(mean)
    single = np.asarray(single, np.float64)
    sigma = np.maximum(spread, single) / np.sqrt(np.maximum(kept, 1))
    sigma = np.where(few, np.asarray(np.nanstd(filled, axis=0), np.float64), sigma)
    good = (count >= len(frames) / 3.0) & (kept > 0)
    best = np.stack([frame.confidence for frame in frames]).max(axis=0)
    status = np.where(good, np.where(best >= 1.0, 5, 9), frames[-1].status)
    status = np.where(~good & np.isin(status, (5, 6, 9)), 4, status)
    shines = [frame.reflectance for frame in frames if frame.reflectance is not None]
    return TofFrame.from_status(
        np.where(good, mean, 0.0),
        status,
        sigma_m=sigma,
        reflectance=None if len(shines) < len(frames) else np.mean(shines, axis=0),
        targets=np.stack([frame.targets for frame in frames]).max(axis=0),
        second_m=_combined_seconds(frames),
        time_s=float(np.median([frame.time_s for frame in frames])),
    )


def _combined_seconds(frames: Sequence[TofFrame]) -> Float64[np.ndarray, "n n"] | None:
    """Median of the second targets that agree within 10 %, where half of the frames have one."""
    found = [frame.second_m for frame in frames if frame.second_m is not None]
    if len(found) < len(frames):
        return None
    metres = np.stack(found).astype(np.float64)
    count = np.isfinite(metres).sum(axis=0)
    middle = np.nanmedian(np.where(count > 0, metres, 0.0), axis=0)
    agree = (np.abs(metres - middle) <= 0.1 * middle).sum(axis=0)
    return np.where(2 * agree > len(frames), middle, np.nan)


def fuse_depth(
    relative: DepthMap,
    frame: TofFrame,
    view: FusionView,
    *,
    image: UInt8[np.ndarray, "h w 3"] | None = None,
    method: FusionMethod = DEFAULT_FUSION,
    settings: FieldSettings | None = None,
) -> FusedDepth:
    """Metric depth of an image.

    Args:
        relative: What a network found; any kind but affine_depth.
        frame: Of the time of the image, as of `combine_frames`.
        view: Where camera and sensor look.
        image: Its brightness tells what a zone on an edge sees; all surfaces are alike if absent.
        method: scale (a factor of inverse depth above its least value), scale-shift, field or learned.
        settings: Of the field.
    Raises:
        InputError: If the kind has no inverse depth, fewer than 4 zones are valid and see the image, or the zones
            contradict the depth.
    """
    if relative.kind == "affine_depth":
        raise InputError("expected inverse depth or distances to fuse, got affine_depth; use another network")
    view.zones.require(frame)
    if frame.blind:
        raise InputError(
            "expected valid zones, got none: the sensor is blind; see `leadline tof show` for the statuses"
        )
    match = ZoneMatch.prepare(relative, frame, view, image)
    scale, shift = match.fit("scale" if method == "scale" else "line")
    seen = match.compare(scale, shift)
    log_field, error, left = _corrections(match, seen, (scale, shift), method, settings or FieldSettings())
    inverse = scale * match.full + shift
    valid = relative.valid & (inverse >= 1.0 / FARTHEST_M)
    depth = 1.0 / np.where(valid, inverse, 1.0) * np.exp(_enlarged(log_field, inverse.shape))
    valid &= (depth >= NEAREST_M) & (depth <= FARTHEST_M)
    spread = _enlarged(error, inverse.shape)
    confidence = np.where(valid, -np.expm1(-RELATIVE_ERROR / spread), 0.0).astype(np.float32)
    metres = np.where(valid, depth, 0.0).astype(np.float32)
    return FusedDepth(
        depth=DepthMap(metres, valid, "metric", confidence, view.camera),
        log_bound=(spread * _LAPLACE_80).astype(np.float32),
        scale=scale * match.unit,
        shift=shift - scale * match.unit * match.middle,
        zones=len(seen.error),
        outliers=int((np.abs(left) > _OUTLYING).sum()),
        residual=float(np.median(np.abs(seen.error))),
        field_residual=float(np.median(np.abs(left))),
        method=method,
    )


def _corrections(
    match: ZoneMatch, seen: SeenZones, line: tuple[float, float], method: FusionMethod, settings: FieldSettings
) -> tuple[Float64[np.ndarray, "r c"], Float64[np.ndarray, "r c"], Float64[np.ndarray, " k"]]:
    """Corrections of log depth, their mean absolute error, and what is left of each zone's error."""
    if method in ("scale", "scale-shift"):
        flat = np.zeros_like(match.values)
        return flat, flat + max(NETWORK_SHARE, float(np.mean(np.abs(seen.error)))), seen.error
    field = correction_field(seen, match.log_depth(*line), match.places, settings)
    if method == "field":
        return field.mean, _FIELD_WIDENING * field.sigma, field.left
    learned = learned_correction(match, seen, field, *line)
    return field.mean + learned.mean, learned.error, field.left


def _enlarged(layer: Float64[np.ndarray, "r c"], shape: tuple[int, ...]) -> Float64[np.ndarray, "h w"]:
    """A coarse layer at the image's size."""
    return np.asarray(cv2.resize(layer, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float64)
