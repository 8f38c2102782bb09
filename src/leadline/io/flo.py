"""Middlebury's .flo files: optical flow as float32, rows of (u, v), beyond 1e9 where unknown."""

import struct
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32

from leadline.errors import InputError, OutputError
from leadline.io.atomic import atomic_write
from leadline.io.files import read_bytes

_TAG: Final = 202021.25
_UNKNOWN: Final = 1e9
_WRITTEN_UNKNOWN: Final = np.float32(1666666752.0)
_LARGEST_SIDE: Final = 99999


def read_flo(path: Path | str) -> tuple[Float32[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]:
    """Reads a flow map of the Middlebury or Sintel benchmark.

    Args:
        path: A .flo file.
    Returns:
        Flow (u, v) in pixels (0 where unknown), and where it is known.
    Raises:
        InputError: If it is missing, cut off, or no .flo file.
    Source: Baker et al. 2011, flow-code/README.txt: tag 202021.25, width, height, then u and v row by row.
    """
    data = read_bytes(path, "a Middlebury .flo file")
    if len(data) < 12 or struct.unpack("<f", data[:4])[0] != _TAG:
        raise InputError(f"expected a Middlebury .flo file (it begins with PIEH), got another file in {path}")
    width, height = struct.unpack("<ii", data[4:12])
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE) or len(data) != 12 + 8 * width * height:
        raise InputError(
            f"expected {width}x{height} pixels of 8 bytes in {path}, got {len(data) - 12} bytes; fetch the file again"
        )
    flow = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)
    # Written so that NaN is unknown too.
    valid = np.asarray((np.abs(flow) < _UNKNOWN).all(axis=2))
    return np.where(valid[..., None], flow, np.float32(0.0)), valid


def write_flo(path: Path | str, flow: Float32[np.ndarray, "h w 2"], valid: Bool[np.ndarray, "h w"]) -> None:
    """Writes a flow map in Middlebury's form.

    Args:
        path: A .flo file; replaced whole if it exists.
        flow: Pixels; finite and below 1e9 wherever valid.
        valid: Where flow is known.
    Raises:
        OutputError: If a valid flow does not fit, or the file cannot be written.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_flo(f"{folder}/a.flo", np.array([[[3.0, -1.5]]], np.float32), np.array([[True]]))
        ...     read_flo(f"{folder}/a.flo")[0].tolist()
        [[[3.0, -1.5]]]
    """
    if not (np.abs(flow[valid]) < _UNKNOWN).all():
        raise OutputError("expected finite valid flow below 1e9 px for a .flo file; mark other pixels as not valid")
    values = np.where(valid[..., None], flow, _WRITTEN_UNKNOWN).astype("<f4")
    height, width = valid.shape
    with atomic_write(path) as stream:
        stream.write(struct.pack("<fii", _TAG, width, height) + values.tobytes())
