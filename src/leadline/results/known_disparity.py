"""Disparity that is given for a pair, held against what the images themselves say."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.classical import ClassicalStereo
from leadline.errors import InputError
from leadline.maps import DisparityMap

_MATCHED_WIDTH_PX: Final = 480
_LEAST_PIXELS: Final = 400
_LEAST_PX: Final = 2.0
"""Disparities below say too little of a scale."""
_TOLERANCE_PX: Final = 1.5
_TOLERANCE: Final = 0.05
_AGREES: Final = 0.5
_DISAGREES: Final = 0.35
_SURE: Final = 0.75
_MUCH_MORE: Final = 0.3
"""Share of pixels by which another scale must agree better to be believed."""
_INVERSE: Final = -0.5
_CODES: Final = {16.0: "OpenCV's fixed point, sixteenths of a pixel", 256.0: "KITTI's code, 1/256 px"}
_CODE_TOLERANCE: Final = 0.1


@dataclass(frozen=True, eq=False)
class _Compared:
    """Given and matched disparity where both are known, in pixels of one size."""

    given: Float32[np.ndarray, " n"]
    matched: Float32[np.ndarray, " n"]

    def agreement(self, factor: float) -> float:
        """The share of pixels where the given disparity over a factor is the matched one."""
        gap = np.abs(self.given / factor - self.matched)
        return float(np.mean(gap <= np.maximum(_TOLERANCE_PX, _TOLERANCE * self.matched)))


def in_pixels(
    given: DisparityMap, left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"]
) -> tuple[DisparityMap, tuple[str, ...]]:
    """The given disparity in pixels, if the images do not contradict it.

    The pair is matched by SGBM-3WAY at a small size. A given map that agrees only after a division by 16 or 256 is
    divided; one that agrees only after another factor, or falls where the matched one rises, is refused.

    Args:
        given: The disparity of the left image.
        left: The left image.
        right: The right image.
    Returns:
        The disparity, and notes on what was changed.
    Raises:
        InputError: If it is of another size, depth, the right image's, or of another scale.
    Example:
        >>> left = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
        >>> right = np.roll(left, -8, axis=1)
        >>> sixteenths = DisparityMap(np.full((120, 160), 128.0, np.float32), np.ones((120, 160), bool))
        >>> float(in_pixels(sixteenths, left, right)[0].disparity[0, 0])
        8.0
    """
    if given.disparity.shape != left.shape[:2]:
        raise InputError(
            f"expected a disparity of the images' size {left.shape[1]}x{left.shape[0]}, got "
            f"{given.disparity.shape[1]}x{given.disparity.shape[0]}; give that of these images"
        )
    pairs = _compared(given, left, right)
    if pairs is None or pairs.agreement(1.0) >= _SURE:
        return given, ()
    factor = float(np.median(pairs.given / pairs.matched))
    falls = _rank_correlation(pairs) < _INVERSE
    # A scene of few distances agrees with a wrong scale here and there.
    agrees = pairs.agreement(1.0) >= _DISAGREES
    if agrees and not falls and pairs.agreement(factor) < pairs.agreement(1.0) + _MUCH_MORE:
        return given, ()
    code = next((code for code in _CODES if abs(factor / code - 1.0) < _CODE_TOLERANCE), None)
    if code is not None and pairs.agreement(code) >= _AGREES:
        divided = DisparityMap((given.disparity / np.float32(code)).astype(np.float32), given.valid)
        return divided, (f"the given disparity is {factor:.1f} times that of the images: taken as {_CODES[code]}",)
    if falls:
        raise InputError(
            "expected a disparity, larger where things are nearer, got values that fall where the images' disparity "
            "rises: "
            "depth; turn it into disparity, focal length times baseline over depth"
        )
    if factor > 0 and pairs.agreement(factor) >= _AGREES:
        raise InputError(
            f"expected a disparity in pixels of these images, got {factor:.3g} times what the images say; divide it by "
            f"{factor:.3g}, or give the images it was made from"
        )
    return given, ("the given disparity agrees with the images hardly anywhere: check that it belongs to this pair",)


def _compared(
    given: DisparityMap, left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"]
) -> _Compared | None:
    """Values where both are known, at a small size; None where that is too little."""
    height, width = left.shape[:2]
    scale = min(1.0, _MATCHED_WIDTH_PX / width)
    size = max(16, round(width * scale)), max(16, round(height * scale))
    small = [np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA), np.uint8) for view in (left, right)]
    found = ClassicalStereo("sgbm-3way", max(16, min(size[0] // 2, 256)))(small[0], small[1])
    ratio = np.float32(size[0] / width)
    nearest = cv2.resize(given.disparity, size, interpolation=cv2.INTER_NEAREST) * ratio
    known = cv2.resize(given.valid.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    both = known & found.valid & (found.disparity >= _LEAST_PX) & (nearest > 0)
    if both.sum() < _LEAST_PIXELS:
        return None
    return _Compared(np.asarray(nearest[both], np.float32), found.disparity[both])


def _rank_correlation(pairs: _Compared) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (pairs.given, pairs.matched)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
