"""Message of a command whose extra is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from leadline.errors import MissingExtraError


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Names the extra if an import in the block finds a package missing.

    Args:
        extra: As in pyproject.toml: "train".
    Raises:
        MissingExtraError: If a package other than leadline is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "leadline":
            raise
        raise MissingExtraError(
            f'expected the package {error.name}, found none; install it with pip install "leadline[{extra}]"'
        ) from error
