"""Options of mining, and the words for what is refused."""

import math
from dataclasses import dataclass, fields
from typing import Final

from leadline.errors import InputError

SHOT_REASONS: Final = {
    "black": "all frames are black or one colour",
    "credits": "text over much of the image in all frames",
    "short": "too few frames between two cuts",
    "still": "all frames alike, or all blurred",
    "unmatched": "too few features that match",
    "mono": "both views show the same: no parallax",
    "vertical": "rows of the views differ, and no offset, roll or scale explains it",
    "swapped": "left and right view are exchanged",
    "order": "it cannot be told which view is the left one",
    "damaged": "no frame can be decoded",
    "disagreeing": "no frame on which both directions of matching agree",
}
"""Why a shot is refused."""
FRAME_REASONS: Final = {
    "black": "black or one colour",
    "credits": "text over much of the image",
    "blurred": "blurred against the other frames of its shot",
    "duplicate": "nearly the same as a frame that is kept",
    "disagreeing": "both directions of matching agree on too little",
    "flat": "disparities within less than a pixel",
    "refused shot": "its shot is refused",
}
"""Why a chosen frame is refused."""
PIXEL_REASONS: Final = {
    "inconsistent": "the other view's disparity disagrees, or the pixel is hidden there",
    "unsure": "the matcher gives less than its even chance",
    "range": "outside the range of the shot's matched features",
    "sky": "sky",
    "text": "subtitle or credits",
    "border": "black border, or without texture",
}
"""Why a pixel of an accepted frame has no disparity."""


@dataclass(frozen=True, kw_only=True)
class MineOptions:
    """How films are mined.

    Args:
        model: Name of the stereo method that gives the disparity.
        width: Largest width of the views, px; what is stored smaller is not enlarged.
        frames_per_s: Frames that are looked at in each second of a shot; of their neighbours the sharpest is taken.
        most_frames: Frames that are taken of one shot, at most, evenly spaced.
        least_agreement: Share of a frame's pixels that must have a disparity.
        least_change: Mean change of brightness, in levels of 255, by which frames of a shot differ.
        range_share: Largest disparity that is looked for, as a share of the width, before and behind the screen.
        least_confidence: Least confidence of a pixel, where the method tells it.
    Raises:
        InputError: If a number is out of range.
    Example:
        >>> MineOptions(width=8)
        Traceback (most recent call last):
        leadline.errors.InputError: expected width from 64 to 8192, got 8
    """

    model: str = "leadline-accurate"
    width: int = 640
    frames_per_s: float = 2.0
    most_frames: int = 12
    least_agreement: float = 0.4
    least_change: float = 3.0
    range_share: float = 0.15
    least_confidence: float = 0.5

    def __post_init__(self) -> None:
        """Refuses what gives no frame."""
        limits = {
            "width": (64, 8192), "frames_per_s": (0.01, 1000.0), "most_frames": (1, 10_000),
            "least_agreement": (0.0, 1.0), "least_change": (0.0, 255.0), "range_share": (0.01, 0.5),
            "least_confidence": (0.0, 1.0),
        }  # fmt: skip
        for entry in fields(self):
            if entry.name in limits:
                value, (least, most) = getattr(self, entry.name), limits[entry.name]
                if not (math.isfinite(value) and least <= value <= most):
                    raise InputError(f"expected {entry.name} from {least:g} to {most:g}, got {value}")
