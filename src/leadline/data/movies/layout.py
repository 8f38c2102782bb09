"""Layout of a 3D film: how both views lie in its frames, found from what the frames show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.check import MIN_MATCHES
from leadline.geometry.epipolar import Matches, match_grey
from leadline.geometry.image import brightness, stretch_contrast
from leadline.io.film_facts import FilmFacts
from leadline.io.pairs import Layout

FilmLayout = Literal[Layout, "two-streams", "photographs"]
"""How both views of a film lie: in one frame, in two streams or files, or in files of one frame each."""
LAYOUTS: Final[tuple[FilmLayout, ...]] = (*get_args(Layout), "two-streams", "photographs")

_Image = UInt8[np.ndarray, "h w 3"]
_View = UInt8[np.ndarray, "view_h view_w 3"]
_FEATURES, _SIDE_PX, _LEAST_CORNERS = 800, 512, 100
_MOST_VERTICAL: Final = 0.03
"""Share of the height by which the rows of true views may differ."""
_LEAST_SHARE: Final = 0.5
"""Share of the frames with texture in which two views must be found."""
_NARROWEST, _WIDEST = 1.25, 2.7
"""Shapes, width over height, that films are shown in; an unsqueezed view of another shape was squeezed to half."""
_FRAME_PACKED: Final = {(2205, 1920): 45, (1470, 1280): 30}
"""(height, width) of frames as HDMI 1.4a packs both views, and the rows between them."""
_ANAGLYPH_PX: Final = 1.0
_ANAGLYPH_MIXES: Final = ((0, (1, 2)), (1, (0, 2)), (2, (0, 1)))
"""Channel of one eye, and the channels of the other: red and cyan, green and magenta, blue and yellow."""


@dataclass(frozen=True, kw_only=True)
class FoundLayout:
    """How both views of a film lie.

    Args:
        layout: Name of the layout.
        right_first: Whether the first half, or stream, is the right view.
        because: Why: what the file says, or what was measured.
    """

    layout: FilmLayout
    right_first: bool
    because: str


def find_layout(frames: Sequence[_Image], facts: FilmFacts, name: str) -> FoundLayout:
    """The layout of a film that is one file.

    Halves of a frame are two views if their features match on nearly the same rows. What the file itself states is
    taken only if the frames agree.

    Args:
        frames: Some frames, spread over the film.
        facts: What its file says.
        name: Of the film, for messages.
    Raises:
        InputError: If it is an anaglyph, or its frames do not show two views; the message says what was measured.
    Example:
        >>> view = np.random.default_rng(0).integers(0, 256, (120, 190, 3), np.uint8)
        >>> view = cv2.resize(view, (0, 0), fx=2.0, fy=2.0)
        >>> frame = np.hstack([view[:, 4:], view[:, :-4]])
        >>> find_layout([frame], FilmFacts(height=240, width=752), "a.mp4").layout
        'side-by-side'
    """
    stated = FoundLayout(layout="two-streams", right_first=False, because="the file has two streams of one size")
    if facts.streams > 1:
        return stated
    shares = {way: _share_of_pairs([_halves(frame, way) for frame in frames]) for way in ("side-by-side", "over-under")}
    way, (share, matches) = max(shares.items(), key=lambda entry: (entry[1][0] >= _LEAST_SHARE, entry[1]))
    if share < _LEAST_SHARE:
        raise _not_stereo(frames, facts, name, shares)
    squeezed = _is_squeezed(facts, way)
    layout: FilmLayout = f"half-{way}" if squeezed else way  # pyright: ignore[reportAssignmentType]
    because = f"{matches:.0f} features of one half are found in the other on the same rows"
    if facts.views == way:
        because = f"the file says {facts.views}{', right view first' if facts.right_first else ''}, and {because}"
    return FoundLayout(layout=layout, right_first=facts.right_first and facts.views == way, because=because)


def split_views(frame: _Image, layout: FilmLayout) -> tuple[_View, _View]:
    """First and second view of a frame as they are stored, squeezed or not; an odd middle line belongs to neither.

    Args:
        frame: RGB.
        layout: One in which both views lie in one frame.
    Example:
        >>> frame = np.zeros((6, 9, 3), np.uint8)
        >>> [view.shape for view in split_views(frame, "half-over-under")]
        [(3, 9, 3), (3, 9, 3)]
    """
    return _halves(frame, "over-under" if layout.endswith("over-under") else "side-by-side")


def shown_aspect(height: int, width: int, layout: FilmLayout, pixel_aspect: float = 1.0) -> float:
    """Width over height of one view as it is to be shown.

    Args:
        height: Of a stored frame.
        width: Likewise.
        layout: How the views lie in it.
        pixel_aspect: Of the film.
    Example:
        >>> shown_aspect(1080, 1920, "half-side-by-side"), shown_aspect(800, 3840, "side-by-side")
        (1.7777777777777777, 2.4)
    """
    whole = width * pixel_aspect / height
    if (height, width) in _FRAME_PACKED:
        return width / ((height - _FRAME_PACKED[height, width]) / 2)
    return {"side-by-side": whole / 2.0, "over-under": whole * 2.0}.get(layout, whole)


def _is_squeezed(facts: FilmFacts, way: str) -> bool:
    """Whether an unsqueezed view would have a shape that no film has."""
    aspect = shown_aspect(facts.height, facts.width, "side-by-side" if way == "side-by-side" else "over-under",
                          facts.pixel_aspect)  # fmt: skip
    return not _NARROWEST <= aspect <= _WIDEST


def _halves(frame: _Image, way: str) -> tuple[_View, _View]:
    axis = 0 if way == "over-under" else 1
    length = int(frame.shape[axis])
    half = (length - _FRAME_PACKED.get(frame.shape[:2], 0)) // 2 if axis == 0 else length // 2
    if axis == 0:
        return frame[:half], frame[length - half :]
    return frame[:, :half], frame[:, length - half :]


def _share_of_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Share of pairs with texture that show one scene on the same rows, and the median number of matches."""
    counts: list[int] = []
    for pair in pairs:
        greys = [_small(brightness(view)) for view in pair]
        if min(greys[0].shape) >= 16 and all(_has_texture(grey) for grey in greys):
            counts.append(_level_matches(greys[0], greys[1]))
    if not counts:
        return 0.0, 0.0
    return float(np.mean([count >= MIN_MATCHES for count in counts])), float(np.median(counts))


def _has_texture(grey: Float32[np.ndarray, "h w"]) -> bool:
    return len(cv2.FastFeatureDetector.create().detect(stretch_contrast(grey))) >= _LEAST_CORNERS


def _small(grey: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w2"]:
    scale = min(1.0, _SIDE_PX / max(grey.shape))
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def _level_matches(first: Float32[np.ndarray, "h w"], second: Float32[np.ndarray, "h w"]) -> int:
    """Number of matches whose rows are nearly the same."""
    matches = match_grey(first, second, _FEATURES, _SIDE_PX)
    return int((np.abs(matches.vertical_offsets_px) < _MOST_VERTICAL * first.shape[0]).sum()) if len(matches) else 0


def _not_stereo(
    frames: Sequence[_Image], facts: FilmFacts, name: str, shares: dict[str, tuple[float, float]]
) -> InputError:
    """The error of a film without two views that can be used: why, and by which measure."""
    if (share := _anaglyph_share(frames)) >= _LEAST_SHARE:
        return InputError(
            f"expected two whole views in {name}, got an anaglyph (in {share:.0%} of its frames the colour channels "
            "show the scene from two places): each view has lost the other's colours; take another edition"
        )
    told = ", ".join(f"{matches:.0f} {way}" for way, (_, matches) in shares.items())
    hint = (
        "it is MVC, of which FFmpeg decodes one view only: convert it to side by side"
        if facts.multiview
        else "if it is stereo, give the layout " + ", ".join(LAYOUTS)
    )
    return InputError(
        f"expected a 3D film in {name}, got frames whose halves show different things (features that match on the same "
        f"rows, median of {len(frames)} frames: {told}; {MIN_MATCHES} are needed); {hint}"
    )


def _anaglyph_share(frames: Sequence[_Image]) -> float:
    """Share of the frames in which one colour channel shows the scene from another place than the others."""
    found = [any(_is_displaced(frame, *mix) for mix in _ANAGLYPH_MIXES) for frame in frames]
    return float(np.mean(found)) if found else 0.0


def _is_displaced(frame: _Image, one: int, others: tuple[int, int]) -> bool:
    first = _small(frame[..., one].astype(np.float32) / np.float32(255.0))
    second = _small(frame[..., list(others)].mean(axis=2).astype(np.float32) / np.float32(255.0))
    if not (_has_texture(first) and _has_texture(second)):
        return False
    matches: Matches = match_grey(first, second, _FEATURES, _SIDE_PX)
    if len(matches) < MIN_MATCHES:
        return False
    return float(np.percentile(np.abs(matches.disparities_px), 75.0)) > _ANAGLYPH_PX
