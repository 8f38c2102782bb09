"""Alignment of the views of a shot: are their rows the same, how far do disparities reach, is there any parallax."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float64, UInt8

from leadline.geometry.check import MIN_MATCHES, fitted_offsets
from leadline.geometry.epipolar import Matches, match_views

_Image = UInt8[np.ndarray, "h w 3"]
_Pair = tuple[_Image, _Image]

_SMALL_PX: Final = 0.25
"""Vertical offsets below this everywhere are left alone."""
_MARGIN_SHARE: Final = 0.3
_MARGIN_PX: Final = 4.0
_OFTEN: Final = 0.5
_MOSTLY: Final = 3.0
"""Percentiles are left out that far at both ends, of the range and of the parallax: some matches are wrong."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """What feature matches of a shot's frames tell of its views.

    Args:
        matches: How many there are.
        offset_px: Vertical offset in the middle of the image, positive where the right view's content lies lower.
        slope_x: Its change along a row: the tangent of a roll.
        slope_y: Its change along a column: a difference of scale.
        centre: Middle of the image (x, y).
        left_over_px: Median of what remains of it without offset and slopes.
        nearest_px: Greatest disparity, but for a few matches.
        farthest_px: Smallest disparity, likewise.
        parallax_px: How far the disparities of all but 3 % of the matches at either end are apart.
    """

    matches: int
    offset_px: float = 0.0
    slope_x: float = 0.0
    slope_y: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    left_over_px: float = 0.0
    nearest_px: float = 0.0
    farthest_px: float = 0.0
    parallax_px: float = 0.0

    @property
    def spread_px(self) -> float:
        """How far the greatest and the smallest disparity are apart."""
        return self.nearest_px - self.farthest_px

    @property
    def largest_offset_px(self) -> float:
        """Largest vertical offset, in a corner."""
        return abs(self.offset_px) + abs(self.slope_x) * self.centre[0] + abs(self.slope_y) * self.centre[1]

    def searched(self, width: int, share: float) -> tuple[int, int]:
        """Smallest and largest disparity to look for, px; in steps, so that shots share matchers.

        Args:
            width: Of the views.
            share: Of the width beyond which nothing is looked for.
        """
        margin = _MARGIN_SHARE * self.spread_px + _MARGIN_PX
        step, limit = 16, max(16, round(share * width))
        low = max(-limit, -step * int(np.ceil(max(1.0, margin - self.farthest_px) / step)))
        high = min(limit, step * int(np.ceil(max(1.0, self.nearest_px + margin) / step)))
        return low, high


def measure_alignment(pairs: Sequence[_Pair]) -> Alignment:
    """Alignment of a shot's views, from all matches of some of its frames together.

    Args:
        pairs: Left and right views of one size.
    Example:
        >>> left = np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8)
        >>> left = cv2.GaussianBlur(left, (0, 0), 1.5)
        >>> right = np.roll(np.concatenate([np.roll(left[:60], -4, 1), np.roll(left[60:], 5, 1)]), 2, axis=0)
        >>> found = measure_alignment([(left, right)])
        >>> round(found.offset_px), round(found.farthest_px), round(found.nearest_px)
        (2, -5, 4)
    """
    found = [match_views(left, right, max_features=800) for left, right in pairs]
    matches = Matches(np.concatenate([one.left for one in found]), np.concatenate([one.right for one in found]))
    if len(matches) < MIN_MATCHES:
        return Alignment(matches=len(matches))
    height, width = pairs[0][0].shape[:2]
    centre = np.array([(width - 1) / 2.0, (height - 1) / 2.0])
    offset, slope_x, slope_y = fitted_offsets(matches, centre)
    left_over = matches.vertical_offsets_px - _plane((offset, slope_x, slope_y), matches, centre)
    level = np.abs(left_over) < max(1.5, 3.0 * float(np.median(np.abs(left_over))))
    ends = [_OFTEN, _MOSTLY, 100.0 - _MOSTLY, 100.0 - _OFTEN]
    low, few, most, high = np.percentile(_filtered(matches, level).disparities_px, ends)
    return Alignment(
        matches=len(matches),
        offset_px=offset,
        slope_x=slope_x,
        slope_y=slope_y,
        centre=(float(centre[0]), float(centre[1])),
        left_over_px=float(np.median(np.abs(left_over))),
        nearest_px=float(high),
        farthest_px=float(low),
        parallax_px=float(most - few),
    )


def levelled(right: _Image, alignment: Alignment) -> tuple[_Image, Bool[np.ndarray, "h w"]]:
    """The right view with its rows moved to those of the left one, and where it has content.

    Only rows move: the left view and all disparities stay what they are.

    Args:
        right: The right view.
        alignment: Of its shot.
    """
    height, width = right.shape[:2]
    if alignment.largest_offset_px < _SMALL_PX:
        return right, np.ones((height, width), bool)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    across, down = alignment.centre
    rows = y + alignment.offset_px + alignment.slope_x * (x - across) + alignment.slope_y * (y - down)
    rows = rows.astype(np.float32)
    moved = cv2.remap(right, x, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8), (rows >= -0.5) & (rows <= height - 0.5)


def _plane(
    fitted: tuple[float, float, float], matches: Matches, centre: Float64[np.ndarray, "2"]
) -> Float64[np.ndarray, " n"]:
    place = (matches.left + matches.right) / 2.0 - centre
    return fitted[0] + place @ np.array(fitted[1:])


def _filtered(matches: Matches, keep: Bool[np.ndarray, " n"]) -> Matches:
    return matches[keep] if keep.sum() >= MIN_MATCHES else matches
