"""The sample types that datasets yield: what was seen, and what is true about it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8


@dataclass(frozen=True)
class StereoSample:
    """One rectified pair with its truth; ``x_right = x_left - disparity``, pixel centres are integers.

    Attributes:
        left: Left picture, RGB.
        right: Right picture, RGB.
        disparity: Pixels of the left picture, positive; meaningless where not ``valid``.
        valid: Where ``disparity`` is known.
        occluded: Left pixels that are hidden in the right picture or fall outside it.
        right_disparity: Disparity of the right picture's pixels (``x_left = x_right + right_disparity``), or None.
        right_valid: Where ``right_disparity`` is known, or None.
        right_occluded: Right pixels that are hidden in the left picture or fall outside it, or None.
    """

    left: UInt8[np.ndarray, "h w 3"]
    right: UInt8[np.ndarray, "h w 3"]
    disparity: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    occluded: Bool[np.ndarray, "h w"]
    right_disparity: Float32[np.ndarray, "h w"] | None = None
    right_valid: Bool[np.ndarray, "h w"] | None = None
    right_occluded: Bool[np.ndarray, "h w"] | None = None
