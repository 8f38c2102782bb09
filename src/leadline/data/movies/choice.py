"""Choice of a shot's frames: sharp ones, and no two alike."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.data.movies.film import StereoFilm, Views
from leadline.data.movies.masks import text_mask
from leadline.data.movies.options import MineOptions
from leadline.data.movies.shots import Shot
from leadline.runtime.sharpness import edge_blur_px

_EDGE_FRAMES: Final = 2
"""Frames at either end of a shot that may be blended with the next."""
_THUMB: Final = (32, 18)
_DARK: Final = 32
_FLAT: Final = 12
"""A frame whose brightest pixels are below, or whose brightness varies by less, shows nothing."""
_CREDITS_SHARE: Final = 0.12
_CREDITS_DARK: Final = 0.03
"""Share of text from which a frame is taken for credits: in general, and where most of it is black."""
_MOSTLY: Final = 0.6
_BLUR_PX: Final = 4.0
_BLUR_SHARE: Final = 0.25
"""A frame is blurred if its strongest edges are, or if it has this share of its shot's usual sharpness."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Frames of a shot that are worth matching.

    Args:
        frames: In order.
        looked_at: How many were looked at.
        rejected: Reason -> frames.
    """

    frames: tuple[Views, ...]
    looked_at: int
    rejected: Counter[str]


def choose_frames(film: StereoFilm, shot: Shot, options: MineOptions) -> Chosen:
    """The sharpest frame of each stretch of a shot, without those that show nothing, text, or the same again.

    Args:
        film: The film.
        shot: The shot; its first and last frames are left out.
        options: How many, and how different.
    """
    rejected: Counter[str] = Counter()
    candidates = list(_sharpest(film, shot, options, rejected))
    usual = float(np.median([sharp for _, sharp in candidates])) if candidates else 0.0
    kept: list[Views] = []
    thumbs: list[Float32[np.ndarray, "h w"]] = []
    for views, sharp in candidates:
        thumb = thumbnail(views.left)
        if is_credits(views.left):
            rejected["credits"] += 1
        elif sharp < _BLUR_SHARE * usual or edge_blur_px(views.left) > _BLUR_PX:
            rejected["blurred"] += 1
        elif any(float(np.abs(thumb - other).mean()) < options.least_change for other in thumbs):
            rejected["duplicate"] += 1
        else:
            kept.append(views)
            thumbs.append(thumb)
    if len(kept) > options.most_frames:
        places = np.linspace(0, len(kept) - 1, options.most_frames).round().astype(int)
        kept = [kept[place] for place in places]
    return Chosen(tuple(kept), len(candidates) + rejected["black"], rejected)


def thumbnail(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "18 32"]:
    """A frame in grey at 32x18 px, levels of 255."""
    small = cv2.resize(image, _THUMB, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def difference_hash(image: UInt8[np.ndarray, "h w 3"]) -> int:
    """64 bits that are nearly the same for nearly the same images: of 9x8 px, is each darker than the next.

    Source: Krawetz 2013, "Kind of like that" (dHash).
    """
    small = np.asarray(cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA))
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def shows_nothing(image: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Whether an image is black or of one colour.

    >>> shows_nothing(np.full((64, 64, 3), 7, np.uint8))
    True
    """
    low, high = np.percentile(image[::2, ::2].max(axis=2), [5.0, 99.5])
    return bool(high < _DARK or high - low < _FLAT)


def is_credits(image: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Whether text covers much of an image, or some of a black one."""
    share = float(text_mask(image).mean())
    dark = float((image.max(axis=2) < _DARK).mean())
    return share > _CREDITS_SHARE or (dark > _MOSTLY and share > _CREDITS_DARK)


def _sharpest(
    film: StereoFilm, shot: Shot, options: MineOptions, rejected: Counter[str]
) -> Iterator[tuple[Views, float]]:
    """The sharpest frame of each stretch, and its sharpness: the variance of its Laplacian."""
    edge = 0 if film.of_photographs else _EDGE_FRAMES
    first, last = shot.first + edge, shot.last - edge
    # Twice as many as are kept at most, however long the shot is: memory is bounded.
    wanted = max(1, min(round((last - first) / film.fps * options.frames_per_s), 2 * options.most_frames))
    best: tuple[Views, float] | None = None
    stretch, black = 0, False
    for views in film.views(first, last):
        now = min(wanted - 1, int((views.number - first) * wanted / max(1, last - first)))
        if now != stretch:
            yield from _ended(best, black, rejected)
            best, stretch, black = None, now, False
        if shows_nothing(views.left) or shows_nothing(views.right):
            black = True
            continue
        sharp = float(cv2.Laplacian(cv2.cvtColor(views.left, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
        if best is None or sharp > best[1]:
            best = (views, sharp)
    yield from _ended(best, black, rejected)


def _ended(best: tuple[Views, float] | None, black: bool, rejected: Counter[str]) -> Sequence[tuple[Views, float]]:
    if best is None and black:
        rejected["black"] += 1
    return [] if best is None else [best]
