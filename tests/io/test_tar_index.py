"""Where the files of a tar archive lie: as Python's tarfile says, and never an endless loop."""

import io
import struct
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.tar_index import TarEntry, tar_entries


def archive(path: Path, names: list[str], kind: int) -> None:
    with tarfile.open(path, "w", format=kind) as tar:
        tar.addfile(folder := tarfile.TarInfo("folder"))
        folder.type = tarfile.DIRTYPE
        for index, name in enumerate(names):
            entry = tarfile.TarInfo(name)
            entry.size = 100 * index
            entry.mtime = 1.5  # PAX writes a record for it
            tar.addfile(entry, io.BytesIO(bytes([index]) * entry.size))


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_entries_are_those_of_tarfile(tmp_path: Path, kind: int):
    long = "/".join(["folder" * 4] * 5) + "/k.png"
    names = ["a.png", "folder/b.c.png", long, "c.json"]
    names += ["x" * 300] if kind != tarfile.USTAR_FORMAT else []
    names += ["ä.png"]
    archive(tmp_path / "a.tar", names, kind)
    with tarfile.open(tmp_path / "a.tar", "r:") as tar:
        expected = [TarEntry(entry.name, entry.offset_data, entry.size) for entry in tar if entry.isfile()]
    assert tar_entries(tmp_path / "a.tar") == expected
    assert [entry.name for entry in expected][1:] == names


def header(size: bytes, kind: bytes = b"0") -> bytes:
    """One block with a right checksum."""
    block = bytearray(512)
    block[:5], block[124:136], block[156:157], block[257:265] = b"k.png", size, kind, b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


NEGATIVE = b"\xff" * 4 + struct.pack(">q", -1024)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (header(NEGATIVE) * 3, "an entry of a wrong size"),
        (header(NEGATIVE, b"x") * 3, "an entry of a wrong size"),
        (header(b"\x80" + b"\0" * 7 + struct.pack(">I", 2**31)), "an entry of a wrong size"),
        (header(b"00000002000\0"), "cut off"),
        (header(b"00000000010\0")[:-5], "cut off"),
        (b"\x89PNG" * 300, "no tar header"),
        (b"PK" + bytes(1022), "no tar header"),
        (header(b"00000000000\0", b"S"), "unknown kind"),
        (header(b"00000000020\0", b"x") + b"9999999 path=abc".ljust(512, b"\0"), "damaged PAX records"),
        (header(b"00000000020\0", b"x") + b"2 \n".ljust(512, b"\0"), "damaged PAX records"),
    ],
)
def test_damaged_archives_are_refused_at_once(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "a.tar").write_bytes(content)
    started = time.monotonic()
    with pytest.raises(InputError, match=rf"a shard \(a tar file\) at .*{reason}"):
        tar_entries(tmp_path / "a.tar")
    assert time.monotonic() - started < 1.0


def test_a_missing_archive_is_told(tmp_path: Path):
    with pytest.raises(InputError, match="No such file"):
        tar_entries(tmp_path / "a.tar")


def test_no_mutation_hangs_or_escapes(tmp_path: Path):
    archive(tmp_path / "a.tar", ["a.png", "b" * 200, "c.json"], tarfile.PAX_FORMAT)
    whole = np.frombuffer((tmp_path / "a.tar").read_bytes(), np.uint8)
    rng, refused = np.random.default_rng(0), list[str]()
    for _ in range(1500):
        changed = whole.copy()
        places = rng.integers(0, 6 * 512, int(rng.integers(1, 8)))
        changed[places] = rng.integers(0, 256, len(places))
        (tmp_path / "b.tar").write_bytes(changed[: rng.integers(1, len(changed))].tobytes())
        try:
            entries = tar_entries(tmp_path / "b.tar")
        except InputError as error:
            refused.append(str(error))
        else:
            assert all(entry.start + entry.size <= len(whole) for entry in entries)
    assert len(refused) > 1000
    assert not any("\n" in message for message in refused)
