"""Arrays out of HDF5 files, by a small reader of our own.

The HDF5 library crashes on damaged files, allocates what they claim, and reads other files that they name as external
storage. Here only what arrays of numbers need is read, within the file and within bounds: superblocks 0 and 1, groups
as symbol tables, contiguous, compact and chunked storage, deflate, shuffle and Fletcher's checksum. This is what
MATLAB, h5py and the HDF5 library write unless they are asked for the latest form.

Source: The HDF Group, "HDF5 File Format Specification Version 3.0", chapters II to IV.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.image_header import MAX_PIXELS

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_DEFLATE_RATIO: Final = 1100
"""Bytes that a byte of file can stand for at the very most."""
_DATASPACE, _DATATYPE, _EXTERNAL, _LAYOUT, _FILTERS, _CONTINUATION, _SYMBOLS = 0x1, 0x3, 0x7, 0x8, 0xB, 0x10, 0x11
_DEFLATE, _SHUFFLE, _FLETCHER = 1, 2, 3
_FLOATS: Final = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}
"""Bytes -> offset, precision, exponent's and mantissa's place and width, and bias of IEEE's numbers."""


def read_hdf5_plane(path: Path | str, name: str) -> Float32[np.ndarray, "h w"]:
    """A two-dimensional array of real numbers, as float32.

    Args:
        path: The HDF5 file.
        name: The dataset in its root group: "depth".
    Returns:
        The values, with any inf and NaN.
    Raises:
        InputError: If it is missing, not an HDF5 file of the usual form, damaged, or has no such array of numbers.
    """
    content = read_bytes(Path(path), "an HDF5 file")
    try:
        values = _File(content).array(name)
    except (struct.error, ValueError, IndexError, OverflowError, zlib.error) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"expected an HDF5 file with an array {name!r}, got another or a damaged one in {path}: {reason}; fetch it "
            "again, or write it with h5py and its default libver"
        ) from None
    if values.ndim != 2:
        raise InputError(
            f"expected real numbers of shape (height, width) under {name!r}, got {values.dtype} of {values.shape} in "
            f"{path}; fetch it again"
        )
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


class _Layout(NamedTuple):
    """Storage of an array: in chunks, or else in one piece at `address`, or `inside` the header."""

    address: int
    size: int
    chunk: tuple[int, ...] | None = None
    inside: bytes | None = None


@final
class _File:
    """The structures of a file, each of them read within its bounds."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        # A block of the user's own may stand before: 512 bytes, or twice as many, and so on.
        starts = [0, *(512 << power for power in range(20))]
        start = next((place for place in starts if content[place : place + 8] == _SIGNATURE), None)
        if start is None:
            raise ValueError("no signature of HDF5")
        version, widths = content[start + 8], content[start + 13 : start + 15]
        if version > 1 or widths != b"\x08\x08":
            raise ValueError(f"the form of superblock {version}, which is not read")
        place = start + (24 if version == 0 else 28)
        (self._base,) = struct.unpack_from("<Q", content, place)
        if self._base not in (0, start):
            raise ValueError("a damaged superblock")
        self._root = self._number(place + 32 + 8 - self._base)

    def array(self, name: str) -> np.ndarray:
        """An array of numbers of the root group."""
        messages = self._messages(self._member(name))
        if not {_DATASPACE, _DATATYPE, _LAYOUT} <= set(messages):
            raise ValueError("an object that is no array")
        if _EXTERNAL in messages:
            raise ValueError("an array that lies in other files, which are not read")
        shape, dtype = _shape(messages[_DATASPACE]), _dtype(messages[_DATATYPE])
        count = math.prod(shape)
        if not 0 < count <= MAX_PIXELS or count * dtype.itemsize > len(self._content) * _DEFLATE_RATIO:
            raise ValueError(f"an array of {'x'.join(map(str, shape))} numbers in {len(self._content)} bytes")
        layout = _layout(messages[_LAYOUT], len(shape), dtype.itemsize)
        if layout.chunk is not None:
            return self._chunked(shape, dtype, layout, _filters(messages.get(_FILTERS, b"")))
        content = layout.inside if layout.inside is not None else self._bytes(layout.address, layout.size)
        return np.frombuffer(content, dtype, count).reshape(shape)

    def _chunked(self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: _Layout, filters: list[int]) -> np.ndarray:
        chunk = layout.chunk or ()
        size = math.prod(chunk) * dtype.itemsize
        if 0 in chunk or size > max(len(self._content) * _DEFLATE_RATIO, dtype.itemsize):
            raise ValueError(f"chunks of {'x'.join(map(str, chunk))} numbers")
        left = math.prod(-(-side // part) for side, part in zip(shape, chunk, strict=True))
        values = np.zeros(shape, dtype)
        for corner, mask, content in self._chunks(layout.address, len(shape)):
            left -= 1
            inside = all(at % part == 0 and at < side for at, part, side in zip(corner, chunk, shape, strict=True))
            if left < 0 or not inside:
                raise ValueError("chunks outside their array")
            plain = _unfiltered(content, filters, mask, size, dtype.itemsize)
            block = np.frombuffer(plain, dtype, math.prod(chunk)).reshape(chunk)
            target = tuple(slice(at, at + part) for at, part in zip(corner, chunk, strict=True))
            values[target] = block[tuple(slice(0, side - at) for at, side in zip(corner, shape, strict=True))]
        if left:
            raise ValueError("an array whose chunks are missing")
        return values

    def _chunks(self, address: int, rank: int) -> Iterator[tuple[tuple[int, ...], int, bytes]]:
        """Corner, mask of left-out filters and content of each chunk."""
        key = 8 + 8 * (rank + 1)
        for place, used, level in self._nodes(address, 1, key):
            if level:
                continue
            for entry in range(used):
                at = place + 24 + entry * (key + 8)
                size, mask, *corner = struct.unpack(f"<II{rank}Q", self._bytes(at, 8 + 8 * rank))
                yield tuple(corner), mask, self._bytes(self._number(at + key), size)

    def _nodes(self, address: int, kind: int, key: int) -> Iterator[tuple[int, int, int]]:
        """Place, number of entries and level of each node of a tree, version 1."""
        seen, waiting = {address}, [address]
        while waiting:
            place = waiting.pop()
            signature, found, level, used = struct.unpack("<4sBBH", self._bytes(place, 8))
            if signature != b"TREE" or found != kind:
                raise ValueError("a damaged tree")
            yield place, used, level
            children = [self._number(place + 24 + entry * (key + 8) + key) for entry in range(used)] if level else []
            if seen.intersection(children) or len(set(children)) < len(children):
                raise ValueError("a tree that bites its tail")
            seen.update(children)
            waiting += children[::-1]

    def _member(self, name: str) -> int:
        """Address of the header of a member of the root group."""
        tree, heap = struct.unpack("<QQ", self._messages(self._root).get(_SYMBOLS, b"")[:16])
        if self._bytes(heap, 4) != b"HEAP":
            raise ValueError("a damaged group")
        size, names = self._number(heap + 8), self._number(heap + 24)
        texts = self._bytes(names, size)
        for place, used, level in self._nodes(tree, 0, 8):
            for entry in range(0 if level else used):
                leaf = self._number(place + 24 + entry * 16 + 8)
                signature, count = struct.unpack("<4s2xH", self._bytes(leaf, 8))
                if signature != b"SNOD":
                    raise ValueError("a damaged group")
                for row in range(count):
                    start, header = struct.unpack("<QQ", self._bytes(leaf + 8 + 40 * row, 16))
                    if texts[start : start + len(name) + 1] == name.encode() + b"\0":
                        return header
        raise ValueError("no such name in it")

    def _messages(self, address: int) -> dict[int, bytes]:
        """The first message of each kind in an object's header."""
        version, left, size = struct.unpack("<BxH4xI4x", self._bytes(address, 16))
        if version != 1:
            raise ValueError("the newer form of headers, which is not read")
        found: dict[int, bytes] = {}
        blocks, visited = [(address + 16, size)], 0
        while visited < len(blocks) and left > 0:
            place, end = blocks[visited][0], sum(blocks[visited])
            visited += 1
            while place + 8 <= end and left > 0:
                kind, length, flags = struct.unpack("<HHB3x", self._bytes(place, 8))
                content = self._bytes(place + 8, length)
                place, left = place + 8 + length, left - 1
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack("<QQ", content[:16]))
                elif flags & 2 and kind in (_DATASPACE, _DATATYPE, _LAYOUT, _FILTERS):
                    raise ValueError("a shared header, which is not read")
                else:
                    found.setdefault(kind, content)
        return found

    def _number(self, address: int) -> int:
        return struct.unpack("<Q", self._bytes(address, 8))[0]

    def _bytes(self, address: int, size: int) -> bytes:
        start = self._base + address
        if start < 0 or start + size > len(self._content):
            raise ValueError("a place beyond its end")
        return self._content[start : start + size]


def _shape(message: bytes) -> tuple[int, ...]:
    version, rank = message[0], message[1]
    if version not in (1, 2) or not 0 < rank <= 8:
        raise ValueError("no dimensions")
    return struct.unpack_from(f"<{rank}Q", message, 8 if version == 1 else 4)


def _dtype(message: bytes) -> np.dtype[Any]:
    kind, flags, size = message[0] & 15, message[1], struct.unpack_from("<I", message, 4)[0]
    order = ">" if flags & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8) and struct.unpack_from("<HH", message, 8) == (0, 8 * size):
        return np.dtype(f"{order}{'i' if flags & 8 else 'u'}{size}")
    if kind == 1 and size in _FLOATS and not flags & 64 and struct.unpack_from("<HHBBBBI", message, 8) == _FLOATS[size]:
        return np.dtype(f"{order}f{size}")
    raise ValueError("values that are no real numbers")


def _layout(message: bytes, rank: int, itemsize: int) -> _Layout:
    version, kind = message[0], message[1]
    if version != 3 or kind > 2:
        raise ValueError(f"the form {version} of storage, which is not read")
    if kind == 0:
        (size,) = struct.unpack_from("<H", message, 2)
        return _Layout(0, size, inside=message[4 : 4 + size])
    if kind == 1:
        return _Layout(*struct.unpack_from("<QQ", message, 2))
    dimensions, address = struct.unpack_from("<BQ", message, 2)
    if dimensions != rank + 1:
        raise ValueError("chunks of other dimensions")
    *chunk, size = struct.unpack_from(f"<{dimensions}I", message, 11)
    if size != itemsize:
        raise ValueError("chunks of another type")
    return _Layout(address, 0, tuple(chunk))


def _filters(message: bytes) -> list[int]:
    """Numbers of the filters, in the order in which they were applied."""
    found: list[int] = []
    if not message:
        return found
    version, count = message[0], message[1]
    place = 8 if version == 1 else 2
    for _ in range(count):
        number, name = struct.unpack_from("<HH", message, place)
        plain = version == 2 and number < 256
        place, name = (place + 2, 0) if plain else (place + 4, name)
        (values,) = struct.unpack_from("<2xH", message, place)
        padded = version == 1 and values % 2
        place += 4 + (-(-name // 8) * 8 if version == 1 else name) + 4 * (values + padded)
        found.append(number)
    if version not in (1, 2) or not set(found) <= {_DEFLATE, _SHUFFLE, _FLETCHER}:
        raise ValueError(f"filters {found}, of which only deflate, shuffle and Fletcher's checksum are read")
    return found


def _unfiltered(content: bytes, filters: list[int], mask: int, size: int, itemsize: int) -> bytes:
    for place in range(len(filters) - 1, -1, -1):
        if mask >> place & 1:
            continue
        if filters[place] == _FLETCHER:
            content = content[:-4]
        elif filters[place] == _DEFLATE:
            content = zlib.decompressobj().decompress(content, size + 4)
        else:
            rest = len(content) // itemsize * itemsize
            planes = np.frombuffer(content[:rest], np.uint8).reshape(itemsize, -1)
            content = planes.T.tobytes() + content[rest:]
    if len(content) != size:
        raise ValueError("a chunk of another size")
    return content
