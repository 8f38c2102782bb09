"""Reading a whole file, or saying in one line why not."""

from pathlib import Path

from leadline.errors import InputError


def read_bytes(path: Path | str, expected: str, max_bytes: int | None = None) -> bytes:
    """The content of a plain file.

    Args:
        path: The file.
        expected: What it should be, for the message: "an image".
        max_bytes: Refuse larger files before reading them.
    Raises:
        InputError: If it is missing, a folder or device, unreadable, empty or too large.
    Example:
        >>> read_bytes("missing.png", "an image")
        Traceback (most recent call last):
        leadline.errors.InputError: expected an image at missing.png, got no such file; check the name
    """
    source = Path(path)
    try:
        if source.is_dir():
            raise InputError(f"expected {expected} at {source}, got a folder; name a file in it")
        if not source.is_file():
            if source.exists():
                raise InputError(f"expected {expected} at {source}, got a device or pipe; name a plain file")
            raise InputError(f"expected {expected} at {source}, got no such file; check the name")
        size = source.stat().st_size
        if max_bytes is not None and size > max_bytes:
            raise InputError(
                f"expected {expected} of at most {max_bytes} bytes, got {size} in {source}; check the name"
            )
        content = source.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"expected {expected} at {source}, got {reason.lower()}; check the name and the permissions"
        ) from error
    if not content:
        raise InputError(f"expected {expected} at {source}, got an empty file; fetch it again")
    return content
