"""The classical matcher whose disparities a guided network sees beside the images."""

from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from leadline.classical import ClassicalStereo

_GUIDE: Final = "sgbm-3way"


def sgbm_prior(
    left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"], max_disparity: int
) -> tuple[Float32[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
    """Disparity of SGBM-3WAY for a pair.

    Args:
        left: Left image.
        right: Right image, of the same size.
        max_disparity: Largest disparity that the network sees in them, px.
    Returns:
        Disparity in px, filled where it found nothing, and 1 where it stands by its value, else 0.

    >>> texture = np.random.default_rng(0).integers(0, 256, (60, 107, 3), dtype=np.uint8)
    >>> disparity, valid = sgbm_prior(texture[:, :100], texture[:, 7:], max_disparity=31)
    >>> float(disparity[30, 50]), int(valid[30, 50])
    (7.0, 1)
    """
    found = ClassicalStereo(_GUIDE, max_disparity)(left, right)
    return found.disparity, found.valid.astype(np.uint8)
