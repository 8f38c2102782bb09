"""IDX files, in which MNIST and its kin are published: images and labels, plain or gzipped."""

import zlib
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.io.files import read_bytes

_UNSIGNED_BYTES: Final = 8
_MOST_BYTES: Final = 1 << 31
_MOST_AXES: Final = 4


def read_idx(path: Path | str) -> UInt8[np.ndarray, "*shape"]:
    """The array of an IDX file of unsigned bytes.

    Args:
        path: NAME-idx1-ubyte, NAME-idx3-ubyte ..., or the same with .gz.
    Raises:
        InputError: If it is missing, damaged, absurdly large, or holds other numbers.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "t-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
        ...     read_idx(f"{folder}/t-labels-idx1-ubyte").tolist()
        [7, 9]

    Source: LeCun et al., "The MNIST database", description of the file format.
    """
    content = _unpacked(read_bytes(path, "an IDX file", _MOST_BYTES), path)
    axes = content[3] if len(content) > 3 else 0
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES or not 1 <= axes <= _MOST_AXES:
        raise InputError(f"expected an IDX file of unsigned bytes at {path}, got another one; check the name")
    head = 4 + 4 * axes
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, head, 4))
    if len(content) < head or len(content) - head != int(np.prod(shape, dtype=object)):
        raise InputError(f"expected an IDX file with {shape} bytes at {path}, got {len(content)}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def _unpacked(content: bytes, path: Path | str) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return content
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = unpacking.decompress(content, _MOST_BYTES)
    except zlib.error as error:
        raise InputError(f"expected a gzipped IDX file at {path}, got {error}; fetch it again") from None
    if not unpacking.eof:
        raise InputError(f"expected a whole gzipped IDX file at {path}, got one cut off or too large; fetch it again")
    return plain
