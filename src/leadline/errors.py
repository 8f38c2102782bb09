"""Errors that a caller can act on; the command line prints their one line and exits with code 2."""


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


class CalibrationError(LeadlineError):
    """A calibration is missing, contradictory or physically impossible."""


class OutputError(LeadlineError):
    """A result cannot be written where it was asked for."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM; the command line exits with code 143."""


class MissingExtraError(LeadlineError):
    """An optional dependency is not installed; the message names the extra that brings it."""
