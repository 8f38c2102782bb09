"""Attributes by a name such as "package.module:Attribute", imported when they are asked for."""

from importlib import import_module
from typing import Any

from leadline.errors import InputError


def load_attribute(place: str) -> Any:  # noqa: ANN401 - an attribute has any type
    """The attribute that a name stands for; its module is imported now.

    Args:
        place: "package.module:Attribute", or "package.module:Class.attribute".
    Raises:
        InputError: If it is no such name, there is no such module or no such attribute in it.

    >>> load_attribute("math:pi")
    3.141592653589793
    >>> load_attribute("math:tau2")
    Traceback (most recent call last):
    leadline.errors.InputError: expected an attribute tau2 in the module math, found none; check the name
    """
    module_name, _, names = place.partition(":")
    if not names or not all(part.isidentifier() for part in (*module_name.split("."), *names.split("."))):
        raise InputError(f"expected a name such as package.module:Attribute, got {place!r}")
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        # A package that the module itself needs is another matter: its own error says which.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise InputError(
            f"expected a module {module_name} for {place}, found no {error.name}; install its package, or add its "
            "folder to PYTHONPATH"
        ) from None
    for name in names.split("."):
        if not hasattr(found, name):
            raise InputError(f"expected an attribute {names} in the module {module_name}, found none; check the name")
        found = getattr(found, name)
    return found
