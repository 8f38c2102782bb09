"""Networks and functions of other packages, named in recipes as `package.module:name`."""

from typing import Any

from leadline.errors import InputError, LeadlineError
from leadline.lazy import load_attribute


def is_place(name: str) -> bool:
    """Whether a name has the form `package.module:name`."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), attribute))


def imported(place: str, what: str) -> Any:  # noqa: ANN401 - whatever stands there
    """The object at a place, imported now: this runs the module's code, so the place must come from the user.

    Args:
        place: Module and name: `mypackage.module:MyNet`.
        what: What is expected there, for messages.
    Raises:
        InputError: If there is no such module, it cannot be imported, or it has no such name.
    """
    try:
        return load_attribute(place)
    except LeadlineError:
        raise
    except Exception as error:  # whatever the module raises while it is imported
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"expected to import {what} from {place}, got {type(error).__name__}: {reason}; mend that module"
        ) from error
