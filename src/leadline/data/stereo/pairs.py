"""Unlabelled pairs: recordings of a stereo camera as samples whose truth is known nowhere."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import cv2
import numpy as np

from leadline.data.stereo.shards import StereoShards
from leadline.errors import InputError
from leadline.io.pair_files import PairFiles, search_pairs
from leadline.io.pairs import ImagePair, read_pair
from leadline.maps import DisparityMap
from leadline.samples import StereoSample


@final
class StereoPairs:
    """Random access to unlabelled pairs, as `StereoShards` gives it to labelled ones.

    Args:
        files: Of each pair.
        max_width: Wider images are shrunk to so many columns.
        right_truth: Whether to say of the right view too that nothing is known, so that a pair can be mirrored.
    Example:
        >>> import tempfile
        >>> from leadline.io.images import write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = [Path(folder, name) for name in ("im0.png", "im1.png")]
        ...     for file in files:
        ...         write_image(file, np.zeros((20, 30, 3), np.uint8))
        ...     sample = StereoPairs([PairFiles("a", *files)], max_width=15)[0]
        >>> sample.left.shape, bool(sample.valid.any())
        ((10, 15, 3), False)
    """

    def __init__(self, files: Sequence[PairFiles], max_width: int | None = None, right_truth: bool = True) -> None:
        self._files, self._max_width, self._right_truth = list(files), max_width, right_truth

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self._files)

    def key(self, index: int, /) -> str:
        """Path of the left image."""
        return str(self._files[index].left)

    def __getitem__(self, index: int, /) -> StereoSample:
        """Reads one pair; nothing is valid in it.

        Args:
            index: From 0 to ``len(self) - 1``.
        Raises:
            InputError: If an image cannot be read, or the views differ in size.
        """
        pair = read_pair(self._files[index].left, self._files[index].right)
        if pair.left.shape != pair.right.shape:
            raise InputError(
                f"expected two views of one size in {self.key(index)}, got {pair.left.shape[:2]} and "
                f"{pair.right.shape[:2]} (height, width); rectify the recording first"
            )
        left, right = self._shrunk(pair)
        sample = StereoSample(self.key(index), left, right)
        if not self._right_truth:
            return sample
        nowhere = np.zeros(left.shape[:2], bool)
        nothing = DisparityMap(np.zeros(left.shape[:2], np.float32), nowhere)
        return replace(sample, occluded=nowhere, right_truth=nothing, right_occluded=nowhere)

    def _shrunk(self, pair: ImagePair) -> tuple[np.ndarray, np.ndarray]:
        height, width = pair.left.shape[:2]
        if self._max_width is None or width <= self._max_width:
            return pair.left, pair.right
        size = (self._max_width, max(1, round(height * self._max_width / width)))
        left, right = (cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in (pair.left, pair.right))
        return np.asarray(left, np.uint8), np.asarray(right, np.uint8)


def open_stereo(folder: Path | str) -> StereoShards | StereoPairs:
    """The samples of a folder: of its shards if it has some, else its unlabelled pairs.

    Raises:
        InputError: If there are neither, or they cannot be read.
    """
    path = Path(folder)
    if not path.is_dir() or any(path.glob("*.tar")):
        return StereoShards(folder)
    return StereoPairs(search_pairs(path).pairs)
