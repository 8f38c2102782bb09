"""How blurred and how noisy an image is: what its confidence must know where a network was trained on sharp images."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

_FINE_PX: Final = (1.0, 2.0)
_COARSE_PX: Final = (4.0, 8.0)
"""Deviations of the Gaussian filters whose differences are compared."""
_STRONG: Final = 0.99
"""Quantile of a difference that stands for the strongest edges."""
_MOST_ROWS: Final = 64
_BLURS_PX: Final = np.concatenate([[0.0], np.geomspace(0.25, 32.0, 57)])
_LEAST_RESPONSE: Final = 1e-3
_DEVIATION_OF_MEDIAN: Final = 1.4826


def edge_blur_px(image: UInt8[np.ndarray, "h w *c"]) -> float:
    """The Gaussian blur that makes an ideal step as soft as the strongest edges of an image, across its columns.

    The 99 % quantiles of two differences of Gaussians along the rows, of 1 and 2 px and of 4 and 8 px, are equal for
    sharp steps; blur lowers the finer one first. Noise of a few levels hardly changes either.

    Args:
        image: RGB or grey, 8 bit. At most 64 rows of it are looked at.
    Returns:
        Deviation in px, from 0 to 32; 0 for an image without edges. Sharp images have about 0.5 to 1.5: their edges
        are no ideal steps.
    Example:
        >>> step = np.repeat(np.where(np.arange(100) < 50, 50, 200)[None], 40, axis=0).astype(np.uint8)
        >>> round(edge_blur_px(step)), round(edge_blur_px(cv2.GaussianBlur(step, (0, 0), 4.0)))
        (0, 4)
    """
    rows = _grey_rows(image)
    fine, coarse = (_strongest(rows, *pair) for pair in (_FINE_PX, _COARSE_PX))
    if coarse < _LEAST_RESPONSE:
        return 0.0
    # The responses' ratio falls with the blur, and np.interp wants rising ones.
    ratios = _step_response(*_FINE_PX) / _step_response(*_COARSE_PX)
    return float(np.interp(-fine / coarse, -ratios, _BLURS_PX))


def noise_levels(image: UInt8[np.ndarray, "h w *c"]) -> float:
    """Deviation of an image's noise, in levels of 255, from the median second difference along its rows.

    Args:
        image: RGB or grey, 8 bit. Texture as fine as pixels counts as noise, so it is right for blurred images only.
    Example:
        >>> noise = np.random.default_rng(0).normal(100.0, 4.0, (64, 256)).round().astype(np.uint8)
        >>> round(noise_levels(noise))
        4
    """
    rows = _grey_rows(image)
    second = rows[:, :-2] - 2.0 * rows[:, 1:-1] + rows[:, 2:]
    # Independent noise of deviation n gives one of sqrt(1 + 4 + 1) n.
    return float(_DEVIATION_OF_MEDIAN * np.median(np.abs(second)) / np.sqrt(6.0))


def _grey_rows(image: UInt8[np.ndarray, "h w *c"]) -> Float32[np.ndarray, "rows w"]:
    step = -(-int(image.shape[0]) // _MOST_ROWS)
    rows = np.ascontiguousarray(image[::step])
    grey = np.asarray(cv2.cvtColor(rows, cv2.COLOR_RGB2GRAY)) if rows.ndim == 3 else rows
    return grey.astype(np.float32)


def _strongest(rows: Float32[np.ndarray, "rows w"], narrow_px: float, wide_px: float) -> float:
    narrow, wide = (
        cv2.GaussianBlur(rows, (2 * round(3.0 * px) + 1, 1), px, borderType=cv2.BORDER_REPLICATE)
        for px in (narrow_px, wide_px)
    )
    difference = np.abs(np.asarray(narrow) - np.asarray(wide)).ravel()
    place = int(_STRONG * (difference.size - 1))
    return float(np.partition(difference, place)[place])


def _step_response(narrow_px: float, wide_px: float) -> np.ndarray:
    """Largest difference of two Gaussian filters at a step of height 1, for every blur of `_BLURS_PX`."""
    from math import erf

    narrow, wide = (np.hypot(px, _BLURS_PX) for px in (narrow_px, wide_px))
    # Where the two bell curves that are the derivatives cross.
    place = narrow * wide * np.sqrt(2.0 * np.log(wide / narrow) / (wide**2 - narrow**2))
    curves = [np.array([0.5 * erf(x) for x in place / (side * np.sqrt(2.0))]) for side in (narrow, wide)]
    return curves[0] - curves[1]
