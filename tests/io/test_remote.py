"""Shards at an address: fetched once, and again when they change."""

import io
import re
import sys
import tarfile
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from leadline.errors import InputError, MissingExtraError
from leadline.io.remote import cache_folder, is_remote, local_shards
from leadline.io.shards import ShardReader, write_shard


@pytest.fixture
def memory(monkeypatch, tmp_path):
    """A file system that ends with the test, and an empty cache."""
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "cache"))
    system = MemoryFileSystem()
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def put(system, path: str, tmp_path: Path, key: str) -> None:
    write_shard(tmp_path / "made.tar", [(key, {"json": key.encode()})])
    system.pipe_file(path, (tmp_path / "made.tar").read_bytes())


def test_a_folder_at_an_address_is_read_like_a_local_one(memory, tmp_path, monkeypatch):
    put(memory, "/data/b.tar", tmp_path, "b0")
    put(memory, "/data/a.tar", tmp_path, "a0")
    put(memory, "/data/notes.txt", tmp_path, "x")
    reader = ShardReader("memory://data")
    assert [reader.key(i) for i in range(len(reader))] == ["a0", "b0"]
    assert reader.read(1, ["json"]) == {"json": b"b0"}
    opened = []
    monkeypatch.setattr(MemoryFileSystem, "open", lambda self, path, mode: opened.append(path))
    assert len(ShardReader("memory://data")) == 2
    assert opened == []


def test_a_shard_that_changed_is_fetched_again(memory, tmp_path):
    put(memory, "/data/a.tar", tmp_path, "old")
    assert ShardReader("memory://data").key(0) == "old"
    put(memory, "/data/a.tar", tmp_path, "new")
    assert ShardReader("memory://data").key(0) == "new"


def test_numbered_shards_need_no_listing(memory, tmp_path):
    for number in (8, 9, 10, 11):
        put(memory, f"/data/s-{number:03d}.tar", tmp_path, f"k{number}")
    reader = ShardReader("memory://data/s-{008..010}.tar")
    assert [reader.key(i) for i in range(len(reader))] == ["k8", "k9", "k10"]
    assert ShardReader("memory://data/s-011.tar").key(0) == "k11"


def test_what_is_not_there_is_refused(memory):
    with pytest.raises(InputError, match="expected shards"):
        ShardReader("memory://nothing")
    with pytest.raises(InputError, match=r"read shards at memory://data/none\.tar"):
        local_shards("memory://data/none.tar")
    with pytest.raises(InputError, match="Protocol not known"):
        local_shards("nosuch://data")


def test_a_transfer_that_ends_early_leaves_nothing(memory, tmp_path, monkeypatch):
    put(memory, "/data/a.tar", tmp_path, "a0")
    monkeypatch.setattr(MemoryFileSystem, "open", lambda self, path, mode: io.BytesIO(b"half"))
    with pytest.raises(InputError, match="4 of 10240 bytes"):
        local_shards("memory://data")
    assert list(cache_folder().rglob("*.tar")) == []


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"s3://bucket, got.*fsspec"):
        local_shards("s3://bucket")


def test_local_paths_are_no_addresses(monkeypatch):
    monkeypatch.delenv("LEADLINE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert [is_remote(place) for place in ("s3://a", "/a", "a/b", Path("a"))] == [True, False, False, False]
    assert cache_folder() == Path("/cache/leadline")


def test_samples_are_grouped_as_webdataset_groups_them(tmp_path):
    # The rule of webdataset's base_plus_ext: the folder and what precedes the first dot after it are the key.
    names = ["./v1.0/0001.left.png", "./v1.0/0001.json", "./v1.0/0002.left.png", "0003.a.b", "README", ".hidden"]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        folder = tarfile.TarInfo("v1.0")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
    found = [re.match(r"^((?:.*/|)[^.]+)[.]([^/]*)$", name) for name in names]
    expected: dict[str, tuple[str, ...]] = {}
    for match in filter(None, found):
        expected[match[1]] = (*expected.get(match[1], ()), match[2])
    reader = ShardReader(tmp_path)
    assert {reader.key(i): reader.names(i) for i in range(len(reader))} == expected
    assert len(expected) == 3


def test_a_written_shard_keeps_the_files_of_a_sample_together(tmp_path):
    write_shard(tmp_path / "a.tar", [(f"k{i}", {"left.png": b"1", "json": b"2"}) for i in range(2)])
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames() == ["k0.left.png", "k0.json", "k1.left.png", "k1.json"]
