"""Output folders that one process at a time writes into."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from leadline.errors import OutputError
from leadline.io.atomic import make_output_folder, remove_unfinished

try:
    import fcntl
except ImportError:  # not a POSIX system: no lock there
    fcntl = None


@contextmanager
def owned_folder(path: Path | str) -> Generator[Path]:
    """An output folder that no other process owns at the same time; it is made if need be.

    The lock is the operating system's on the folder itself: it ends with the process, however that ends, and leaves no
    file. Unfinished files (`.NAME.part`) that a killed process left in the folder are removed. A file system without
    locks is used without one.

    Args:
        path: The folder.
    Yields:
        The folder.
    Raises:
        OutputError: If it cannot be made, or another process owns it.
    """
    folder = make_output_folder(path)
    if fcntl is None:
        yield folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"expected {folder} for this run alone, got another process that writes into it; wait for it, or "
                "choose another output folder"
            ) from None
        except OSError:
            pass
        else:
            sweep(folder)
        yield folder
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Removes unfinished files and folders, `.NAME.part`, from a folder that nobody else writes into.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     Path(name, "depth.pfm").touch()
        ...     Path(name, ".cloud.ply.part").touch()
        ...     sweep(Path(name))
        ...     [path.name for path in Path(name).iterdir()]
        ['depth.pfm']
    """
    for path in folder.glob(".*.part"):
        remove_unfinished(path)
