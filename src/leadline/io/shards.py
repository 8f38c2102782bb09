"""Shards: plain tar files in WebDataset naming, written whole or not at all, readable at random.

A sample is the files of one key, ``KEY.left.png``, ``KEY.json`` and so on.
"""

import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import final


def write_shard(path: Path, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> None:
    """Write samples, each a key with the content of its files, to a shard that appears only when it is complete.

    Args:
        path: The shard; its folder is made if need be.
        samples: Keys without a dot, each with contents by extension (``left.png``).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as tar:
            for key, files in samples:
                for name, content in files.items():
                    entry = tarfile.TarInfo(f"{key}.{name}")
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@final
class ShardReader:
    """Random access to the samples of shards, by their offsets.

    It holds no open file, so it may be copied to other processes.
    """

    def __init__(self, source: Path | str | Iterable[Path]) -> None:
        """Index the shards.

        Args:
            source: A folder with ``*.tar`` files, or the files.
        Raises:
            FileNotFoundError: If there is no shard.
        """
        paths = sorted(Path(source).glob("*.tar")) if isinstance(source, str | Path) else sorted(source)
        if not paths:
            raise FileNotFoundError(f"expected shards (*.tar) in {source}, found none; render or download some first")
        self._samples: list[tuple[Path, str, dict[str, tuple[int, int]]]] = []
        for path in paths:
            self._samples += [(path, key, files) for key, files in _index(path).items()]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._samples)

    def key(self, index: int) -> str:
        """Key of a sample."""
        return self._samples[index][1]

    def names(self, index: int) -> tuple[str, ...]:
        """Extensions of the files of a sample."""
        return tuple(self._samples[index][2])

    def read(self, index: int, names: Iterable[str]) -> dict[str, bytes]:
        """Contents of some files of a sample.

        Args:
            index: From 0 to ``len(self) - 1``.
            names: Extensions, each of which the sample must have.
        """
        path, _, files = self._samples[index]
        found: dict[str, bytes] = {}
        with path.open("rb") as stream:
            for name in names:
                start, size = files[name]
                stream.seek(start)
                found[name] = stream.read(size)
        return found


def _index(path: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Offsets and sizes of the files of each sample in a shard."""
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    with tarfile.open(path, "r:") as tar:
        for entry in tar:
            key, _, name = entry.name.partition(".")
            samples.setdefault(key, {})[name] = (entry.offset_data, entry.size)
    return samples
