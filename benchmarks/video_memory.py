"""Peak memory of `leadline video` for films of different lengths: it must not grow with them.

    python benchmarks/video_memory.py --frames 200,2000 --size 160x120

Each film pans over a texture, and its depth is a function of the grey value, so that the memory of a network does not
hide that of the film. Each length runs in a process of its own.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import cyclopts
import numpy as np
from rich.console import Console
from rich.table import Table

from leadline.apps.cli.bench import largest_memory_mb
from leadline.apps.cli.main import main as leadline
from leadline.apps.cli.sizes import parse_size
from leadline.io.film_writing import write_film
from leadline.maps import DepthMap

_PAN_PX = 1.3
_TEXTURE_PX = 600


def grey_depth(image: np.ndarray) -> DepthMap:
    """Inverse depth that is the blurred grey value: it costs next to nothing."""
    grey = cv2.blur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (9, 9)).astype(np.float32)
    return DepthMap(grey, np.ones(grey.shape, bool), "affine_inverse")


def frames_of(count: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """A camera that pans to and fro over a texture."""
    height, width = size
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (height, width + _TEXTURE_PX, 3), dtype=np.uint8), (0, 0), 2.0)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    for number in range(count):
        place = _PAN_PX * number % (2 * _TEXTURE_PX)
        start = min(place, 2 * _TEXTURE_PX - place)
        shifted = cv2.warpAffine(texture, np.float32([[1, 0, -start], [0, 1, 0]]), (width, height))
        yield np.asarray(shifted, np.uint8)


def run_one(film: Path) -> float:
    """Largest memory of this process, in 1e6 bytes, after it has run `leadline video` on a film."""
    model = f"{Path(__file__).stem}:{grey_depth.__name__}"
    if leadline(["video", str(film), "--model", model, "--output", str(film.with_suffix(""))]):
        raise SystemExit(1)
    return largest_memory_mb()


def main(*, frames: str = "200,2000", size: str = "160x120", film: Path | None = None) -> None:
    """Measures each length and prints a table.

    Args:
        frames: Lengths of the films, separated by commas.
        size: WIDTHxHEIGHT of the films.
        film: The only film, whose memory is printed alone: how this program calls itself.
    """
    if film is not None:
        print(f"{run_one(film):.0f}")
        return
    table = Table("frames", "largest memory, MB")
    with tempfile.TemporaryDirectory() as folder:
        for count in frames.split(","):
            place = Path(folder) / f"{count}.mp4"
            write_film(place, frames_of(int(count), parse_size(size)), None)
            words = [sys.executable, __file__, "--film", str(place)]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            table.add_row(count, done.stdout.split()[-1])
            shutil.rmtree(place.with_suffix(""))
    Console().print(table)


if __name__ == "__main__":
    cyclopts.run(main)
