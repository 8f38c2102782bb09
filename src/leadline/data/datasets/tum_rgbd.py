"""TUM RGB-D: handheld Kinect sequences."""

import re
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float64

from leadline.data.datasets.files import camera_if_fitting, read_entries, read_rgbd
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.samples import DepthSample

_CAMERA = Pinhole(525.0, 525.0, 319.5, 239.5, 480, 640)
"""The default that the site recommends for the registered images, which are not undistorted."""

_UNITS_PER_M = 5000.0
_TIME_FILE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s+(\S.*)")


def associate(
    first_s: Float64[np.ndarray, "n"], second_s: Float64[np.ndarray, "m"], max_difference_s: float
) -> list[tuple[int, int]]:
    """Pairs of moments that belong together: the closest pairs first, each moment at most once.

    Args:
        first_s: Ascending times in seconds.
        second_s: Ascending times in seconds.
        max_difference_s: Only pairs closer than this.
    Returns:
        Indices into both, ascending.
    Source: TUM RGB-D benchmark tools, `associate.py`.
    """
    begin = np.searchsorted(second_s, first_s - max_difference_s)
    end = np.searchsorted(second_s, first_s + max_difference_s, side="right")
    candidates = sorted(
        (abs(float(first_s[i] - second_s[j])), i, j)
        for i in range(len(first_s))
        for j in range(int(begin[i]), int(end[i]))
    )
    used_first: set[int] = set()
    used_second: set[int] = set()
    for difference, i, j in candidates:
        if difference < max_difference_s and i not in used_first and j not in used_second:
            used_first.add(i)
            used_second.add(j)
    return list(zip(sorted(used_first), sorted(used_second), strict=True))


@final
class TumRgbd:
    """One sequence: every colour image with the depth image of nearly the same moment.

    Annotation: metric. The depth PNGs are uint16 in 1/5000 m, registered to the colour images; 0 is unknown. The
    camera, given for images of 640x480, is the default one that the site recommends.

    Licence: CC BY 4.0.
    Source: Sturm et al., "A Benchmark for the Evaluation of RGB-D SLAM Systems", IROS 2012; cvg.cit.tum.de, RGB-D SLAM
    dataset and benchmark.

    Args:
        sequence: A folder with rgb.txt and depth.txt, each line a time in seconds and a file's path from the folder.
        max_difference_s: How far apart the two moments may be.
    Raises:
        InputError: If a list is missing or has a line of another form, or nothing belongs together.
    """

    def __init__(self, sequence: Path, max_difference_s: float = 0.02) -> None:
        self._sequence = sequence
        color_s, colors = _read_times(sequence / "rgb.txt")
        depth_s, depths = _read_times(sequence / "depth.txt")
        self._frames = [(colors[i], depths[j]) for i, j in associate(color_s, depth_s, max_difference_s)]
        if not self._frames:
            raise InputError(
                f"expected images within {max_difference_s} s of each other in {sequence}, found none; "
                "check that rgb.txt and depth.txt are of one sequence"
            )

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._frames)

    def key(self, index: int) -> str:
        """Name of a sample: the sequence and its colour image without the suffix."""
        return f"{self._sequence.name}/{Path(self._frames[index][0]).with_suffix('').as_posix()}"

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        color, depth = self._frames[index]
        sample = read_rgbd(self._sequence / color, self._sequence / depth, _UNITS_PER_M, self.key(index))
        return replace(sample, camera=camera_if_fitting(_CAMERA, sample.image))


def _read_times(path: Path) -> tuple[Float64[np.ndarray, "n"], list[str]]:
    """Times and files of a list, in the order of their times."""
    entries: list[tuple[float, str]] = []
    for line in read_entries(path, "a list of times and files"):
        found = _TIME_FILE.fullmatch(line)
        if found is None:
            raise InputError(f"expected a time in seconds and a file in each line, got {line[:60]!r} in {path}")
        entries.append((float(found[1]), found[2]))
    entries.sort()
    return np.array([time for time, _ in entries]), [name for _, name in entries]
