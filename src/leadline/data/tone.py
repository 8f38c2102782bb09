"""Tone curves: gain, gamma, offset and colour cast of a camera."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8


def random_tone(rng: np.random.Generator, strength: float) -> Float32[np.ndarray, "256 3"]:
    """A tone curve per channel: gain, gamma, offset and colour cast."""
    levels = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
    gamma = 2.0 ** rng.normal(0.0, 0.3 * strength)
    gain = 2.0 ** (rng.normal(0.0, 0.3 * strength) + rng.normal(0.0, 0.1 * strength, 3))
    offset = rng.normal(0.0, 0.05 * strength)
    return np.clip(levels**gamma * gain + offset, 0.0, 1.0).astype(np.float32) * np.float32(255.0)


def apply_tone(image: UInt8[np.ndarray, "h w 3"], table: Float32[np.ndarray, "256 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image with each channel put through its tone curve, whose values are levels from 0 to 255.

    Example:
        >>> halved = np.repeat(np.arange(256, dtype=np.float32)[:, None] / 2, 3, axis=1)
        >>> apply_tone(np.array([[[200, 100, 0]]], np.uint8), halved).tolist()
        [[[100, 50, 0]]]
    """
    return cv2.LUT(image, np.round(table).astype(np.uint8).reshape(1, 256, 3))
