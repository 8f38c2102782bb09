"""Films as MP4 files, written frame by frame."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.io.atomic import atomic_write
from leadline.io.pyav import load_pyav

_CLOCK: Final = 1000
"""Ticks a second."""


def can_write_films() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


def write_film(
    path: Path | str, frames: Iterable[UInt8[np.ndarray, "h w 3"]], times_s: Sequence[float] | None = None
) -> None:
    """Writes an MP4 film, H.264 where PyAV has an encoder for it, else MPEG-4; whole or not at all.

    Args:
        path: Ends in .mp4.
        frames: RGB, all of one size; an odd last row or column is left out.
        times_s: When each is shown, rising; 25 frames a second if absent.
    Raises:
        MissingExtraError: If PyAV is not installed.
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> from leadline.io.video import open_frames
        >>> grey = [np.full((32, 48, 3), value, np.uint8) for value in (50, 150, 250)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_film(f"{folder}/a.mp4", grey, [0.0, 0.5, 0.75])
        ...     [(frame.time_s, round(int(frame.pixels.mean()), -1)) for frame in open_frames(f"{folder}/a.mp4")]
        [(0.0, 50), (0.5, 150), (0.75, 250)]
    """
    av = load_pyav(Path(path))
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with atomic_write(path) as file, av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=_CLOCK)
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, _CLOCK)
        for number, pixels in enumerate(frames):
            even = np.ascontiguousarray(pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2])
            if number == 0:
                stream.height, stream.width = even.shape[:2]
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            start = 0.0 if times_s is None else times_s[0]
            frame.pts = round(_CLOCK * (number / 25 if times_s is None else times_s[number] - start))
            frame.time_base = Fraction(1, _CLOCK)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
