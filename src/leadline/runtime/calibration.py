"""Correction of a network's confidence for what its training did not show it: blur of both views, and other scenes."""

from dataclasses import dataclass
from math import log2
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.runtime.sharpness import edge_blur_px, noise_levels

SHARP_PX: Final = 1.65
"""Blur up to which nothing is corrected: the largest of the sharp images that the corrections were measured on."""
_CERTAIN: Final = 1e-6


@dataclass(frozen=True, kw_only=True)
class ConfidenceCalibration:
    """What is added to the logit of a confidence, so that its order stays as it is within an image.

    The offset, less blur_rate for every doubling of the images' blur beyond 1.65 px, as of `edge_blur_px`. Of several
    views the sharpest one counts: a network notices itself if one view alone is blurred. It notices noise, too: the
    blur's part is divided by 1 + (n / noise)^2, where n is the images' noise in levels of 255.

    Args:
        offset: Added in any case.
        blur_rate: Subtracted for every doubling of the blur.
        noise: Levels of noise at which the blur's part is half as large.
    Raises:
        InputError: If a number is out of range.

    >>> ConfidenceCalibration(offset=-1.0)(np.array([[0.5]], np.float32)).round(3).tolist()
    [[0.26899999380111694]]
    """

    offset: float = 0.0
    blur_rate: float = 0.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what would raise the confidence of blurred images, or is not finite."""
        if not (abs(self.offset) < np.inf and 0.0 <= self.blur_rate < np.inf and self.noise > 0.0):
            raise InputError(f"expected a finite offset, a blur_rate from 0 and noise above 0, got {self}")

    def __call__(
        self, confidence: Float32[np.ndarray, "h w"], *views: UInt8[np.ndarray, "_ _ *c"]
    ) -> Float32[np.ndarray, "h w"]:
        """The corrected confidence.

        Args:
            confidence: Of the first view, in [0, 1].
            *views: The images that the network saw.
        """
        shift = self.shift(*views)
        if shift == 0.0:
            return confidence
        bounded = np.clip(confidence, np.float32(_CERTAIN), np.float32(1.0 - _CERTAIN))
        # The odds p / (1 - p) are multiplied by exp(shift).
        odds = bounded / (np.float32(1.0) - bounded) * np.float32(np.exp(shift))
        return np.where(confidence > 0.0, odds / (np.float32(1.0) + odds), np.float32(0.0))

    def shift(self, *views: UInt8[np.ndarray, "_ _ *c"]) -> float:
        """What is added to the logit for some views.

        Args:
            *views: The images that the network saw.
        """
        if not self.blur_rate or not views:
            return self.offset
        blur = min(edge_blur_px(view) for view in views)
        if blur <= SHARP_PX:
            return self.offset
        noise = min(noise_levels(view) for view in views)
        return self.offset - self.blur_rate * log2(blur / SHARP_PX) / (1.0 + (noise / self.noise) ** 2)
