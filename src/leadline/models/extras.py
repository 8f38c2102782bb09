"""Packages that only some networks need."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from leadline.errors import MissingExtraError


def from_zoo_extra(package: str) -> Any:  # noqa: ANN401 - a module, whose types do not follow its lazy imports
    """A package of the extra `zoo`, imported now.

    Args:
        package: Its name, or that of a module in it: "diffusers".
    Raises:
        MissingExtraError: If it is not installed.
    """
    top = package.partition(".")[0]
    if find_spec(top) is None:
        raise MissingExtraError(f'expected the package {top}, found none; install it with pip install "leadline[zoo]"')
    return import_module(package)
