"""The work on one shot: from a film and two numbers of frames to samples with disparity. Nothing is written here."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.data.movies.alignment import Alignment, levelled, measure_alignment
from leadline.data.movies.choice import Chosen, choose_frames, difference_hash
from leadline.data.movies.film import StereoFilm, Views
from leadline.data.movies.masks import sky_mask, text_mask
from leadline.data.movies.options import MineOptions
from leadline.data.movies.order import OrderCues, order_cues
from leadline.data.movies.shots import Shot
from leadline.geometry.check import MIN_MATCHES
from leadline.geometry.flow import agreeing
from leadline.maps import DepthMap, DisparityMap
from leadline.runtime.stereo import StereoMethod
from leadline.runtime.validity import unseen_border, untextured
from leadline.samples import DepthSample

_Mask = Bool[np.ndarray, "h w"]
_Image = UInt8[np.ndarray, "h w 3"]
LoadMatcher = Callable[[str, int, int], StereoMethod]
"""Name of a stereo method, smallest and largest disparity -> the method. A function of a module, so that a task can be
sent to another process."""

_SHORTEST: Final = 6
_ALIGNED_FRAMES: Final = 4
_ORDERED_FRAMES: Final = 3
_MOST_LEFT_OVER_PX: Final = 1.0
_MOST_VERTICAL: Final = 0.05
"""Vertical offset, as a share of the height, beyond which a shot is no stereo shot."""
_LEAST_PARALLAX: Final = (1.0, 0.0025)
"""Spread of disparities, px and share of the width, below which both views are taken for one."""
HISTOGRAM: Final = np.linspace(-0.2, 0.2, 401)
"""Edges of the bins in which disparities are counted, as shares of the width."""


@dataclass(frozen=True, kw_only=True)
class ShotTask:
    """A shot to be mined; it may be sent to another process or machine that sees the film.

    Args:
        film: The film.
        number: Of the shot in the film.
        shot: Its frames.
        options: How it is mined.
        load: Makes the stereo method.
    """

    film: StereoFilm
    number: int
    shot: Shot
    options: MineOptions
    load: LoadMatcher


@dataclass(frozen=True, eq=False, kw_only=True)
class MinedFrame:
    """An accepted frame.

    Args:
        sample: The left view and its disparity, which is inverse depth up to scale and shift.
        notes: Where it comes from.
    """

    sample: DepthSample
    notes: dict[str, object]


@dataclass(frozen=True, eq=False, kw_only=True)
class MinedShot:
    """What became of a shot.

    Args:
        refused: Why the shot is refused; empty if it is not.
        frames: The accepted frames.
        looked_at: How many frames were looked at.
        rejected_frames: Reason -> frames.
        rejected_pixels: Reason -> pixels of accepted frames.
        measures: What was measured.
        histogram: Accepted pixels in each bin of `HISTOGRAM`.
        thumbnail: Both views of a frame beside each other, for people; None if none could be decoded.
    """

    refused: str = ""
    frames: tuple[MinedFrame, ...] = ()
    looked_at: int = 0
    rejected_frames: Counter[str] = field(default_factory=Counter[str])
    rejected_pixels: Counter[str] = field(default_factory=Counter[str])
    measures: dict[str, Any] = field(default_factory=dict[str, Any])
    histogram: tuple[int, ...] = ()
    thumbnail: _Image | None = None


def mine_shot(task: ShotTask) -> MinedShot:
    """Samples of a shot: a pure function of the task and the film's content.

    Args:
        task: The shot.
    Raises:
        InputError: If the film cannot be opened, or the stereo method refuses its views.
    """
    shot = task.shot
    if shot.last - shot.first < _SHORTEST and not task.film.of_photographs:
        return MinedShot(refused="short", measures={"frames": shot.last - shot.first})
    chosen = choose_frames(task.film, shot, task.options)
    thumb = _thumbnail(chosen.frames[0]) if chosen.frames else None
    if refused := _without_frames(chosen):
        return _refused(refused, chosen, {}, _thumbnail(next(task.film.views(*shot), None)))
    alignment = measure_alignment([(v.left, v.right) for v in _spaced(chosen.frames, _ALIGNED_FRAMES)])
    measures: dict[str, Any] = {
        "matches": alignment.matches,
        "vertical_offset_px": round(alignment.offset_px, 3),
        "largest_vertical_offset_px": round(alignment.largest_offset_px, 3),
        "left_over_px": round(alignment.left_over_px, 3),
        "parallax_px": round(alignment.parallax_px, 2),
        "disparity_px": [round(alignment.farthest_px, 2), round(alignment.nearest_px, 2)],
    }
    if refused := _misaligned(alignment, task.film.size):
        return _refused(refused, chosen, measures, thumb)
    matched = [_matched(views, alignment, task) for views in _spaced(chosen.frames, _ORDERED_FRAMES)]
    if _is_flat(matched):
        return _refused("mono", chosen, measures, thumb)
    cues = order_cues([(m.views.left, m.disparity, m.agree) for m in matched])
    measures |= _told(cues)
    if cues.refused:
        return _refused(cues.refused, chosen, measures, thumb)
    done = {m.views.number: m for m in matched}
    everything = [done.get(views.number) or _matched(views, alignment, task) for views in chosen.frames]
    return _accepted(everything, chosen, alignment, measures, thumb, task)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Matched:
    """A frame with the disparity that the method gives, and where it counts or why not."""

    views: Views
    disparity: Float32[np.ndarray, "h w"]
    agree: _Mask
    valid: _Mask
    lost: Counter[str]
    moved_px: float


def _matched(views: Views, alignment: Alignment, task: ShotTask) -> _Matched:
    """Disparity both ways, and every check of its pixels."""
    options, width = task.options, task.film.size[1]
    right, inside = levelled(views.right, alignment)
    low, high = alignment.searched(width, options.range_share)
    method = _method(task.load, options.model, low, high)
    found = method(views.left, right)
    mirrored = method(np.ascontiguousarray(right[:, ::-1]), np.ascontiguousarray(views.left[:, ::-1]))
    back = np.ascontiguousarray(mirrored.disparity[:, ::-1])
    agree = found.valid & both_ways(found.disparity, back) & inside
    edge = max(2.0, 0.5 * alignment.spread_px)
    reached = (found.disparity > alignment.farthest_px - edge) & (found.disparity < alignment.nearest_px + edge)
    blank = unseen_border(views.left) | untextured(views.left) | ~inside
    checks = {
        "border": ~blank,
        "sky": ~sky_mask(views.left),
        "text": ~(text_mask(views.left) | text_mask(right)),
        "range": reached & (found.disparity > low) & (found.disparity < high),
        "inconsistent": agree,
        "unsure": _sure(found, options.least_confidence),
    }
    valid, lost = np.ones(agree.shape, bool), Counter[str]()
    for reason, kept in checks.items():
        lost[reason] = int((valid & ~kept).sum())
        valid = valid & kept
    return _Matched(
        views=views, disparity=found.disparity, agree=agree, valid=valid, lost=lost,
        moved_px=alignment.largest_offset_px,
    )  # fmt: skip


def both_ways(left: Float32[np.ndarray, "h w"], right: Float32[np.ndarray, "h w"]) -> _Mask:
    """Left pixels whose match in the right view points back to them, within 1 px plus 5 % of the disparity.

    Args:
        left: Disparity of the left view, x_right = x_left - d.
        right: Disparity of the right view, x_left = x_right + d.
    Example:
        >>> flat = np.full((1, 8), 2.0, np.float32)
        >>> both_ways(flat, flat)[0].tolist()
        [False, False, True, True, True, True, True, True]
    """
    none = np.zeros_like(left)
    return agreeing(np.stack([-left, none], axis=-1), np.stack([right, none], axis=-1))


@lru_cache(maxsize=8)
def _method(load: LoadMatcher, name: str, low: int, high: int) -> StereoMethod:
    """A stereo method, loaded once in a process for each range."""
    return load(name, low, high)


def _sure(found: DisparityMap, least: float) -> _Mask:
    return np.ones(found.valid.shape, bool) if found.confidence is None else found.confidence >= least


def _spaced(frames: Sequence[Views], count: int) -> list[Views]:
    places = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int))
    return [frames[place] for place in places]


def _without_frames(chosen: Chosen) -> str:
    """Why a shot has no frame that is worth matching; empty if it has one."""
    if chosen.frames:
        return ""
    if not chosen.looked_at:
        return "damaged"
    (most, count), *_ = chosen.rejected.most_common(1)
    return most if most in ("black", "credits") and count == chosen.looked_at else "still"


def _misaligned(alignment: Alignment, size: tuple[int, int]) -> str:
    """Why a shot's views cannot be matched row by row; empty if they can."""
    height, width = size
    if alignment.matches < MIN_MATCHES:
        return "unmatched"
    if alignment.left_over_px > _MOST_LEFT_OVER_PX or alignment.largest_offset_px > _MOST_VERTICAL * height:
        return "vertical"
    return "mono" if alignment.parallax_px < _least_parallax(width) else ""


def _least_parallax(width: int) -> float:
    pixels, share = _LEAST_PARALLAX
    return max(pixels, share * width)


def _is_flat(matched: Sequence[_Matched]) -> bool:
    """Whether the disparity of all but 1 % of the pixels at either end is the same: both views show one image."""
    known = [one.disparity[one.agree] for one in matched if one.agree.any()]
    if not known:
        return False
    spreads = [float(np.subtract(*np.percentile(values, [99.0, 1.0]))) for values in known]
    return max(spreads) < _least_parallax(matched[0].disparity.shape[1])


def _refused(reason: str, chosen: Chosen, measures: dict[str, Any], thumb: _Image | None) -> MinedShot:
    rejected = chosen.rejected + Counter({"refused shot": len(chosen.frames)})
    return MinedShot(
        refused=reason, looked_at=chosen.looked_at, rejected_frames=rejected, measures=measures, thumbnail=thumb
    )


def _accepted(
    matched: Sequence[_Matched],
    chosen: Chosen,
    alignment: Alignment,
    measures: dict[str, Any],
    thumb: _Image | None,
    task: ShotTask,
) -> MinedShot:
    rejected, lost = Counter(chosen.rejected), Counter[str]()
    frames: list[MinedFrame] = []
    histogram = np.zeros(len(HISTOGRAM) - 1, np.int64)
    for one in matched:
        if one.valid.mean() < task.options.least_agreement:
            rejected["disagreeing"] += 1
            continue
        values = one.disparity[one.valid]
        if float(np.subtract(*np.percentile(values, [97.0, 3.0]))) < _LEAST_PARALLAX[0]:
            rejected["flat"] += 1
            continue
        lost += one.lost
        histogram += np.histogram(np.clip(values / task.film.size[1], *HISTOGRAM[[0, -1]]), HISTOGRAM)[0]
        frames.append(_frame(one, task))
    return MinedShot(
        refused="" if frames else "mono" if rejected["flat"] > rejected["disagreeing"] else "disagreeing",
        frames=tuple(frames),
        looked_at=chosen.looked_at,
        rejected_frames=rejected,
        rejected_pixels=lost,
        measures=measures,
        histogram=tuple(map(int, histogram)),
        thumbnail=thumb,
    )


def _frame(one: _Matched, task: ShotTask) -> MinedFrame:
    film, views = task.film, one.views
    disparity = np.where(one.valid, one.disparity, np.float32(0.0)).astype(np.float32)
    truth = DepthMap(disparity, one.valid, "affine_inverse")
    notes: dict[str, object] = {
        "film": film.name,
        "shot": task.number,
        "frame": views.number,
        "time_s": round(views.time_s, 3),
        "model": task.options.model,
        "valid_share": round(float(one.valid.mean()), 4),
        "rows_moved_px": round(one.moved_px, 3),
        "hash": f"{difference_hash(views.left):016x}",
    }
    return MinedFrame(sample=DepthSample(f"{film.name}-{views.number:06d}", views.left, truth), notes=notes)


def _told(cues: OrderCues) -> dict[str, Any]:
    occlusion = None if cues.occlusion is None else round(cues.occlusion, 3)
    return {"order_occlusion": occlusion, "order_perspective": round(cues.perspective, 3)}


def _thumbnail(views: Views | None) -> UInt8[np.ndarray, "small_h 320 3"] | None:
    if views is None:
        return None
    both = np.hstack([views.left, views.right])
    height = round(320 * both.shape[0] / both.shape[1])
    return np.asarray(cv2.resize(both, (320, height), interpolation=cv2.INTER_AREA), np.uint8)
