"""Shards that lie elsewhere: fetched once into a cache folder, then read as local files."""

import os
import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from leadline.errors import InputError, MissingExtraError
from leadline.io.atomic import atomic_write, make_output_folder

_COPY_BYTES = 1 << 24
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def is_remote(place: Path | str) -> bool:
    """Whether a place is an address (``s3://``, ``https://``, ``memory://`` ...) and no local path.

    Example:
        >>> is_remote("s3://bucket/train"), is_remote("shards/train")
        (True, False)
    """
    return isinstance(place, str) and "://" in place


def cache_folder() -> Path:
    """Folder of fetched shards: ``LEADLINE_CACHE`` if it is set, else ``leadline`` in the user's cache folder."""
    chosen = os.environ.get("LEADLINE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(home) / "leadline"


def local_shards(place: str) -> list[Path]:
    """Local copies of the shards at an address; what was fetched before is fetched again only if it has changed.

    Args:
        place: A folder whose ``*.tar`` files are listed, one shard (``https://host/a.tar``), or numbered ones as
            WebDataset writes them (``https://host/train-{0000..0012}.tar``).
    Raises:
        InputError: If there is nothing at the address, or it cannot be read.
        MissingExtraError: If the address needs a package that is not installed.
        OutputError: If the cache folder cannot be written.
    """
    try:
        # Reading local files needs no fsspec.
        import fsspec  # pyright: ignore[reportMissingTypeStubs]

        found: Any = fsspec.core.url_to_fs(place)  # pyright: ignore
        system, root = found[0], str(found[1])
        paths = _numbered(root) if root.endswith(".tar") else sorted(system.glob(f"{root}/*.tar"))
        folder = make_output_folder(cache_folder() / "shards")
        return [_fetched(system, path, folder) for path in paths]
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise MissingExtraError(f"expected the packages that read {place}, got: {reason}") from error
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"expected to read shards at {place}, got: {reason}; check the address") from error


def _numbered(path: str) -> list[str]:
    """The path, or one for each number in its braces, as wide as the braces write them."""
    found = _RANGE.search(path)
    if found is None:
        return [path]
    first, last = found.groups()
    numbers = range(int(first), int(last) + 1)
    return [f"{path[: found.start()]}{number:0{len(first)}d}{path[found.end() :]}" for number in numbers]


def _fetched(system: Any, path: str, folder: Path) -> Path:  # noqa: ANN401 - fsspec brings no types
    """The local copy; its name says which state of the remote file it is of."""
    info: dict[str, Any] = system.info(path)
    size = info.get("size")
    # The key of fsspec leaves out what only web servers tell.
    state = f"{system.unstrip_protocol(path)} {system.ukey(path)} {info.get('ETag')} {size}"
    copy = folder / f"{sha256(state.encode()).hexdigest()[:16]}-{Path(path).name}"
    if not copy.exists():
        with system.open(path, "rb") as remote, atomic_write(copy) as local:
            shutil.copyfileobj(remote, local, _COPY_BYTES)
            if size is not None and local.tell() != size:
                raise OSError(f"{local.tell()} of {size} bytes")
    return copy
