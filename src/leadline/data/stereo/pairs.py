"""Unlabelled pairs: recordings of a stereo camera as samples whose truth is known nowhere."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, final

import cv2
import numpy as np

from leadline.data.stereo.shards import StereoShards
from leadline.errors import InputError
from leadline.io.pair_files import IMAGE_SUFFIXES, match_files, natural_key
from leadline.io.pairs import ImagePair, read_pair
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

_FOLDERS: Final = (
    ("left", "right"),
    ("image_2", "image_3"),
    ("image_0", "image_1"),
    ("image_02/data", "image_03/data"),
)
"""Left and right: the plain names, then KITTI's."""
_SCENE: Final = ("im0.png", "im1.png")

#: The left and the right view's file; None in its place where the left file holds both views.
PairPaths = tuple[Path, Path | None]


def find_stereo_pairs(folder: Path) -> list[PairPaths]:
    """The pairs of a folder, in the order of their names.

    Args:
        folder: Holds left/ and right/ (or KITTI's image_2/ and image_3/, image_0/ and image_1/) with equally many
            images; or folders of im0.png and im1.png; or files that hold both views (.mpo, .jps).
    Raises:
        InputError: If there is no pair, or an image has no partner.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for side in ("left", "right"):
        ...         Path(folder, side).mkdir()
        ...         Path(folder, side, "1.png").touch()
        ...     [(left.parent.name, right.parent.name) for left, right in find_stereo_pairs(Path(folder))]
        [('left', 'right')]
    """
    for left, right in _FOLDERS:
        if (folder / left).is_dir() and (folder / right).is_dir():
            return _partners(_images(folder / left), _images(folder / right), folder / left)
    scenes = sorted(path.parent for path in folder.glob(f"*/{_SCENE[0]}"))
    scenes = [folder] if (folder / _SCENE[0]).is_file() else scenes
    found: list[PairPaths] = [(scene / _SCENE[0], scene / _SCENE[1]) for scene in scenes]
    if absent := [right for _, right in found if right is not None and not right.is_file()]:
        raise InputError(f"expected a right image {absent[0]}, found none; add it or remove its left one")
    if not found and folder.is_dir():
        found = [(path, None) for path in sorted(folder.iterdir()) if path.suffix.lower() in (".mpo", ".jps")]
    if not found:
        raise InputError(
            f"expected stereo pairs in {folder} (folders left and right, folders with im0.png and im1.png, or .mpo and "
            ".jps files), found none; check the path"
        )
    return found


def _images(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return sorted((path for path in found if not path.name.startswith(".")), key=natural_key)


def _partners(lefts: list[Path], rights: list[Path], where: Path) -> list[PairPaths]:
    if not lefts or not rights:
        raise InputError(
            f"expected as many right images as left ones, and some, got {len(rights)} and {len(lefts)} beside "
            f"{where}; remove those without a partner"
        )
    return list(match_files(lefts, rights, str(where.parent))[0])


@final
class StereoPairs:
    """Random access to unlabelled pairs, as `StereoShards` gives it to labelled ones.

    Args:
        files: Left and right image of each pair, or one file with both and None.
        max_width: Wider images are shrunk to so many columns.
        right_truth: Whether to say of the right view too that nothing is known, so that a pair can be mirrored.
    """

    def __init__(self, files: Sequence[PairPaths], max_width: int | None = None, right_truth: bool = True) -> None:
        self._files, self._max_width, self._right_truth = list(files), max_width, right_truth

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self._files)

    def key(self, index: int, /) -> str:
        """Path of the left image."""
        return str(self._files[index][0])

    def __getitem__(self, index: int, /) -> StereoSample:
        """Reads one pair; nothing is valid in it.

        Args:
            index: From 0 to ``len(self) - 1``.
        Raises:
            InputError: If an image cannot be read, or the views differ in size.
        """
        pair = read_pair(*self._files[index])
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
    return StereoPairs(find_stereo_pairs(path))
