"""OpenCV's block matching and semi-global matching, with what makes them fair baselines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import Int16, UInt8

from leadline.classical.fill import fill_background
from leadline.errors import InputError, require_whole
from leadline.geometry.image import require_8bit
from leadline.maps import DisparityMap

MATCHERS: Final = ("bm", "sgbm", "sgbm-3way", "sgbm-hh")
"""Names that `ClassicalStereo` takes."""

_SUBPIXEL: Final = 16  # OpenCV's disparities are int16 multiples of 1/16 px
_UNKNOWN: Final = -_SUBPIXEL  # what OpenCV writes where it found no match (minimum disparity 0)
_LARGEST_DISPARITY: Final = 2047  # the range is a multiple of 16, and int16 holds less than 2048 px

# Tuned for bad-1, bad-2 and EPE over Middlebury 2001-2014 scenes, all pixels with truth, dense rule.
_BM_BLOCK: Final = 9
_BM_PREFILTER_CAP: Final = 15
_BM_UNIQUENESS: Final = 7
_SGBM_BLOCK: Final = 3
_SGBM_P1: Final = 2 * _SGBM_BLOCK**2
_SGBM_P2: Final = 12 * _SGBM_BLOCK**2
_SGBM_PREFILTER_CAP: Final = 15
_SGBM_UNIQUENESS: Final = 10
_LEFT_RIGHT_TOLERANCE: Final = _SUBPIXEL
_SPECKLE_SIZE: Final = 100
_SPECKLE_STEP: Final = _SUBPIXEL
_MEDIAN_SIZE: Final = 5

_Grey = UInt8[np.ndarray, "h w"]
# Sizes are not named here, since two different ones are the caller's error and get their own message.
_Image = UInt8[np.ndarray, "_ _ 3"] | UInt8[np.ndarray, "_ _"]
_Raw = Int16[np.ndarray, "h w"]


@final
@dataclass(frozen=True)
class ClassicalStereo:
    """A classical matcher: left-right check, speckle filter, background filling and a small median.

    >>> import numpy as np
    >>> texture = np.random.default_rng(0).integers(0, 256, (60, 107), dtype=np.uint8)
    >>> left, right = texture[:, :100], texture[:, 7:]
    >>> found = ClassicalStereo("sgbm-3way", max_disparity=31)(left, right)
    >>> float(found.disparity[30, 50])
    7.0

    Args:
        name: `bm` (block matching), `sgbm` (5 directions), `sgbm-3way` (3 directions, fastest of the three) or
            `sgbm-hh` (8 directions).
        max_disparity: Largest disparity that is searched, pixels, 1 to 2047. The search covers at least it: it is
            rounded up to whole sixteens, after being cut to the width of the image.

    Raises:
        InputError: If the name is unknown or max_disparity is out of range.

    Source: Hirschmueller 2008 (semi-global matching), as implemented in OpenCV's StereoBM and StereoSGBM.
    """

    name: str
    max_disparity: int = 192

    def __post_init__(self) -> None:
        """Refuses names and ranges that OpenCV cannot serve."""
        if self.name not in MATCHERS:
            raise InputError(f"expected one of {', '.join(MATCHERS)}, got {self.name!r}; choose one of them")
        require_whole(self.max_disparity, "max_disparity")
        if not 1 <= self.max_disparity <= _LARGEST_DISPARITY:
            raise InputError(
                f"expected a max_disparity of 1 to {_LARGEST_DISPARITY} px, got {self.max_disparity}; "
                "match smaller images if the scene has larger disparities"
            )

    def __call__(self, left: np.ndarray, right: np.ndarray) -> DisparityMap:
        """Matches one rectified pair.

        Args:
            left: RGB or grey.
            right: The same size; may be grey where left is RGB.

        Returns:
            Dense disparity; `valid` where both views agree on it, that is, before filling. No confidence: the
            matcher knows no probability.

        Raises:
            InputError: If an image is not 8-bit RGB or grey, or empty, or the sizes differ.
        """
        require_8bit(left, "the left image")
        require_8bit(right, "the right image")
        if left.shape[:2] != right.shape[:2]:
            raise InputError(
                f"expected two images of one size, got {left.shape[1]}x{left.shape[0]} and "
                f"{right.shape[1]}x{right.shape[0]}; "
                "rectify the pair or resize one of them"
            )
        if left.size == 0:
            raise InputError(f"expected images of at least one pixel, got {left.shape[:2]} (height, width)")
        raw = self._matched_both_ways(_grey(left), _grey(right))
        valid = raw >= 0
        disparity = fill_background(raw.astype(np.float32) / _SUBPIXEL, valid)
        return DisparityMap(np.asarray(cv2.medianBlur(disparity, _MEDIAN_SIZE)), valid)

    def _matched_both_ways(self, left: _Grey, right: _Grey) -> _Raw:
        """Raw left-view disparity that the right view confirms; _UNKNOWN elsewhere."""
        # A match can be no farther away than the image is wide.
        searched = min(int(self.max_disparity), left.shape[1])
        count = -(-(searched + 1) // 16) * 16
        compute = _block_matcher(count) if self.name == "bm" else _semi_global_matcher(self.name, count)
        from_left = _padded_match(compute, left, right, count)
        # Mirrored, the right view is the left one of a pair, so one matcher serves both directions.
        from_right = _padded_match(compute, right[:, ::-1], left[:, ::-1], count)[:, ::-1]
        raw = _left_right_checked(from_left, from_right)
        return np.asarray(cv2.filterSpeckles(raw, _UNKNOWN, _SPECKLE_SIZE, _SPECKLE_STEP)[0])


def _grey(image: _Image) -> _Grey:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def _block_matcher(count: int) -> Callable[[_Grey, _Grey], _Raw]:
    matcher = cv2.StereoBM.create(count, _BM_BLOCK)
    matcher.setPreFilterType(cv2.StereoBM_PREFILTER_XSOBEL)
    matcher.setPreFilterCap(_BM_PREFILTER_CAP)
    matcher.setUniquenessRatio(_BM_UNIQUENESS)
    return lambda left, right: np.asarray(matcher.compute(left, right), np.int16)


def _semi_global_matcher(name: str, count: int) -> Callable[[_Grey, _Grey], _Raw]:
    modes = {
        "sgbm": cv2.StereoSGBM_MODE_SGBM,
        "sgbm-3way": cv2.StereoSGBM_MODE_SGBM_3WAY,
        "sgbm-hh": cv2.StereoSGBM_MODE_HH,
    }
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=count,
        blockSize=_SGBM_BLOCK,
        P1=_SGBM_P1,
        P2=_SGBM_P2,
        preFilterCap=_SGBM_PREFILTER_CAP,
        uniquenessRatio=_SGBM_UNIQUENESS,
        mode=modes[name],
    )
    return lambda left, right: np.asarray(matcher.compute(left, right), np.int16)


def _padded_match(compute: Callable[[_Grey, _Grey], _Raw], left: _Grey, right: _Grey, count: int) -> _Raw:
    """Matches with a margin, since OpenCV leaves the first `count` columns and a half block at each edge empty."""
    half = max(_BM_BLOCK, _SGBM_BLOCK) // 2
    height, width = left.shape
    # Below this size OpenCV refuses or reads beside the image.
    bottom, side = max(half, 2 * _BM_BLOCK - height), max(half, 2 * _BM_BLOCK - width)
    border = (half, bottom, count + half, side)
    padded = [cv2.copyMakeBorder(view, *border, cv2.BORDER_REPLICATE) for view in (left, right)]
    found = np.asarray(compute(np.asarray(padded[0]), np.asarray(padded[1])))
    return found[half : half + height, count + half : count + half + width]


def _left_right_checked(from_left: _Raw, from_right: _Raw) -> _Raw:
    """Keeps a left-view disparity whose match in the right view points back to it within the tolerance."""
    width: int = from_left.shape[1]
    target = np.arange(width) - np.rint(from_left / _SUBPIXEL).astype(np.int64)
    inside = target >= 0
    back = np.take_along_axis(from_right, np.clip(target, 0, width - 1), axis=1)
    agrees = np.abs(from_left.astype(np.int32) - back) <= _LEFT_RIGHT_TOLERANCE
    return np.where((from_left >= 0) & inside & agrees, from_left, np.int16(_UNKNOWN))
