"""Frames of the left and of the right view of a film, each beside its partner."""

from pathlib import Path
from typing import Final

import numpy as np

from leadline.errors import InputError
from leadline.io.pair_files import match_files
from leadline.io.video import FilmFrames, FrameSequence, ImageFrames, open_frames

_LATE: Final = 0.5
"""Share of the time between two frames by which partners of two films may differ."""


def open_views(
    left: str | Path, right: str | Path, fps: float | None = None, max_pixels: int | None = None
) -> tuple[FrameSequence, FrameSequence, tuple[str, ...]]:
    """The frames of two views, of which each left one has its right one at the same place.

    Images are matched by their names or time stamps, as `match_files` does; frames of two films must have been taken
    at the same times.

    Args:
        left: As for `open_frames`.
        right: Likewise.
        fps: Frames a second of images, if known.
        max_pixels: Largest frame that is read.
    Returns:
        Left frames, right frames, and notes on how they were matched.
    Raises:
        InputError: As `open_frames`; if their numbers differ, if a frame has no partner, or if films drift apart.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("left_2.png", "left_10.png", "right_2.png", "right_10.png"):
        ...         Path(folder, name).touch()
        ...     _, rights, notes = open_views(f"{folder}/left*.png", f"{folder}/right*.png")
        >>> [path.name for path in rights.files(0, 1)], notes
        (['right_2.png', 'right_10.png'], ())
    """
    first, second = open_frames(left, fps, max_pixels), open_frames(right, fps, max_pixels)
    if len(first) != len(second):
        raise InputError(
            f"expected as many right frames as left ones, got {len(second)} in {second.source} and {len(first)} in "
            f"{first.source}; leave out those without a partner"
        )
    if isinstance(first, ImageFrames) and isinstance(second, ImageFrames):
        return _matched(first, second, fps, max_pixels)
    if isinstance(first, FilmFrames) and isinstance(second, FilmFrames):
        _require_same_times(first, second)
        return first, second, ()
    return first, second, (f"{first.source} and {second.source}: a film and images, paired in order",)


def _matched(
    first: ImageFrames, second: ImageFrames, fps: float | None, max_pixels: int | None
) -> tuple[FrameSequence, FrameSequence, tuple[str, ...]]:
    pairs, notes = match_files(first.paths, second.paths, f"{first.source} and {second.source}")
    partners = dict(pairs)
    alone = [path.name for path in first.paths if path not in partners]
    if alone:
        taken = set(partners.values())
        other = next(path.name for path in second.paths if path not in taken)
        raise InputError(
            f"expected a right frame for each left one, got none for {alone[0]} in {first.source} and {other} alone in "
            f"{second.source}; leave out those without a partner"
        )
    rights = [partners[path] for path in first.paths]
    return first, ImageFrames(rights, fps, second.source, second.notes, max_pixels), notes


def _require_same_times(first: FilmFrames, second: FilmFrames) -> None:
    """Refuses films of which one dropped a frame that the other has: all later pairs would be of two moments."""
    times = [np.array(film.times_s) - film.times_s[0] for film in (first, second)]
    if len(first) < 2:
        return
    late = np.abs(times[0] - times[1]) > _LATE * float(np.median(np.diff(times[0])))
    if late.any():
        at = int(np.argmax(late))
        raise InputError(
            f"expected frames of two views taken at the same times, got frame {at} at {times[0][at]:.3f} s in "
            f"{first.source} and at {times[1][at]:.3f} s in {second.source}; save both films as images under their "
            "times, and leave out those without a partner"
        )
