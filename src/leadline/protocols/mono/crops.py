"""The published crops: which part of an image counts, because there was no truth beside it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.protocols.rules import Crop

_SHARES: Final[Mapping[Crop, tuple[float, float, float, float]]] = MappingProxyType(
    {
        "garg-crop": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
        "eigen-crop": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    }
)
"""Top, bottom, left, right as shares of height and width."""

_NYU_SIZE: Final = (480, 640)
_NYU_WINDOW: Final = (slice(45, 471), slice(41, 601))


def crop_mask(crop: Crop, height: int, width: int) -> Bool[np.ndarray, "{height} {width}"]:
    """Mask of a crop, true where pixels count.

    The edges of KITTI's crops are truncated to whole pixels; the last one is left out.

    Args:
        crop: Which one.
        height: Rows of the image.
        width: Columns of the image.
    Returns:
        True inside.
    Raises:
        InputError: If the image has another size than the one the crop is defined for.
    Example:
        >>> int(crop_mask("garg-crop", 375, 1242).sum())
        251354

    Source: Garg et al., Unsupervised CNN for Single View Depth Estimation, ECCV 2016, and the crop found to reproduce
        Eigen et al. 2014, both as written in Godard et al., Unsupervised Monocular Depth Estimation with Left-Right
        Consistency, CVPR 2017, evaluate_kitti.py; NYU: Lee et al., From Big to Small (BTS), 2019, bts_eval.py.
    """
    mask = np.zeros((height, width), dtype=bool)
    if crop == "no-crop":
        mask[:] = True
    elif crop == "nyu-crop":
        if (height, width) != _NYU_SIZE:
            raise InputError(
                f"expected images of {_NYU_SIZE} (height, width) for the nyu-crop, got {(height, width)}; "
                "score at the size of the data set, or take a protocol without this crop"
            )
        mask[_NYU_WINDOW] = True
    else:
        top, bottom, left, right = _SHARES[crop]
        mask[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = True
    return mask
