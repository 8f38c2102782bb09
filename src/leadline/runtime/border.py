"""The strip at the left border whose matches lie outside the right picture."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float32

_UNSURE: Final = 0.3
"""Below this confidence the network's own guess is given up."""
_SUPPORT_PX: Final = 5
"""Sure pixels of a row whose median stands in for what is left of them."""


def fill_unseen_border(
    disparity: Float32[np.ndarray, "h w"], confidence: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Continues each row's first sure disparity to the left border, where there is nothing to match.

    Args:
        disparity: Left-view pixels, dense.
        confidence: P(|error| < 1 px); it is not changed, so the filled strip stays unsure.
    Returns:
        The disparity; only pixels that the right camera cannot see by their new value have changed.
    """
    width = int(disparity.shape[1])
    columns = np.arange(width, dtype=np.int64)
    sure: Bool[np.ndarray, "h w"] = (confidence > _UNSURE) & (disparity <= columns)
    first = np.where(sure.any(axis=1), sure.argmax(axis=1), 0)[:, None]
    support = np.minimum(first + np.arange(_SUPPORT_PX), width - 1)
    value = np.median(np.take_along_axis(disparity, support, axis=1), axis=1, keepdims=True)
    return np.where((columns < first) & (columns < value), value, disparity).astype(np.float32)
