"""Order of the views of a shot: are they exchanged. In 3D films the sign of disparities does not tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from leadline.runtime.mono import MonoSession

_Image = UInt8[np.ndarray, "h w 3"]

_JUMP_PX: Final = 2.0
_LONGEST_PX: Final = 80
_BESIDE_PX: Final = 3
_CONTRAST: Final = 24.0
"""A hidden stretch votes only if its two sides differ by so many levels, all channels together."""
_FEWEST_VOTES: Final = 60
_SAMPLES: Final = 4000
_SWAPPED: Final = -0.1
_CLEAR: Final = 0.1
"""Mean of the cues below which views are taken for exchanged, and below which their order cannot be told."""


@dataclass(frozen=True, kw_only=True)
class OrderCues:
    """Cues for the order of the views, each positive for the right one.

    Args:
        occlusion: Of the stretches that one view hides, the share that looks like the farther side less the share
            that looks like the nearer: what is hidden belongs to the background. None where there are too few.
        perspective: Rank correlation of the disparities with the inverse depth that leadline-mono sees in the left view
            alone.
    """

    occlusion: float | None
    perspective: float

    @property
    def mean(self) -> float:
        """Mean of the cues that there are."""
        return self.perspective if self.occlusion is None else (self.perspective + self.occlusion) / 2.0

    @property
    def refused(self) -> str:
        """Why the order is refused, a word of `SHOT_REASONS`: swapped or order; empty if the views are in order."""
        return "swapped" if self.mean < _SWAPPED else "order" if self.mean < _CLEAR else ""


def order_cues(
    frames: Sequence[tuple[_Image, Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]],
    look: Callable[[_Image], Float32[np.ndarray, "h w"]] | None = None,
) -> OrderCues:
    """Cues of some frames of a shot together.

    Args:
        frames: Left views, their disparity, and where both directions of matching agree on it.
        look: Gives inverse depth of an image; leadline-mono if absent.
    """
    votes = np.concatenate([occlusion_votes(*frame) for frame in frames])
    seen = [_rank_correlation((look or _mono())(left), disparity, agree) for left, disparity, agree in frames]
    occlusion = float(votes.mean()) if len(votes) >= _FEWEST_VOTES else None
    return OrderCues(occlusion=occlusion, perspective=float(np.median(seen)))


def occlusion_votes(
    left: _Image, disparity: Float32[np.ndarray, "h w"], agree: Bool[np.ndarray, "h w"]
) -> Int64[np.ndarray, " n"]:
    """One vote for each stretch of a row that the other view hides: 1 if it looks like what is farther, else -1.

    A stretch is hidden where the disparity rises from its left to its right side. In the right order the farther side
    is the left one. Of exchanged views the disparities change their sign: then what looks nearer is farther.

    Args:
        left: RGB.
        disparity: Pixels.
        agree: Where the disparity of both views agrees.
    Example:
        >>> left = np.full((1, 40, 3), 200, np.uint8)
        >>> left[:, 20:] = 50  # an object before a wall, which is hidden at 15 to 19 from the right view
        >>> disparity = np.where(np.arange(40) < 20, 3.0, 8.0)[None].astype(np.float32)
        >>> agree = (np.arange(40) < 15)[None] | (np.arange(40) >= 20)[None]
        >>> occlusion_votes(left, disparity, agree).tolist()
        [1]
    """
    height, width = disparity.shape
    edge = np.zeros((height, 1), bool)
    hidden = np.diff(np.concatenate([edge, ~agree, edge], axis=1).astype(np.int8), axis=1)
    rows, starts = np.nonzero(hidden[:, :width] == 1)
    ends = np.nonzero(hidden[:, 1:] == -1)[1]  # the last column of each
    inner = (starts >= _BESIDE_PX) & (ends < width - _BESIDE_PX) & (ends - starts < _LONGEST_PX) & (ends > starts)
    rows, starts, ends = rows[inner], starts[inner], ends[inner]
    before, after = disparity[rows, starts - 1], disparity[rows, ends + 1]
    rises = after - before >= _JUMP_PX
    rows, starts, ends = rows[rises], starts[rises], ends[rises]
    sums = np.cumsum(np.pad(left.astype(np.int64), ((0, 0), (1, 0), (0, 0))), axis=1)

    def mean(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        return (sums[rows, last] - sums[rows, first]) / np.maximum(1, last - first)[:, None]

    middle = mean(starts, ends + 1)
    to_left = np.abs(middle - mean(starts - _BESIDE_PX, starts)).sum(axis=1)
    to_right = np.abs(middle - mean(ends + 1, ends + 1 + _BESIDE_PX)).sum(axis=1)
    clear = np.abs(to_left - to_right) > _CONTRAST
    return np.where(to_left < to_right, 1, -1)[clear].astype(np.int64)


def _rank_correlation(
    first: Float32[np.ndarray, "h w"], second: Float32[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]
) -> float:
    """Spearman's correlation over the masked pixels, or over evenly spaced ones of many."""
    values = [layer[mask & np.isfinite(first)] for layer in (first, second)]
    step = max(1, len(values[0]) // _SAMPLES)
    ranks = [np.argsort(np.argsort(value[::step], kind="stable"), kind="stable") for value in values]
    if len(ranks[0]) < 2:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


@lru_cache(maxsize=1)
def _mono() -> Callable[[_Image], Float32[np.ndarray, "h w"]]:
    session = MonoSession(threads=1)
    return lambda image: session(image).depth
