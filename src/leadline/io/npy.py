"""One channel of numbers in numpy's own file format."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError


def read_npy(path: Path | str) -> Float32[np.ndarray, "h w"]:
    """A two-dimensional array of real numbers from a .npy file, as float32.

    NaN and infinity are returned as they are; values beyond float32 become infinite.

    Args:
        path: The file. It is never unpickled.
    Returns:
        The values.
    Raises:
        InputError: If it is missing, not a .npy file, shorter than its header says, or of another shape or type.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.array([[1, 2], [3, 4]], np.int16))
        ...     read_npy(f"{folder}/a.npy").tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    return _as_float32(_mapped(path), "fiu", "real numbers of shape (height, width)", path)


def read_npy_plane(path: Path | str) -> Float32[np.ndarray, "h w"]:
    """Real numbers or truth values of shape (height, width) or (height, width, 1), as float32.

    Args:
        path: A .npy file. It is never unpickled.
    Returns:
        The values, with any inf and NaN; values beyond float32 become infinite.
    Raises:
        InputError: If it is missing, not a .npy file, shorter than its header says, or of another shape or type.
    """
    values = _mapped(path)
    plane = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    return _as_float32(plane, "fiub", "real numbers of shape (height, width) or (height, width, 1)", path)


def _mapped(path: Path | str) -> np.ndarray:
    source = Path(path)
    if not source.is_file():
        raise InputError(f"expected a .npy file at {source}, got no such file; check the name")
    try:
        # Mapping compares the header's size with the file's before anything is allocated.
        return np.lib.format.open_memmap(source, mode="r")
    except Exception as error:  # numpy's header parser raises a dozen kinds on damaged files
        raise InputError(f"expected a whole .npy file of numbers, got other or missing bytes in {source}") from error


def _as_float32(values: np.ndarray, kinds: str, wanted: str, path: Path | str) -> Float32[np.ndarray, "h w"]:
    if values.ndim != 2 or values.dtype.kind not in kinds or values.size == 0:
        raise InputError(f"expected {wanted}, got {values.dtype} of {values.shape} in {path}")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(values, dtype=np.float32)


def npy_kind(path: Path | str) -> str:
    """The type of a .npy file's numbers, such as int16 or float32.

    Raises:
        InputError: If it is missing or not a .npy file.
    """
    return str(_mapped(path).dtype.newbyteorder("=").name)
