"""Disparity files of other programs: which numbers are unknown, and which are no pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32

from leadline.errors import InputError
from leadline.io.kitti_png import read_kitti_disparity
from leadline.io.npy import npy_kind, read_npy_plane
from leadline.io.pfm import read_pfm

OPENCV_STEPS_PER_PX: Final = 16.0
"""OpenCV's StereoBM and StereoSGBM give int16 in sixteenths of a pixel."""
_UNKNOWN_FROM: Final = 1e30
"""FLT_MAX and its like stand for unknown, as inf does."""
_UNKNOWN_16_BIT: Final = 65535.0
_NEGATED_SHARE: Final = 0.9


@dataclass(frozen=True, eq=False)
class FileDisparity:
    """Content of a disparity file.

    Args:
        disparity: Pixels; -1 where unknown.
        valid: Where it is known.
        notes: What was assumed, one line each, for the user.
    """

    disparity: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    notes: tuple[str, ...] = ()


def read_disparity(path: Path | str) -> FileDisparity:
    """Reads the disparity of a left image: .pfm, .npy, or KITTI's 16-bit .png.

    Unknown are: not finite, 1e30 and more (FLT_MAX), 65535, below 0, and what lies beyond the image's width; 0 in a
    .png. int16 in a .npy is OpenCV's fixed point, sixteenths of a pixel. A map that is negative nearly everywhere is
    taken as x_right - x_left, and its sign is turned.

    Raises:
        InputError: If it is of another kind, cannot be read, or nothing in it is known.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/opencv.npy", np.array([[32, -16, 0, 0]], np.int16))
        ...     read_disparity(f"{folder}/opencv.npy").disparity.tolist()
        [[2.0, -1.0, 0.0, 0.0]]
    """
    source = Path(path)
    readers: dict[str, Callable[[Path], np.ndarray]] = {".pfm": read_pfm, ".npy": read_npy_plane}
    suffix, notes = source.suffix.lower(), list[str]()
    if suffix == ".png":
        values, valid = read_kitti_disparity(source)
    elif suffix in readers:
        values = np.asarray(readers[suffix](source), dtype=np.float32)
        if suffix == ".npy" and npy_kind(source) == "int16":
            values = np.where(values < 0, np.float32(-1.0), values / np.float32(OPENCV_STEPS_PER_PX))
            notes.append(f"{source}: int16 taken as OpenCV's fixed point, sixteenths of a pixel")
        values, valid, more = _known(values)
        notes += [f"{source}: {note}" for note in more]
    else:
        raise InputError(
            f"expected a disparity in .pfm, .npy or 16-bit .png, got {source.name}; convert it to one of them"
        )
    if not valid.any():
        raise InputError(f"expected a disparity with known pixels, got none in {source}; check what measured it")
    return FileDisparity(np.where(valid, values, np.float32(-1.0)), valid, tuple(notes))


def _known(
    values: Float32[np.ndarray, "h w"],
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"], list[str]]:
    """Pixels, where they are known, and notes."""
    notes, width = list[str](), values.shape[1]
    finite = np.isfinite(values) & (np.abs(np.nan_to_num(values)) < _UNKNOWN_FROM) & (values != _UNKNOWN_16_BIT)
    numbers = values[finite]
    # One value alone, such as -1 everywhere, is a mark of the unknown and no map.
    if numbers.size and np.mean(numbers < 0) > _NEGATED_SHARE and np.unique(numbers[numbers < 0]).size > 2:
        notes.append("negative nearly everywhere, taken as x_right - x_left: sign turned")
        values = -values
    valid = finite & (values >= 0)
    beyond = valid & (values >= width)
    if beyond.any():
        notes.append(f"{100.0 * beyond.sum() / values.size:.1f} % are {width} px or more, beyond the image: unknown")
        valid &= ~beyond
    return values, valid, notes
