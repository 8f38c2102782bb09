"""Shards: what is written comes back, complete or not at all."""

from pathlib import Path

import pytest

from leadline.errors import InputError
from leadline.io.shards import ShardReader, write_shard


def test_files_come_back_in_any_order(tmp_path: Path) -> None:
    for shard in ("a", "b"):
        files = [(f"{shard}{i}", {"x.png": bytes([i]) * 9, "json": b"{}"}) for i in range(3)]
        write_shard(tmp_path / f"{shard}.tar", files)
    reader = ShardReader(tmp_path)
    assert len(reader) == 6
    for i, key in ((4, "b1"), (0, "a0"), (2, "a2")):
        assert reader.key(i) == key
        assert reader.names(i) == ("x.png", "json")
        assert reader.read(i, ["x.png"]) == {"x.png": bytes([int(key[1])]) * 9}


def test_an_interrupted_shard_leaves_nothing(tmp_path: Path) -> None:
    def broken():
        yield "k", {"json": b"{}"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "a.tar", broken())
    assert not list(tmp_path.iterdir())


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected shards"):
        ShardReader(tmp_path)
