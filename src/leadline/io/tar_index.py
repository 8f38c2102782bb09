"""Index of a plain tar archive: a strict reader, whose time and memory no damaged archive can blow up."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from leadline.errors import InputError

_BLOCK: Final = 512
_LONGEST_HEADER: Final = 1 << 20
"""Bytes of a name or of the records that stand before an entry."""
_FILES: Final = (b"0", b"\0", b"7")
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_PASSED_OVER: Final = (b"1", b"2", b"3", b"4", b"5", b"6", _PAX_GLOBAL, _LONG_LINK)


class TarEntry(NamedTuple):
    """One regular file of an archive.

    Attributes:
        name: Its path in the archive.
        start: Offset of its content in bytes.
        size: Length of its content in bytes.
    """

    name: str
    start: int
    size: int


def tar_entries(path: Path) -> list[TarEntry]:
    """The regular files of a tar archive without compression, in their order.

    Every entry lies behind the one before it and inside the archive, so that the time is bounded by its size.

    Args:
        path: The archive: ustar, PAX or GNU with long names, as Python, GNU tar and WebDataset write it.
    Raises:
        InputError: If it is missing, no such archive, cut off or damaged.
    Example:
        >>> import tempfile
        >>> from leadline.io.shards import write_shard
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_shard(Path(folder, "a.tar"), [("000", {"txt": b"zero"})])
        ...     tar_entries(Path(folder, "a.tar"))
        [TarEntry(name='000.txt', start=512, size=4)]
    """
    try:
        length = path.stat().st_size
        with path.open("rb") as stream:
            return list(_entries(stream, length))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"expected a shard (a tar file) at {path}, got {reason}; write or fetch it again") from error


def _entries(stream: BinaryIO, length: int) -> Iterator[TarEntry]:
    if length == 0:
        raise ValueError("an empty file")
    position, told = 0, _Told()
    while position + _BLOCK <= length:
        stream.seek(position)
        header = stream.read(_BLOCK)
        if not any(header):
            return
        _check(header)
        kind, start = header[156:157], position + _BLOCK
        size = told.size if kind in _FILES and told.size is not None else _number(header[124:136])
        if size < 0 or start + size > length:
            raise ValueError("a file that is cut off, or an entry of a wrong size")
        position = start + -(-size // _BLOCK) * _BLOCK
        if kind in (_PAX, _LONG_NAME):
            told = _told(kind, _short(stream, size), told)
            continue
        if kind in _FILES:
            yield TarEntry(told.name or _ustar_name(header), start, size)
        elif kind not in _PASSED_OVER:
            raise ValueError(f"an entry of the unknown kind {kind!r}")
        # A long link's name stands between the records and the entry that they are for.
        told = told if kind == _LONG_LINK else _Told()
    if position != length:
        raise ValueError("a file that is cut off")


class _Told(NamedTuple):
    """Values that records give to the entry that follows them."""

    name: str | None = None
    size: int | None = None


def _told(kind: bytes, records: bytes, before: _Told) -> _Told:
    if kind == _LONG_NAME:
        return before._replace(name=_text(records))
    name, size = _pax(records)
    return _Told(name or before.name, before.size if size is None else size)


def _check(header: bytes) -> None:
    """Refuses a block that is no header: its checksum counts its own field as blanks."""
    stored = _number(header[148:156])
    if stored != sum(header) - sum(header[148:156]) + 8 * ord(" "):
        raise ValueError("bytes that are no tar header")


def _number(field: bytes) -> int:
    """A number in octal, or in base 256 where the first bit is set."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    digits = field.split(b"\0", 1)[0].strip()
    if not digits.isdigit() and digits:
        raise ValueError("bytes that are no tar header")
    return int(digits or b"0", 8)


def _short(stream: BinaryIO, size: int) -> bytes:
    if size > _LONGEST_HEADER:
        raise ValueError(f"a name of {size} bytes")
    return stream.read(size)


def _pax(records: bytes) -> tuple[str | None, int | None]:
    """Path and size out of PAX records: LENGTH KEY=VALUE and a line's end each."""
    name, size, position = None, None, 0
    while position < len(records) and records[position]:
        digits, blank, _ = records[position : position + 12].partition(b" ")
        if not blank or not digits.isdigit() or not len(digits) + 2 < int(digits) <= len(records) - position:
            raise ValueError("damaged PAX records")
        key, _, value = records[position + len(digits) + 1 : position + int(digits) - 1].partition(b"=")
        position += int(digits)
        if key == b"path":
            name = _text(value)
        elif key == b"size":
            size = int(value) if value.isdigit() and len(value) < 20 else -1
        elif key.startswith(b"GNU.sparse"):
            raise ValueError("a sparse file")
    return name, size


def _ustar_name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
