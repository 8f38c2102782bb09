"""Dense disparity from sparse: what the matcher could not see takes the farther surface beside it."""

import numpy as np
from jaxtyping import Bool, Float32


def fill_background(
    disparity: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Every invalid pixel takes the smaller disparity of its nearest valid neighbours on its row.

    A pixel without a match is most often occluded, and what is occluded belongs to the surface behind. A row with
    no valid pixel takes the smaller of the nearest filled rows above and below.

    Args:
        disparity: Pixels; read only where valid.
        valid: Where it is known.

    Returns:
        Dense disparity, unchanged where valid; all zero if nothing is valid.

    Example:
        >>> fill_background(np.array([[0, 5, 0, 3]], np.float32), np.array([[False, True, False, True]])).tolist()
        [[5.0, 5.0, 3.0, 3.0]]

    Source: the background interpolation of the KITTI stereo 2012 development kit.
    """
    if not valid.any():
        return np.zeros_like(disparity)
    width: int = disparity.shape[1]
    columns = np.arange(width)
    before = np.maximum.accumulate(np.where(valid, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(valid, columns, width)[:, ::-1], axis=1)[:, ::-1]
    from_left = np.take_along_axis(disparity, np.maximum(before, 0), axis=1)
    from_right = np.take_along_axis(disparity, np.minimum(after, width - 1), axis=1)
    filled = np.minimum(np.where(before >= 0, from_left, np.inf), np.where(after < width, from_right, np.inf))

    known = np.flatnonzero(valid.any(axis=1))
    empty = np.flatnonzero(~valid.any(axis=1))
    below = np.searchsorted(known, empty)
    row_above, row_below = known[np.maximum(below - 1, 0)], known[np.minimum(below, len(known) - 1)]
    filled[empty] = np.minimum(filled[row_above], filled[row_below])
    return filled.astype(np.float32)
