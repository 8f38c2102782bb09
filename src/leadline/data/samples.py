"""The sample types that datasets yield: what was seen, and what is true about it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int32, UInt8

from leadline.geometry.camera import Pinhole
from leadline.maps import DepthKind


@dataclass(frozen=True)
class StereoSample:
    """One rectified pair with its truth; ``x_right = x_left - disparity``, pixel centres are integers.

    Attributes:
        left: Left image, RGB.
        right: Right image, RGB.
        disparity: Pixels of the left image, positive; meaningless where not ``valid``.
        valid: Where ``disparity`` is known.
        occluded: Left pixels that are hidden in the right image or fall outside it.
        right_disparity: Disparity of the right image's pixels (``x_left = x_right + right_disparity``), or None.
        right_valid: Where ``right_disparity`` is known, or None.
        right_occluded: Right pixels that are hidden in the left image or fall outside it, or None.
    """

    left: UInt8[np.ndarray, "h w 3"]
    right: UInt8[np.ndarray, "h w 3"]
    disparity: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    occluded: Bool[np.ndarray, "h w"]
    right_disparity: Float32[np.ndarray, "h w"] | None = None
    right_valid: Bool[np.ndarray, "h w"] | None = None
    right_occluded: Bool[np.ndarray, "h w"] | None = None


@dataclass(frozen=True)
class DepthSample:
    """One image with what is known of its depth.

    Attributes:
        image: RGB.
        depth: What ``annotation`` says, finite; meaningless where not ``valid``.
        valid: Where ``depth`` is known.
        annotation: metric is metres along the optical axis; up_to_scale an unknown multiple of them; affine_inverse
            is s/Z + t with unknown s > 0 and t, so larger is nearer; affine_depth is s Z + t.
        key: The sample's name within its dataset.
        camera: The camera that saw it; None where it is not known or no pinhole describes it.
    """

    image: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    annotation: DepthKind
    key: str
    camera: Pinhole | None = None


@dataclass(frozen=True)
class OrdinalSample:
    """One image with pairs of points of which it is known which is farther.

    Attributes:
        image: RGB.
        first: Columns and rows (x, y) of the first points.
        second: Columns and rows of the second points.
        relation: sign(Z_first - Z_second): 1 where the first is farther, -1 where it is nearer, 0 where both are alike.
        key: The sample's name within its dataset.
        annotation: Always ordinal: nothing else is known of the depth.
    """

    image: UInt8[np.ndarray, "h w 3"]
    first: Int32[np.ndarray, "n 2"]
    second: Int32[np.ndarray, "n 2"]
    relation: Int8[np.ndarray, "n"]
    key: str
    annotation: Literal["ordinal"] = "ordinal"
