"""A share of trials, and how well so many trials determine it."""

from math import sqrt
from typing import Final

from leadline.errors import InputError

Z_95: Final = 1.959963984540054
"""Standard deviations around the mean of a normal distribution that hold 95 %."""


def wilson_interval(hits: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of the rate behind a share of trials: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).

    Args:
        hits: How often it happened.
        trials: Of how often it could have.
        z: Standard deviations: 1.96 for 95 %.
    Raises:
        InputError: If there is no trial, or more hits than trials, or fewer than none.
    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.
    Example:
        >>> low, high = wilson_interval(0, 10)
        >>> low, round(high, 4)
        (0.0, 0.2775)
    """
    if not 0 <= hits <= trials or trials == 0:
        raise InputError(f"expected hits from 0 up to the trials, and a trial at least, got {hits} of {trials}")
    share, square = hits / trials, z * z
    middle = share + square / (2 * trials)
    half = z * sqrt(share * (1.0 - share) / trials + square / (4.0 * trials * trials))
    scale = 1.0 + square / trials
    # At the ends the formula is exact, its rounding is not.
    low = 0.0 if hits == 0 else (middle - half) / scale
    return low, 1.0 if hits == trials else (middle + half) / scale
