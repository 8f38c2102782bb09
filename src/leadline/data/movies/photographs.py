"""A folder of stereo photographs, each a file with both views, as a film whose shots have one frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.io.pair_files import list_images
from leadline.io.pairs import ImagePair, read_pair

SUFFIXES: Final = (".mpo", ".jps")

_View = UInt8[np.ndarray, "h w 3"]


def photographs_of(folder: Path | str) -> list[Path]:
    """The MPO and JPS files of a folder, in natural order.

    Args:
        folder: Holds them.
    Raises:
        InputError: If there are none.
    """
    try:
        return list_images(folder, SUFFIXES)
    except InputError as error:
        raise InputError(
            f"expected stereo photographs ({', '.join(SUFFIXES)}) in the folder {folder}, got none; name films one "
            "by one"
        ) from error


def read_photographs(paths: Sequence[Path], size: tuple[int, int] | None = None) -> Iterator[tuple[int, _View, _View]]:
    """Number and both views of each photograph; those that cannot be read, or have another shape, are left out.

    Args:
        paths: Files with both views.
        size: Height and width to which they are to be shrunk; any shape if absent.
    """
    for number, pair in enumerate(map(_readable, paths)):
        if pair is None or pair.left.shape != pair.right.shape:
            continue
        height, width = pair.left.shape[:2]
        if size is None or (width >= size[1] and round(height * size[1] / width) == size[0]):
            yield number, pair.left, pair.right


def _readable(path: Path) -> ImagePair | None:
    try:
        return read_pair(path)
    except InputError:
        return None
