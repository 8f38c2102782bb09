"""Shots of a film: the frames between two cuts."""

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any, Final, NamedTuple

import cv2

from leadline.data.movies.film import StereoFilm
from leadline.errors import MissingExtraError

_WIDTH_PX: Final = 256
"""Cuts are looked for in frames of at most this width."""
_SHORTEST_S: Final = 0.3
"""Shots are at least so long; what flashes is no cut."""


class Shot(NamedTuple):
    """Frames between two cuts.

    Attributes:
        first: Number of the first frame.
        last: Number behind the last one.
    Example:
        >>> shot = Shot(120, 144)
        >>> shot.last - shot.first
        24
    """

    first: int
    last: int


def find_shots(film: StereoFilm, advance: Callable[[int], None] = lambda _: None) -> list[Shot]:
    """Shots of a film, by PySceneDetect's adaptive detector on the left view; each photograph of a folder is one.

    Args:
        film: The film; all of it is decoded.
        advance: Called with the number of frames that are seen.
    Raises:
        MissingExtraError: If PySceneDetect is not installed.
        InputError: If the film cannot be read any more.
    """
    if film.of_photographs:
        advance(film.frames)
        return [Shot(number, number + 1) for number in range(film.frames)]
    detectors, timecode = _scenedetect(film.left)
    shortest = max(2, round(_SHORTEST_S * film.fps))
    detector = detectors.AdaptiveDetector(min_scene_len=shortest, window_width=min(2, shortest - 1))
    size = (min(_WIDTH_PX, film.size[1]), max(1, round(film.size[0] * min(1.0, _WIDTH_PX / film.size[1]))))
    cuts: list[int] = []
    seen = 0
    for views in film.views(0, film.frames):
        small = cv2.resize(views.left, size, interpolation=cv2.INTER_AREA)
        cuts += [
            int(found.frame_num)
            for found in detector.process_frame(timecode(views.number, fps=film.fps), small[..., ::-1].copy())
        ]
        seen = views.number + 1
        advance(seen)
    cuts += [int(found.frame_num) for found in detector.post_process(timecode(max(0, seen - 1), fps=film.fps))]
    ends = sorted({0, seen, *(cut for cut in cuts if 0 < cut < seen)})
    return [Shot(first, last) for first, last in pairwise(ends)]


def _scenedetect(path: str) -> tuple[Any, Any]:
    """PySceneDetect's detectors and its time code."""
    try:
        return import_module("scenedetect.detectors"), import_module("scenedetect").FrameTimecode
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "scenedetect":
            raise
        raise MissingExtraError(
            f"expected the package scenedetect-headless to find the shots of {path}, found none; install it with pip "
            'install "leadline[movies]"'
        ) from error
