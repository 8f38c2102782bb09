"""Errors that a caller can act on; the command line prints their one line and exits with code 2."""

from numbers import Integral, Real
from typing import Final

_SHOWN: Final = 40
"""Characters of a wrong value that a message shows."""


class LeadlineError(Exception):
    """Base of every error that leadline raises on purpose: says what was expected, what came, and the mend.

    Example:
        >>> from leadline.io import read_image
        >>> try:
        ...     read_image("missing.png")
        ... except LeadlineError as error:
        ...     print(error)
        expected an image at missing.png, got no such file; check the name
    """


class InputError(LeadlineError):
    """A file, image or array is not what the call needs."""


class TooLargeError(InputError):
    """An image has more pixels than are allowed."""


class CalibrationError(LeadlineError):
    """A calibration is missing, contradictory or physically impossible."""


class OutputError(LeadlineError):
    """A result cannot be written where it was asked for."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM; the command line exits with code 143."""


class CameraError(LeadlineError):
    """A camera or recording is missing, busy, or delivers something else than asked for."""


class CameraLostError(CameraError):
    """A camera that delivered frames delivers none any more; it may come back."""


class MissingExtraError(LeadlineError):
    """An optional dependency is not installed; the message names the extra that brings it."""


def require_number(value: object, what: str, error: type[LeadlineError] = InputError) -> None:
    """Refuses what is no real number, such as text, None or a list, before arithmetic does with a puzzling message.

    Args:
        value: What the caller gave; numbers of numpy count.
        what: Its name.
        error: Kind of error.
    Raises:
        LeadlineError: If it is none.
    Example:
        >>> require_number(0.12, "baseline_m")
        >>> require_number("0.12", "baseline_m")
        Traceback (most recent call last):
        leadline.errors.InputError: expected a number as baseline_m, got '0.12' (str); give one, such as float(...) of a text
    """  # noqa: E501 - the error is one line
    if isinstance(value, bool) or not isinstance(value, Real):
        raise error(
            f"expected a number as {what}, got {_short(value)} ({type(value).__name__}); give one, such as float(...) "
            "of a text"
        )


def require_whole(value: object, what: str, error: type[LeadlineError] = InputError) -> None:
    """Refuses what is no whole number; floats count where they have no fraction.

    Args:
        value: As for `require_number`.
        what: Its name.
        error: Kind of error.
    Raises:
        LeadlineError: If it is none.
    """
    require_number(value, what, error)
    if not isinstance(value, Integral) and not float(value).is_integer():  # pyright: ignore[reportArgumentType]
        raise error(f"expected a whole number as {what}, got {value}; round it")


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
