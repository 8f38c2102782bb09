"""What a piece of work says when it is done."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """Words about a result that was written.

    Args:
        line: What was made, in one line.
        notes: What was assumed.
        warnings: What the user must know before trusting it.
    Example:
        >>> Report("result: sgbm on 640x480 in 0.10 s").notes
        ()
    """

    line: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
