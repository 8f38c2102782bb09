"""Where optical flow takes a pixel, and whether the flow back brings it home."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32

TOLERANCE_PX: Final = 1.0
TOLERANCE_SHARE: Final = 0.05
"""The way there and back may end so far from where it began: pixels, plus a share of the way's length."""


def landing(
    flow: Float32[np.ndarray, "h w 2"],
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Columns and rows in the next frame of each pixel, and which of them lie within it.

    Args:
        flow: Motion (u, v), pixels.

    >>> x, y, inside = landing(np.full((1, 3, 2), [2.0, 0.0], np.float32))
    >>> x.tolist(), inside.tolist()
    ([[2.0, 3.0, 4.0]], [[True, False, False]])
    """
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return x, y, inside


def carried(past: Float32[np.ndarray, "h w"], flow: Float32[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "h w"]:
    """Values of another frame at the points of this one, read between pixels, and beside the frame at its border.

    Args:
        past: Of the other frame.
        flow: From this frame's pixels to the other.

    >>> carried(np.array([[1.0, 2.0, 4.0]], np.float32), np.full((1, 3, 2), [0.5, 0.0], np.float32)).tolist()
    [[1.5, 3.0, 4.0]]
    """
    x, y, _ = landing(flow)
    return np.asarray(cv2.remap(past, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def round_trip(
    forward: Float32[np.ndarray, "h w 2"], backward: Float32[np.ndarray, "h w 2"]
) -> Float32[np.ndarray, "h w"]:
    """Distance between where a pixel begins and where it ends, after the flow there and the flow back.

    Args:
        forward: Flow of the first frame's pixels.
        backward: Flow of the second frame's pixels towards the first; read between pixels, and beside the frame at its
            border.
    Returns:
        Pixels.

    >>> there = np.full((1, 9, 2), [2.0, 0.0], np.float32)
    >>> round_trip(there, -there / 2)[0, 0].item()
    1.0
    """
    x, y, _ = landing(forward)
    back = cv2.remap(backward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    returned = forward + np.asarray(back, np.float32)
    return np.hypot(returned[..., 0], returned[..., 1])


def agreeing(forward: Float32[np.ndarray, "h w 2"], backward: Float32[np.ndarray, "h w 2"]) -> Bool[np.ndarray, "h w"]:
    """Pixels of the first frame that stay within the second, and whose way there and back ends near where it began.

    Near is within 1 px plus 5 % of the way's length.

    Args:
        forward: Flow of the first frame's pixels.
        backward: Flow of the second frame's pixels towards the first.
    """
    length = np.hypot(forward[..., 0], forward[..., 1])
    return landing(forward)[2] & (round_trip(forward, backward) < TOLERANCE_PX + TOLERANCE_SHARE * length)
