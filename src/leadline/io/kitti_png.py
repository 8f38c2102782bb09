"""KITTI's disparity maps: 16-bit PNG, pixels times 256, 0 where unknown."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from leadline.errors import InputError, OutputError
from leadline.io.files import read_bytes
from leadline.io.image_header import inspect_image
from leadline.io.images import write_image


def read_kitti_disparity(path: Path | str) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Reads a disparity map of the KITTI 2012 and 2015 benchmarks.

    Args:
        path: A grey 16-bit PNG.
    Returns:
        Disparity in pixels (0 where unknown), and where it is known.
    Raises:
        InputError: If it is missing, not an image, cut off, or not a grey 16-bit PNG.
    Source: KITTI stereo development kit, readme.txt: disp = uint16 / 256, 0 is invalid.
    """
    data = read_bytes(path, "a KITTI disparity PNG")
    header = inspect_image(data, str(path))
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError):
        values = None
    if header.kind != "PNG" or values is None or values.dtype != np.uint16 or values.ndim != 2:  # pyright: ignore[reportUnnecessaryComparison]
        raise InputError(f"expected a grey 16-bit PNG with disparity times 256, got another image in {path}")
    raw = np.asarray(values, dtype=np.uint16)
    return raw.astype(np.float32) / np.float32(256.0), raw > 0


def write_kitti_disparity(
    path: Path | str, disparity: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> None:
    """Writes disparity in KITTI's form, rounded to 1/256 px.

    Args:
        path: A .png file; replaced whole if it exists.
        disparity: Pixels; from 0 to below 256 wherever valid. A valid disparity below 1/512 px is written as 1/256,
            since 0 means unknown (the development kit does the same).
        valid: Where disparity is known.
    Raises:
        OutputError: If a valid disparity does not fit, or the file cannot be written.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_kitti_disparity(f"{folder}/a.png", np.array([[2.5, 9.0]], np.float32), np.array([[True, False]]))
        ...     read_kitti_disparity(f"{folder}/a.png")[0].tolist()
        [[2.5, 0.0]]
    """
    raw = np.rint(np.where(valid, disparity, 0.0).astype(np.float64) * 256.0)
    if not ((raw >= 0) & (raw <= 65535)).all():
        raise OutputError("expected valid disparities from 0 to below 256 px for a KITTI PNG; write a PFM instead")
    write_image(path, np.where(valid, np.maximum(raw, 1), 0).astype(np.uint16))
