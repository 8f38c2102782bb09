"""Facts that a film's file states about its images, without looking at them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leadline.io.video import FilmFrames

_TRANSFERS: Final = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of films in high dynamic range. Source: ITU-T H.273, table 3."""
_STEREO_TYPES: Final = {1: "side-by-side", 2: "over-under"}
"""FFmpeg's AVStereo3DType."""
_STEREO_MODES: Final = {
    "left_right": ("side-by-side", False),
    "right_left": ("side-by-side", True),
    "top_bottom": ("over-under", False),
    "bottom_top": ("over-under", True),
    "block_lr": ("frames of both views in one stream", False),
    "block_rl": ("frames of both views in one stream", True),
    "anaglyph_cyan_red": ("anaglyph", False),
    "anaglyph_green_magenta": ("anaglyph", False),
}
"""Matroska's StereoMode as FFmpeg names it, and whether the right view comes first."""


@dataclass(frozen=True, kw_only=True)
class FilmFacts:
    """Facts that a film's file states.

    Args:
        height: Of a stored frame, px.
        width: Likewise.
        pixel_aspect: Width of a pixel over its height, as it is shown.
        streams: Streams of moving images of this one's size.
        dynamic_range: PQ or HLG for high dynamic range; empty for standard.
        views: How the file says that both views lie in a frame; empty if it does not.
        right_first: Whether it says that the right view comes first.
        multiview: Whether it states a second view that only some decoders give (MVC).
    """

    height: int
    width: int
    pixel_aspect: float = 1.0
    streams: int = 1
    dynamic_range: str = ""
    views: str = ""
    right_first: bool = False
    multiview: bool = False


def film_facts(path: Path | str) -> FilmFacts:
    """Facts of a film's first stream.

    Args:
        path: A file that FFmpeg decodes.
    Raises:
        InputError: If it is no film.
        MissingExtraError: If PyAV is not installed.
    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from leadline.io.film_writing import write_film
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_film(f"{folder}/a.mp4", [np.full((32, 96, 3), 99, np.uint8)])
        ...     facts = film_facts(f"{folder}/a.mp4")
        >>> facts.height, facts.width, facts.streams, facts.dynamic_range
        (32, 96, 1, '')
    """
    container, stream = FilmFrames(path).opened()
    with container:
        codec = stream.codec_context
        size = (codec.height, codec.width)
        alike = [
            other.codec_context is not None and (other.codec_context.height, other.codec_context.width) == size
            for other in container.streams.video
        ]
        frame = _first_frame(container, stream)
        views, right_first = _stated_views(stream, frame)
        transfer = int(getattr(frame, "color_trc", 0) or codec.color_trc or 0)
        return FilmFacts(
            height=size[0],
            width=size[1],
            pixel_aspect=float(codec.sample_aspect_ratio or 1) or 1.0,
            streams=sum(alike),
            dynamic_range=_TRANSFERS.get(transfer, ""),
            views=views,
            right_first=right_first,
            multiview="Stereo High" in str(codec.profile) or views.startswith("frames"),
        )


def _first_frame(container: Any, stream: Any) -> Any:  # noqa: ANN401 - PyAV's
    try:
        return next(container.decode(stream), None)
    except (OSError, ValueError):  # PyAV's errors are both
        return None


def _stated_views(stream: Any, frame: Any) -> tuple[str, bool]:  # noqa: ANN401 - PyAV's
    """How the file says that the views lie, and whether the right one comes first."""
    if (mode := _STEREO_MODES.get(str(stream.metadata.get("stereo_mode", "")))) is not None:
        return mode
    side = None if frame is None else frame.side_data.get("STEREO3D")
    if side is None:
        return "", False
    content = bytes(side)
    kind, flags = (int.from_bytes(content[start : start + 4], "little") for start in (0, 4))
    return _STEREO_TYPES.get(kind, ""), bool(flags & 1)
