"""Grey images whose samples are measurements, not brightness: they are never scaled."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16

from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.image_header import inspect_image
from leadline.io.images import decode_image


def read_png16(path: Path | str, expected: str) -> UInt16[np.ndarray, "h w"]:
    """The samples of a grey 16-bit PNG as they are.

    Args:
        path: The file.
        expected: What its numbers are, for the message: "depth in millimetres".
    Raises:
        InputError: If it is missing, cut off, or another image.
    """
    data = read_bytes(path, f"a PNG with {expected}")
    header = inspect_image(data, str(path))
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError):
        values = None
    if header.kind != "PNG" or values is None or values.dtype != np.uint16 or values.ndim != 2:  # pyright: ignore[reportUnnecessaryComparison]
        raise InputError(
            f"expected a grey 16-bit PNG with {expected}, got another image in {path}; fetch the original file"
        )
    return np.asarray(values, dtype=np.uint16)


def read_depth_png(path: Path | str, units_per_m: float) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Depth from a grey 16-bit PNG in which 0 means unknown, as RGB-D cameras and KITTI's depth maps have it.

    Args:
        path: The file.
        units_per_m: The sample that stands for one metre: 1000 for millimetres, 5000 for TUM, 256 for KITTI.
    Returns:
        Metres (0 where unknown), and where depth is known.
    Raises:
        InputError: If it is missing, cut off, or another image.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = cv2.imwrite(f"{folder}/mm.png", np.array([[1500, 0]], np.uint16))
        ...     depth, valid = read_depth_png(f"{folder}/mm.png", units_per_m=1000.0)
        >>> depth.tolist(), valid.tolist()
        ([[1.5, 0.0]], [[True, False]])
    """
    raw = read_png16(path, f"depth in 1/{units_per_m:g} m")
    return raw.astype(np.float32) / np.float32(units_per_m), raw > 0


def read_grey8(path: Path | str, expected: str) -> UInt8[np.ndarray, "h w"]:
    """The samples of an 8-bit image without colour, be it stored as grey or as three equal channels.

    Args:
        path: The file.
        expected: What its numbers are, for the message: "an occlusion mask".
    Raises:
        InputError: If it is missing, cut off, has 16 bits or is coloured.
    """
    samples = decode_image(read_bytes(path, f"an image with {expected}"), str(path)).samples
    grey = samples[..., 0]
    if samples.dtype != np.uint8 or not (samples == grey[..., None]).all():
        raise InputError(
            f"expected a grey 8-bit image with {expected}, got colours or 16 bits in {path}; fetch the original file"
        )
    return np.ascontiguousarray(grey, dtype=np.uint8)
