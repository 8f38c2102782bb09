"""The package that reads and writes films, imported when one is."""

from importlib import import_module
from pathlib import Path
from typing import Any

from leadline.errors import MissingExtraError


def load_pyav(path: Path) -> Any:  # noqa: ANN401 - a module of an extra
    """PyAV, which reads and writes films.

    Args:
        path: The film, for the message.
    Raises:
        MissingExtraError: If it is not installed.
    Example:
        >>> load_pyav(Path("a.mp4")).__name__
        'av'
    """
    try:
        return import_module("av")
    except ModuleNotFoundError as error:
        if error.name != "av":
            raise
        raise MissingExtraError(
            f'expected the package av to read {path}, found none; install it with pip install "leadline[video]", or '
            "give a folder of images"
        ) from error
