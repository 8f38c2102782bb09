"""Films of painted shots: layers of coloured noise at whole disparities, so that every pixel's truth is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.data.synthetic.film import FilmShot, RenderedShot, write_stereo_film
from leadline.data.synthetic.stereo import occluded_left
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

SIZE = (144, 320)
"""Height and width of the painted views."""


def _painted_pair(seed, size=(SIZE[0] + 4, SIZE[1] + 24)):
    """A wall with five boards before it; boards are painted from far to near."""
    rng = np.random.default_rng(seed)
    height, width = size
    left, right = (np.zeros((height, width, 3), np.uint8) for _ in range(2))
    truth, other = (np.zeros((height, width), np.float32) for _ in range(2))
    boards = [(0, height, -40, width + 40, 4)]
    for disparity in (6, 8, 11, 14, 16):
        top, start = int(rng.integers(0, height - 50)), int(rng.integers(20, width - 120))
        boards.append((top, top + int(rng.integers(40, 90)), start, start + int(rng.integers(50, 100)), disparity))
    for top, bottom, start, end, disparity in boards:
        noise = rng.integers(0, 256, (height, width + 160, 3), np.uint8)
        colour = rng.integers(40, 200, 3)
        paint = np.clip(colour + 2.0 * (cv2.GaussianBlur(noise, (0, 0), 1.6).astype(np.float32) - 128), 0, 255)
        paint = paint.astype(np.uint8)
        for view, depth, shift in ((left, truth, 0), (right, other, disparity)):
            first, last = max(0, start - shift), max(0, min(width, end - shift))
            view[top:bottom, first:last] = paint[top:bottom, first + shift + 40 : last + shift + 40]
            depth[top:bottom, first:last] = disparity
    everywhere = np.ones(size, bool)
    return StereoSample(
        f"{seed}", left, right, DisparityMap(truth, everywhere), occluded_left(truth, other),
        DisparityMap(other, everywhere),
    )  # fmt: skip


@pytest.fixture(scope="session")
def painted_pair():
    """Makes a painted pair of a seed and a size."""
    return _painted_pair


def _painted_shots(kinds, frames=14, shift=8):
    shots, first = [], 0
    for number, kind in enumerate(kinds):
        pair = None if kind in ("black", "credits") else _painted_pair(number)
        shots.append(RenderedShot(FilmShot(kind=kind, frames=frames), first, pair, SIZE, shift if pair else 0))
        first += frames
    return shots


@pytest.fixture(scope="session")
def painted_film(tmp_path_factory):
    """Makes a film of painted shots, once for each set of arguments, and tells the shots."""
    folder: Path = tmp_path_factory.mktemp("films")
    made = {}

    def write(kinds=("stereo", "stereo"), form="side-by-side", bar_px=0, frames=14):
        key = (tuple(kinds), form, bar_px, frames)
        if key not in made:
            shots = _painted_shots(kinds, frames)
            path = folder / f"film{len(made)}.mp4"
            write_stereo_film(path, shots, form, bar_px)
            made[key] = (path, shots)
        return made[key]

    return write
