"""One film as left and right views of the size at which it is mined."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.data.movies.layout import FilmLayout, FoundLayout, find_layout, shown_aspect, split_views
from leadline.data.movies.photographs import photographs_of, read_photographs
from leadline.errors import InputError
from leadline.io.film_facts import FilmFacts, film_facts
from leadline.io.video import FilmFrames

TWO_FILES: Final = "::"
"""Between the left and the right view's file of a film."""
_LOOKED_AT: Final = 9
_BAR_LEVEL: Final = 24
"""Largest brightness of the black bars of a letter box, after compression."""
_STRAY: Final = 0.25
"""Lines with a smaller share of bright pixels are bars: compression rings beside the image, and noise is bright."""
_SMALLEST_PX: Final = 64
_MOST_BAR: Final = 0.3

_Image = UInt8[np.ndarray, "h w 3"]
_Stored = UInt8[np.ndarray, "stored_h stored_w 3"]


class Views(NamedTuple):
    """Both views of a frame, of one size.

    Attributes:
        number: Of the frame.
        time_s: Of the frame.
        left: RGB.
        right: RGB.
    """

    number: int
    time_s: float
    left: _Image
    right: _Image


@dataclass(frozen=True, kw_only=True)
class StereoFilm:
    """A film whose layout is known. It holds no open file, so it may be sent to other processes.

    Args:
        name: Unique among the films of one run; no dot in it.
        left: The file, or that of the left view; or a folder of stereo photographs.
        right: The file of the right view, if it has one of its own.
        layout: How the views lie.
        right_first: Whether the first one is the right view.
        because: How the layout was found.
        size: Height and width of the views that are mined.
        bars: Rows above and below, and columns at the left and right, of a stored view that are black throughout.
        frames: How many frames it has.
        fps: Frames a second, the mean.
    """

    name: str
    left: str
    right: str | None
    layout: FilmLayout
    right_first: bool
    because: str
    size: tuple[int, int]
    bars: tuple[int, int, int, int]
    frames: int
    fps: float

    @property
    def of_photographs(self) -> bool:
        """Whether it is a folder of photographs, each of which is a shot."""
        return self.layout == "photographs"

    def views(self, first: int, last: int) -> Iterator[Views]:
        """Both views of the frames from one number up to but not including another; damaged frames are left out."""
        for number, time_s, one, other in _pairs(self, first, last):
            left, right = (self._fitted(view) for view in ((other, one) if self.right_first else (one, other)))
            yield Views(number, time_s, left, right)

    def _fitted(self, view: _Stored) -> _Image:
        """A stored view without its bars, unsqueezed, at the size that is mined."""
        top, bottom, start, end = self.bars
        cut = view[top : view.shape[0] - bottom, start : view.shape[1] - end]
        return np.asarray(cv2.resize(cut, self.size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def open_film(
    place: str, name: str, layout: FilmLayout | None = None, swap: bool = False, width: int = 640
) -> StereoFilm:
    """A 3D film; its layout is found from its frames unless it is given.

    Args:
        place: The file; LEFT::RIGHT, the files of both views; or a folder of MPO or JPS photographs.
        name: As for `StereoFilm`.
        layout: How the views lie.
        swap: Whether to exchange the views.
        width: Largest width of the views that are mined; what is stored smaller is not enlarged.
    Raises:
        InputError: If it is no film, has no frame, is encrypted, of high dynamic range, an anaglyph or not stereo.
        MissingExtraError: If PyAV is not installed.
    Example:
        >>> open_film("missing.mp4", "missing")
        Traceback (most recent call last):
        leadline.errors.InputError: expected a film at missing.mp4, got no such file; check the name
    """
    left, _, right = place.partition(TWO_FILES)
    if Path(left).is_dir() and not right:
        return _photographs(left, name, layout, swap, width)
    facts = film_facts(left)
    if facts.dynamic_range:
        raise InputError(
            f"expected a film of standard dynamic range, got {facts.dynamic_range} (HDR) in {left}, whose brightness "
            "means something else; take its SDR edition"
        )
    opened = _opened(left)
    samples = [frame.pixels for frame in opened.picked(_spread(len(opened)))]
    if not samples:
        raise InputError(f"expected frames that can be decoded in {left}, got none; fetch it again")
    found = _layout(left, right, layout, facts, samples)
    film = StereoFilm(
        name=name, left=left, right=right or None, layout=found.layout, right_first=found.right_first != swap,
        because=found.because, size=(0, 0), bars=(0, 0, 0, 0), frames=len(opened), fps=_rate(opened),
    )  # fmt: skip
    return _sized(film, facts, width, _stored_views(film, samples))


def _photographs(folder: str, name: str, layout: FilmLayout | None, swap: bool, width: int) -> StereoFilm:
    """A folder of photographs as a film of one photograph a second; the first that can be read decides the shape."""
    if layout not in (None, "photographs"):
        raise InputError(f"expected no layout for a folder of photographs, got {layout} for {folder}; leave it out")
    paths = photographs_of(folder)
    first = next(read_photographs(paths), None)
    if first is None:
        raise InputError(
            f"expected photographs with two views in {folder}, got none that can be read; fetch them again"
        )
    rows, columns = first[1].shape[:2]
    across = min(width, columns)
    return _large_enough(StereoFilm(
        name=name, left=folder, right=None, layout="photographs", right_first=swap,
        because=f"a folder of {len(paths)} files", size=(round(rows * across / columns), across), bars=(0, 0, 0, 0),
        frames=len(paths), fps=1.0,
    ))  # fmt: skip


def _large_enough(film: StereoFilm) -> StereoFilm:
    if min(film.size) < _SMALLEST_PX:
        raise InputError(
            f"expected views of at least {_SMALLEST_PX} px a side in {film.left}, got {film.size[1]}x{film.size[0]}; "
            "take a larger edition"
        )
    return film


def _layout(
    left: str, right: str, layout: FilmLayout | None, facts: FilmFacts, samples: Sequence[_Image]
) -> FoundLayout:
    if right:
        other = film_facts(right)
        if (other.height, other.width) != (facts.height, facts.width):
            raise InputError(
                f"expected two films of one size, got {facts.width}x{facts.height} in {left} and "
                f"{other.width}x{other.height} in {right}; take two views of one film"
            )
        return FoundLayout(layout="two-streams", right_first=False, because="two files were given")
    if layout is not None:
        if layout == "two-streams" and facts.streams < 2:
            raise InputError(f"expected two streams of moving images of one size in {left}, got {facts.streams}")
        return FoundLayout(layout=layout, right_first=False, because="as asked")
    return find_layout(samples, facts, left)


def _spread(count: int) -> list[int]:
    """Numbers of frames spread over a film."""
    return sorted({int((part + 0.5) / _LOOKED_AT * count) for part in range(_LOOKED_AT)})


def _stored_views(film: StereoFilm, samples: Sequence[_Image]) -> list[_Stored]:
    """Views of some frames as they are stored."""
    if film.layout != "two-streams":
        return [view for frame in samples for view in split_views(frame, film.layout)]
    other = _second(film)
    return [*samples, *(frame.pixels for frame in other.picked(_spread(len(other))))]


def _rate(opened: FilmFrames) -> float:
    """Frames a second."""
    times = opened.times_s
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 25.0


def _sized(film: StereoFilm, facts: FilmFacts, width: int, views: Sequence[_Image]) -> StereoFilm:
    """The film with the bars that it has and the size that its views are mined at."""
    stored = views[0].shape[:2]
    bars = _bars(np.max([view.max(axis=2) for view in views], axis=0) > _BAR_LEVEL)
    aspect = shown_aspect(facts.height, facts.width, film.layout, facts.pixel_aspect)
    rows, columns = stored[0] - bars[0] - bars[1], stored[1] - bars[2] - bars[3]
    # A stored pixel of a view is this much wider than high.
    aspect *= (columns / stored[1]) / (rows / stored[0])
    across = int(min(width, columns, aspect * rows))
    return _large_enough(replace(film, size=(max(1, round(across / aspect)), across), bars=bars))


def _bars(content: np.ndarray) -> tuple[int, int, int, int]:
    """Lines at each side without content; none where that would leave next to nothing."""
    bars: list[int] = []
    for axis in (1, 0):
        lines = np.flatnonzero(content.mean(axis=axis) > _STRAY)
        length = content.shape[1 - axis]
        first, last = (int(lines[0]), length - 1 - int(lines[-1])) if len(lines) else (0, 0)
        bars += [first, last] if max(first, last) < _MOST_BAR * length else [0, 0]
    return (bars[0], bars[1], bars[2], bars[3])


def _pairs(film: StereoFilm, first: int, last: int) -> Iterator[tuple[int, float, _Image, _Image]]:
    """Number, time, and the first and second view of frames as they are stored."""
    if film.of_photographs:
        paths = photographs_of(film.left)[first:last]
        for number, one, other in read_photographs(paths, film.size):
            yield first + number, float(first + number), one, other
        return
    left = _opened(film.left)
    if film.layout != "two-streams":
        for frame in left.readable(first, last):
            yield int(frame.name), frame.time_s or 0.0, *split_views(frame.pixels, film.layout)
        return
    right = _second(film)
    others = right.readable(first, last)
    other = next(others, None)
    for frame in left.readable(first, last):
        while other is not None and other.name < frame.name:
            other = next(others, None)
        if other is None:
            return
        if other.name == frame.name:
            yield int(frame.name), frame.time_s or 0.0, frame.pixels, other.pixels


def _second(film: StereoFilm) -> FilmFrames:
    """The second stream or file of a film of two."""
    return _opened(film.right) if film.right else _opened(film.left, 1)


def _opened(path: str, stream: int = 0) -> FilmFrames:
    """A film's frames; the file is read through once in a process, however many shots are read."""
    try:
        state = Path(path).stat()
    except (OSError, ValueError):
        return FilmFrames(path, stream=stream)
    return _kept(path, stream, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _kept(path: str, stream: int, _size: int, _time: int) -> FilmFrames:
    return FilmFrames(path, stream=stream)
