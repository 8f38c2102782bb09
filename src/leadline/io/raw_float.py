"""Numbers without any header: the reader must know the shape."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError
from leadline.io.files import read_bytes


def read_raw_float32(path: Path | str, height: int, width: int) -> Float32[np.ndarray, "height width"]:
    """Little-endian float32 row by row, as ETH3D's multi-view depth maps are stored.

    Args:
        path: The file.
        height: Rows.
        width: Columns.
    Returns:
        The values as they are, with any inf and NaN.
    Raises:
        InputError: If it is missing or its size is not 4 height width bytes.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.array([1.0, 2.0, 3.0, 4.0], "<f4").tofile(f"{folder}/depth")
        ...     read_raw_float32(f"{folder}/depth", height=2, width=2).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    wanted = 4 * height * width
    content = read_bytes(path, f"{width}x{height} float32 numbers", wanted)
    if len(content) != wanted:
        raise InputError(
            f"expected {wanted} bytes for {width}x{height} float32 numbers, got {len(content)} in {path}; "
            "fetch it again, or use the image of the size it was made for"
        )
    return np.frombuffer(content, "<f4").reshape(height, width).astype(np.float32)
