"""Checks of how far samples may be changed."""

import math

from leadline.errors import InputError


def require_between(options: object, least: float, most: float, *names: str) -> None:
    """Refuses options outside a range: numbers, or pairs of a least and a most.

    Args:
        options: The augmentation.
        least: Smallest value that is allowed.
        most: Largest value that is allowed.
        names: Names of the options.
    Raises:
        InputError: If one is outside, not finite, or a pair in the wrong order.

    Example:
        >>> from types import SimpleNamespace
        >>> require_between(SimpleNamespace(gamma=(0.8, 1.2)), 0.5, 2.0, "gamma")
    """
    for name in names:
        value = getattr(options, name)
        ends = value if isinstance(value, tuple) else (value,)
        if not all(math.isfinite(end) and least <= end <= most for end in ends) or list(ends) != sorted(ends):
            wanted = "a least and a most" if len(ends) == 2 else "a number"
            raise InputError(f"expected {wanted} from {least:g} to {most:g} for {name} in the recipe, got {value}")
