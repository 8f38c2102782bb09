"""One channel from numpy's own file format, be it stored with a last axis of one or not."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError


def read_npy_plane(path: Path | str) -> Float32[np.ndarray, "h w"]:
    """Real numbers or truth values of shape (height, width) or (height, width, 1), as float32.

    Args:
        path: A .npy file. It is never unpickled.
    Returns:
        The values, with any inf and NaN; values beyond float32 become infinite.
    Raises:
        InputError: If it is missing, not a .npy file, shorter than its header says, or of another shape or type.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"expected a .npy file at {source}, got no such file; check the name")
    try:
        # Mapping compares the header's size with the file's before anything is allocated.
        values = np.lib.format.open_memmap(source, mode="r")
    except Exception as error:  # numpy's header parser raises a dozen kinds on damaged files
        raise InputError(f"expected a whole .npy file of numbers, got other or missing bytes in {source}") from error
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "fiub" or values.size == 0:
        raise InputError(
            f"expected real numbers of shape (height, width) or (height, width, 1), got {values.dtype} of "
            f"{values.shape} in {source}; fetch the original file"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(values, dtype=np.float32)
