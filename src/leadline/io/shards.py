"""Shards: plain tar files in WebDataset naming, written whole or not at all, readable at random.

A sample is the files of one key, ``KEY.left.png``, ``KEY.json`` and so on; the key ends at the first dot of the file's
name, whatever dots its folder has.
"""

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import final

from leadline.errors import InputError
from leadline.io.atomic import atomic_write, make_output_folder
from leadline.io.remote import is_remote, local_shards
from leadline.io.tar_index import tar_entries


def write_shard(path: Path, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> None:
    """Write samples, each a key with the content of its files, to a shard that appears only when it is complete.

    Args:
        path: The shard; its folder is made if need be.
        samples: Keys without a dot, each with contents by extension (``left.png``).
    Raises:
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_shard(Path(folder, "a.tar"), [("000", {"txt": b"zero"}), ("001", {"txt": b"one"})])
        ...     reader = ShardReader(folder)
        ...     len(reader), reader.key(1), reader.read(1, ["txt"])
        (2, '001', {'txt': b'one'})
    """
    make_output_folder(path.parent)
    with atomic_write(path) as stream, tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, files in samples:
            for name, content in files.items():
                entry = tarfile.TarInfo(f"{key}.{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


@final
class ShardReader:
    """Random access to the samples of shards, by their offsets.

    It holds no open file, so it may be copied to other processes.
    """

    def __init__(self, source: Path | str | Iterable[Path]) -> None:
        """Index the shards.

        Args:
            source: A folder with ``*.tar`` files, or the files; or an address (``s3://``, ``https://`` ...) whose
                shards are fetched once, see `leadline.io.remote.local_shards`.
        Raises:
            InputError: If there is no shard, or one is no whole tar file or cannot be fetched.
            MissingExtraError: If the address needs a package that is not installed.
        """
        paths = _paths(source)
        if not paths:
            raise InputError(
                f"expected shards (*.tar) in {source}, found none; write some with `leadline render stereo`"
            )
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
        Raises:
            InputError: If the sample lacks one, or the shard has changed or cannot be read any more.
        """
        path, key, files = self._samples[index]
        wanted = list(names)
        if missing := [name for name in wanted if name not in files]:
            raise InputError(
                f"expected {', '.join(wanted)} for each sample, got {', '.join(sorted(files))} for {key} in {path}: "
                f"{missing[0]} is missing; it is another program's shard or one of another kind"
            )
        found: dict[str, bytes] = {}
        try:
            with path.open("rb") as stream:
                for name in wanted:
                    start, size = files[name]
                    stream.seek(start)
                    found[name] = stream.read(size)
        except OSError as error:
            raise InputError(
                f"expected a shard at {path}, could not read it: {error.strerror}; fetch it again"
            ) from None
        if any(len(found[name]) != files[name][1] for name in wanted):
            raise InputError(f"expected a whole shard at {path}, got one that was cut off meanwhile; fetch it again")
        return found

    def place(self, index: int) -> str:
        """Key and shard of a sample, for messages."""
        path, key, _ = self._samples[index]
        return f"sample {key} of {path}"


def _paths(source: Path | str | Iterable[Path]) -> list[Path]:
    if isinstance(source, str) and is_remote(source):
        return local_shards(source)
    return sorted(Path(source).glob("*.tar")) if isinstance(source, str | Path) else sorted(source)


def _index(path: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Offsets and sizes of the files of each sample in a shard."""
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    for entry in tar_entries(path):
        folder, slash, file = entry.name.rpartition("/")
        key, dot, name = file.partition(".")
        if key and dot:
            samples.setdefault(f"{folder}{slash}{key}", {})[name] = (entry.start, entry.size)
    return samples
