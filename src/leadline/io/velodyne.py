"""KITTI's Velodyne scans."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError
from leadline.io.files import read_bytes

_MOST_BYTES = 1 << 27


def read_velodyne(path: Path | str) -> Float32[np.ndarray, "n 4"]:
    """The points of one scan.

    Args:
        path: A .bin file: little-endian float32 x, y, z and reflectance for each point.
    Returns:
        x forward, y left and z up in metres in the scanner's frame, and reflectance.
    Raises:
        InputError: If it is missing, not a whole number of points, or larger than 8 million points.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013; raw data development kit.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.array([[10.0, -2.0, 0.5, 0.25]], "<f4").tofile(f"{folder}/scan.bin")
        ...     read_velodyne(f"{folder}/scan.bin").tolist()
        [[10.0, -2.0, 0.5, 0.25]]
    """
    content = read_bytes(path, "a Velodyne scan", _MOST_BYTES)
    if len(content) % 16:
        raise InputError(
            f"expected points of 16 bytes (x y z reflectance), got {len(content)} bytes in {path}; "
            "it is cut off: fetch it again"
        )
    return np.frombuffer(content, "<f4").reshape(-1, 4).astype(np.float32)
