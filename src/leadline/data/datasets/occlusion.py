"""Occlusion of a pair, where a data set does not publish it."""

import numpy as np
from jaxtyping import Bool, Float32

_TOLERANCE_PX = 1.0


def leaves_frame(disparity: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Left pixels whose match x - d lies more than half a pixel left of the right image.

    Args:
        disparity: Of the left view, positive, in pixels.
        valid: Where it is known; elsewhere the answer is no.
    Example:
        >>> leaves_frame(np.array([[2.0, 2.0, 2.0]], np.float32), np.ones((1, 3), bool)).tolist()
        [[True, True, False]]
    """
    return valid & (np.arange(disparity.shape[1]) - disparity < -0.5)


def hidden_from_right(
    disparity: Float32[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    right_disparity: Float32[np.ndarray, "h w"],
    right_valid: Bool[np.ndarray, "h w"],
) -> Bool[np.ndarray, "h w"]:
    """Left pixels that the right view does not see, from both views' exact truth.

    A pixel is hidden if its match lies outside the right image, or if the surface seen there is nearer: its disparity
    is larger by more than 1 px.

    Args:
        disparity: Of the left view, positive, in pixels.
        valid: Where it is known; elsewhere the answer is no.
        right_disparity: Of the right view (x_left = x_right + d), positive.
        right_valid: Where that is known; a match where it is not counts as seen.
    """
    height, width = disparity.shape
    match = np.arange(width) - np.where(valid, disparity, np.float32(0.0))
    columns = np.clip(np.round(match), 0, width - 1).astype(np.int64)
    rows = np.arange(height)[:, None]
    nearer = right_valid[rows, columns] & (right_disparity[rows, columns] > disparity + _TOLERANCE_PX)
    return leaves_frame(disparity, valid) | (valid & nearer)


def hidden_from_left(
    right_disparity: Float32[np.ndarray, "h w"],
    right_valid: Bool[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
) -> Bool[np.ndarray, "h w"]:
    """Right pixels that the left view does not see: `hidden_from_right` in a mirror."""
    layers = (np.fliplr(layer) for layer in (right_disparity, right_valid, disparity, valid))
    return np.fliplr(hidden_from_right(*layers))
