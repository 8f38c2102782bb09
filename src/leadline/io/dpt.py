"""MPI Sintel's binary depth maps (.dpt) and cameras (.cam)."""

import struct
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.calib_values import ImageSize, pinhole
from leadline.io.files import read_bytes

_TAG = b"PIEH"  # 202021.25 as little-endian float32
_CAMERA_BYTES = 4 + 8 * (9 + 12)


def read_dpt(path: Path | str) -> Float32[np.ndarray, "h w"]:
    """A depth map: the tag 202021.25, width and height as int32, then float32 row by row, all little-endian.

    Args:
        path: The file.
    Returns:
        The values as they are.
    Raises:
        InputError: If it is missing, has another tag or an empty size, or is shorter than its header says.
    Source: MPI Sintel depth and camera motion data, `sintel_io.depth_read`.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "a.dpt").write_bytes(struct.pack("<4sii2f", b"PIEH", 2, 1, 1.5, 3.0))
        ...     read_dpt(f"{folder}/a.dpt").tolist()
        [[1.5, 3.0]]
    """
    content = read_bytes(path, "a .dpt file")
    if not content.startswith(_TAG) or len(content) < 12:
        raise InputError(f"expected a .dpt file that begins with the tag 202021.25, got other bytes in {path}")
    width, height = struct.unpack_from("<ii", content, 4)
    if width <= 0 or height <= 0:
        raise InputError(f"expected a positive size, got {width}x{height} in {path}; it is damaged: fetch it again")
    wanted, got = 4 * width * height, len(content) - 12
    if got < wanted:
        raise InputError(
            f"expected {wanted} bytes of data for {width}x{height}, got {got} in {path}; it is cut off: fetch it again"
        )
    return np.frombuffer(content, "<f4", width * height, 12).reshape(height, width).astype(np.float32)


def read_sintel_camera(path: Path | str, image_size: ImageSize) -> Pinhole:
    """The intrinsics of a .cam file: the tag, then the 3x3 intrinsic and the 3x4 extrinsic matrix as float64.

    Args:
        path: The file.
        image_size: (height, width) of the images, which the file does not state.
    Raises:
        InputError: If it is missing, has another tag or another length.
        CalibrationError: If the camera cannot exist.
    Source: MPI Sintel depth and camera motion data, `sintel_io.cam_read`.
    """
    content = read_bytes(path, "a .cam file", 1 << 16)
    if not content.startswith(_TAG) or len(content) != _CAMERA_BYTES:
        raise InputError(
            f"expected a .cam file of {_CAMERA_BYTES} bytes that begins with the tag 202021.25, got {len(content)} "
            f"bytes in {path}; fetch it again"
        )
    matrix = np.frombuffer(content, "<f8", 9, 4).reshape(3, 3).astype(np.float64)
    return pinhole(matrix, image_size, f"the intrinsics in {path}")
