"""Mask, then mean: the one place where numpy-side scores are averaged."""

import numpy as np
from jaxtyping import Bool, Num

from leadline.errors import InputError


def masked_mean(
    values: Num[np.ndarray, "*shape"] | Bool[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> float:
    """Mean of the values where the mask is true, in float64.

    Args:
        values: Numbers, or booleans (their mean is a share in [0, 1]).
        mask: Which of them count; the others may be anything, NaN included.
    Returns:
        The mean of the masked values.
    Raises:
        InputError: If nothing is masked in, or a masked value is not finite.
    Example:
        >>> masked_mean(np.array([1.0, 3.0, np.nan]), np.array([True, True, False]))
        2.0
    """
    return float(masked_values(values, mask).mean())


def masked_values(
    values: Num[np.ndarray, "*shape"] | Bool[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> np.ndarray:
    """The values that count, float64 and flat.

    Args:
        values: Numbers or booleans.
        mask: Which of them count.
    Returns:
        float64 array of as many elements as the mask has true ones, in row-major order.
    Raises:
        InputError: If nothing is masked in, or a masked value is not finite.
    """
    if not mask.any():
        raise InputError("expected at least one pixel to score, got an empty mask; exclude such an image and count it")
    selected = values[mask].astype(np.float64)
    if not np.isfinite(selected).all():
        count = int((~np.isfinite(selected)).sum())
        raise InputError(f"expected finite values under the mask, got {count} that are not; take them out of the mask")
    return selected
