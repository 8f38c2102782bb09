"""A 3D film of rendered shots with known disparity: what a miner of films is measured on.

A shot is one rendered pair, seen through a window that moves over it, so that its disparity is known in every frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.data.synthetic.stereo import render_stereo
from leadline.io.film_writing import write_film
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

ShotKind = Literal["stereo", "subtitled", "misaligned", "mono", "swapped", "black", "credits"]
"""Kinds of shot: all but the first three are to be refused."""
FilmForm = Literal["half-side-by-side", "side-by-side", "half-over-under", "over-under"]

_TEXT: Final = ("I did not say that.", "- Where are they now?", "Nobody came back.")
_NAMES: Final = ("Directed by A. Nobody", "Camera  B. Someone", "Sound  C. Other", "Catering  D. Fourth")
_ROLL_RAD: Final = 0.004
_OFFSET_PX: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class FilmShot:
    """A shot to be rendered.

    Args:
        kind: What it is.
        seed: Of the rendered pair.
        frames: How many frames it has.
        behind: Share of the largest disparity by which the views are moved apart: what is farther lies behind the
            screen, and its disparity is negative.
    """

    kind: ShotKind = "stereo"
    seed: int = 0
    frames: int = 20
    behind: float = 0.4


@final
class RenderedShot:
    """A shot as it was rendered.

    Args:
        shot: What was asked for.
        first: Number of its first frame in the film.
        pair: The pair behind its window.
        size: Height and width of the window.
        shift_px: Pixels by which the right view was moved: disparities are those of the pair less this.
    Example:
        >>> shot = RenderedShot(FilmShot(kind="black", frames=8), 20, None, (40, 60), 0)
        >>> shot.last, [int(view.max()) for view in shot.views(21)]
        (28, [4, 4])
    """

    def __init__(
        self, shot: FilmShot, first: int, pair: StereoSample | None, size: tuple[int, int], shift_px: int
    ) -> None:
        self.shot, self.first, self.pair, self.size, self.shift_px = shot, first, pair, size, shift_px

    @property
    def last(self) -> int:
        """Number behind its last frame."""
        return self.first + self.shot.frames

    def window(self, number: int) -> tuple[slice, slice]:
        """Rows and columns of the pair that a frame shows."""
        assert self.pair is not None, "only rendered shots have a window"
        spare = [whole - shown for whole, shown in zip(self.pair.left.shape[:2], self.size, strict=True)]
        part = (number - self.first) / max(1, self.shot.frames - 1)
        top, start = round(spare[0] * part), self.shift_px + round((spare[1] - self.shift_px) * part)
        return slice(top, top + self.size[0]), slice(start, start + self.size[1])

    def truth(self, number: int) -> DisparityMap:
        """True disparity of the left view in a frame, at the window's size; what the right view hides is invalid."""
        rows, columns = self.window(number)
        assert self.pair is not None, "only rendered shots have a truth"
        assert self.pair.occluded is not None, "a rendered pair knows it"
        disparity = self.pair.disparity[rows, columns] - np.float32(self.shift_px)
        landing = np.arange(self.size[1], dtype=np.float32) - disparity
        inside = (landing >= 0) & (landing <= self.size[1] - 1)
        return DisparityMap(disparity, self.pair.valid[rows, columns] & ~self.pair.occluded[rows, columns] & inside)

    def views(self, number: int) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]]:
        """Left and right view of a frame as the film shows them."""
        kind, (height, width) = self.shot.kind, self.size
        if kind in ("black", "credits"):
            view = np.full((height, width, 3), 4, np.uint8)
            if kind == "credits":
                _draw_names(view, number - self.first)
            return view, view
        assert self.pair is not None, "every other kind is rendered"
        rows, columns = self.window(number)
        moved = slice(columns.start - self.shift_px, columns.stop - self.shift_px)
        left, right = (np.ascontiguousarray(v) for v in (self.pair.left[rows, columns], self.pair.right[rows, moved]))
        if kind == "mono":
            return left, left
        if kind == "swapped":
            return right, left
        if kind == "misaligned":
            return left, _misaligned(right)
        if kind == "subtitled":
            for view in (left, right):
                _draw_subtitle(view, self.first)
        return left, right


def render_shots(shots: Sequence[FilmShot], size: tuple[int, int]) -> list[RenderedShot]:
    """Shots of a film, one after the other.

    Args:
        shots: What they are.
        size: Height and width of the views as they are shown.
    """
    rendered: list[RenderedShot] = []
    first = 0
    for shot in shots:
        pair, shift = None, 0
        if shot.kind not in ("black", "credits"):
            pair, _ = render_stereo(shot.seed, (size[0] + 8, size[1] + size[1] // 6))
            largest = float(np.quantile(pair.disparity[pair.valid], 0.98))
            shift = min(round(shot.behind * largest), size[1] // 12)
        rendered.append(RenderedShot(shot, first, pair, size, shift))
        first += shot.frames
    return rendered


def write_stereo_film(
    path: Path | str,
    shots: Sequence[RenderedShot],
    form: FilmForm = "half-side-by-side",
    bar_px: int = 0,
    fps: float = 24.0,
) -> None:
    """Writes shots as a 3D film, compressed with H.264.

    Args:
        path: Ends in .mp4.
        shots: As `render_shots` gives them.
        form: How both views lie in a frame.
        bar_px: Height of the black bars above and below.
        fps: Frames a second.
    Raises:
        MissingExtraError: If PyAV is not installed.
        OutputError: If it cannot be written.
    """
    count = shots[-1].last
    write_film(path, _frames(shots, form, bar_px), [number / fps for number in range(count)])


def _frames(shots: Sequence[RenderedShot], form: FilmForm, bar_px: int) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    for shot in shots:
        for number in range(shot.first, shot.last):
            views = [cv2.copyMakeBorder(view, bar_px, bar_px, 0, 0, cv2.BORDER_CONSTANT) for view in shot.views(number)]
            height, width = views[0].shape[:2]
            if form.startswith("half"):
                size = (width // 2, height) if form.endswith("side-by-side") else (width, height // 2)
                views = [cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in views]
            yield np.concatenate([np.asarray(v) for v in views], axis=1 if form.endswith("side-by-side") else 0)


def _misaligned(view: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """A view whose rows lie lower, more so at the right: y' = y + offset + roll (x - middle)."""
    height, width = view.shape[:2]
    matrix = np.array([[1.0, 0.0, 0.0], [_ROLL_RAD, 1.0, _OFFSET_PX - _ROLL_RAD * (width - 1) / 2.0]])
    moved = cv2.warpAffine(view, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _draw_subtitle(view: UInt8[np.ndarray, "h w 3"], number: int) -> None:
    height, width = view.shape[:2]
    text, scale = _TEXT[number % len(_TEXT)], height / 350.0
    (across, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    place = ((width - across) // 2, height - height // 12)
    for colour, thickness in (((0, 0, 0), 5), ((245, 245, 245), 2)):
        cv2.putText(view, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)


def _draw_names(view: UInt8[np.ndarray, "h w 3"], step: int) -> None:
    """Names that move upwards."""
    height, width = view.shape[:2]
    for row in range(9):
        name = _NAMES[row % len(_NAMES)]
        y = int(height * (row + 1) / 8.0) - 2 * step
        cv2.putText(
            view, name, (width // 4, y), cv2.FONT_HERSHEY_SIMPLEX, height / 400.0, (230, 230, 230), 1, cv2.LINE_AA
        )
