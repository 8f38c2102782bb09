"""Arrays out of numpy's archives, whose headers and sizes are checked before anything is unpacked."""

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.image_header import MAX_PIXELS

_MOST_BYTES: Final = 8 * MAX_PIXELS
"""Of one array: the largest image in float64."""


def read_npz(path: Path | str, names: Sequence[str], expected: str) -> Mapping[str, np.ndarray]:
    """Named arrays of numbers of a .npz file. It is never unpickled, and what is not asked for is not unpacked.

    Args:
        path: The file.
        names: Of the arrays.
        expected: What it should be, for the message: "an .npz archive with arrays rgb and depth".
    Raises:
        InputError: If it is missing, damaged or another file, lacks an array, or an array is larger than a GiB or than
            its header says: a few megabytes may be packed from many gigabytes of zeros.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/a.npz", depth=np.array([[1.5, 2.0]]), names=np.array(["a"]))
        ...     read_npz(f"{folder}/a.npz", ["depth"], "an .npz archive with depth")["depth"].tolist()
        [[1.5, 2.0]]
    """
    content = read_bytes(path, expected)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: _read(archive, name) for name in names}
    except Exception as error:  # zipfile and numpy raise a dozen kinds on damaged files
        found = f": {error}" if isinstance(error, _TooLarge) else ""
        raise InputError(f"expected {expected}, got another or damaged file in {path}{found}; write it again") from None


class _TooLarge(ValueError):
    """An array of more bytes than are unpacked."""


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as stream:
        bytes_in_memory = _claimed(stream)
    if max(entry.file_size, bytes_in_memory) > _MOST_BYTES:
        raise _TooLarge(f"{name} of {max(entry.file_size, bytes_in_memory)} bytes, {_MOST_BYTES} are allowed")
    if bytes_in_memory > entry.file_size:
        raise ValueError("more numbers claimed than stored")
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _claimed(stream: Any) -> int:  # noqa: ANN401 - an entry of zipfile
    """Bytes of an array by its header."""
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(stream)]
    shape, _, dtype = read(stream)
    return math.prod(shape) * dtype.itemsize
