"""Files that are either whole or absent."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from leadline.errors import OutputError

try:
    import fcntl
except ImportError:  # not a POSIX system: no lock there
    fcntl = None

# What a full, broken or read-only disk answers to a write that began well.
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
# A process locks its unfinished files at once; younger ones may be about to be locked.
_YOUNG_S = 2.0


def make_output_folder(path: Path | str) -> Path:
    """Makes a folder and its parents; one that exists is fine, and is rid of what killed processes left unfinished.

    Args:
        path: The folder.
    Returns:
        The same path.
    Raises:
        OutputError: If it cannot be made, or a file is in its place.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(
            f"expected a folder at {folder}, got a file in its place; choose another output folder"
        ) from error
    except (OSError, ValueError) as error:
        raise OutputError(f"expected to make the folder {folder}, got {_reason(error)}; choose another one") from error
    _sweep_abandoned(folder)
    return folder


def remove_unfinished(path: Path) -> None:
    """Removes an unfinished file or folder as far as that is possible."""
    with suppress(OSError, ValueError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def unfinished_folder(parent: Path, name: str = "") -> Generator[Path]:
    """A new folder `.NAME.xxx.part` for files that shall appear elsewhere; it is gone when the block ends.

    Args:
        parent: Where it is made; it is made, too, if need be.
        name: For people who find it.
    Yields:
        The folder, which `make_output_folder` leaves alone as long as this process lives.
    Raises:
        OutputError: If it cannot be made.
    """
    stem = f".{name[:100]}." if name else "."
    folder = make_output_folder(make_output_folder(parent) / f"{stem}{secrets.token_hex(6)}.part")
    handle = os.open(folder, os.O_RDONLY) if fcntl is not None else None
    try:
        if handle is not None:
            _lock(handle)
        yield folder
    finally:
        if handle is not None:
            os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _lock(handle: int) -> bool:
    """Whether this process now owns an open file or folder; it does until the handle is closed or the process dies."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process owns it, or this file system knows no locks
        return False
    return True


def _sweep_abandoned(folder: Path) -> None:
    """Removes unfinished files and folders (`.NAME.part`) whose process died."""
    if fcntl is None:
        return
    for path in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime < _YOUNG_S:
                continue
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if _lock(handle):
                    remove_unfinished(path)
            finally:
                os.close(handle)


@contextmanager
def atomic_write(path: Path | str) -> Generator[BinaryIO]:
    """Opens a file for binary writing that appears under its name only when the block ends well.

    The bytes go to a temporary name in the same folder, which is then renamed; an existing file is replaced whole.
    After any exception, Ctrl-C included, the temporary file is gone and what was at `path` is untouched. Nothing is
    flushed to the disk itself (no fsync): this protects from errors and interruptions, not from power cuts.

    Args:
        path: Where the file shall be; its folder must exist.
    Yields:
        The open temporary file.
    Raises:
        OutputError: If the folder is missing or not writable, the disk is full, or `path` is not a plain file.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_write(f"{folder}/a.bin") as file:
        ...         written = file.write(b"whole")
        ...     Path(folder, "a.bin").read_bytes()
        b'whole'
    """
    target = Path(path)
    temporary = target.parent / f".{target.name[:100]}.{secrets.token_hex(6)}.part"
    try:
        with _open_new(target, temporary) as handle:
            _lock(handle.fileno())
            yield handle
        os.replace(temporary, target)
    except OSError as error:
        # An OSError that the block brought from elsewhere (a missing input, say) is not about this file.
        if error.errno not in DISK_ERRORS and error.filename != os.fspath(temporary):
            raise
        raise OutputError(
            f"expected to write {target}, got {_reason(error)}; free space or choose another folder"
        ) from error
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink()


def _open_new(target: Path, temporary: Path) -> BinaryIO:
    """Opens the temporary file, refusing targets that a rename would not or should not replace."""
    try:
        if not target.name or (target.exists() and not target.is_file()):
            raise OutputError(f"expected a file name at {target}, got a folder or device; choose another name")
        return temporary.open("xb")
    except FileNotFoundError as error:
        raise OutputError(
            f"expected the folder {target.parent} to exist, got none; make it or choose another one"
        ) from error
    except NotADirectoryError as error:
        raise OutputError(
            f"expected a folder at {target.parent}, got a file in its place; choose another output folder"
        ) from error
    except (OSError, ValueError) as error:
        raise OutputError(
            f"expected to write into {target.parent}, got {_reason(error)}; choose a folder you may write to"
        ) from error


def _reason(error: OSError | ValueError) -> str:
    """The operating system's words without its errno and file name."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
