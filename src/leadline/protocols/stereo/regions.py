"""Parts of an image in which stereo fails for different reasons, told by its truth."""

from typing import Final, Literal, get_args

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from leadline.classical.fill import fill_background
from leadline.samples import StereoSample

StereoRegion = Literal["seen", "left strip", "occluded", "edges", "weak"]
"""Parts of an image. Seen is what both cameras see, the left strip lies left of what the right camera sees (column <
disparity), and something nearer hides the occluded part from the right camera. Edges are at most 3 px from a step of
the disparity, and weak is where there is hardly any texture. The first three exclude each other and hold all pixels
with truth; the last two overlap with them."""

REGIONS: Final[tuple[StereoRegion, ...]] = get_args(StereoRegion)

_STEP_PX: Final = 2.0
_REACH_PX: Final = 3
_HIDDEN_BY_PX: Final = 1.0
_TEXTURE_WINDOW_PX: Final = 3
_TEXTURE_THRESHOLD: Final = 4.0


def region_masks(scene: StereoSample) -> dict[StereoRegion, Bool[np.ndarray, "h w"]]:
    """Pixels with truth by region; none where there is no truth.

    Args:
        scene: An image pair with its truth. Where the scene does not say what both cameras see, its truth tells.
    """
    if scene.truth is None:
        return {name: np.zeros(scene.left.shape[:2], dtype=bool) for name in REGIONS}
    disparity, known = scene.truth.disparity, scene.truth.valid
    strip = known & left_strip(disparity)
    hidden = hidden_from_right(disparity, known) if scene.occluded is None else scene.occluded
    masks: tuple[Bool[np.ndarray, "h w"], ...] = (
        known & ~strip & ~hidden,
        strip,
        known & ~strip & hidden,
        known & near_steps(disparity, known),
        known & weakly_textured(scene.left),
    )
    return dict(zip(REGIONS, masks, strict=True))


def left_strip(disparity: Float32[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Left pixels whose partner lies beyond the right image's left border: column < disparity.

    Args:
        disparity: Disparity of the left pixels.
    Example:
        >>> left_strip(np.full((1, 4), 2.0, np.float32)).tolist()
        [[True, True, False, False]]
    """
    columns: Float32[np.ndarray, " w"] = np.arange(int(disparity.shape[1]), dtype=np.float32)
    return columns < disparity


def hidden_from_right(disparity: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Left pixels that land in the right view where something of a disparity more than 1 px larger lands too.

    Args:
        disparity: True disparity of the left pixels.
        known: Where it is known; what is unknown hides nothing.
    """
    count, width = int(disparity.size), int(disparity.shape[1])
    values: Float32[np.ndarray, " n"] = np.where(known, disparity, np.float32(0.0)).ravel()
    pixels: Int[np.ndarray, " n"] = np.arange(count, dtype=np.int64)
    landing: Int[np.ndarray, " n"] = np.rint(pixels - values.astype(np.float64)).astype(np.int64)
    inside: Bool[np.ndarray, " n"] = known.ravel() & (landing >= pixels - pixels % width)
    nearest: Float32[np.ndarray, " n"] = np.full(count, -np.inf, np.float32)
    np.maximum.at(nearest, landing[inside], values[inside])
    hidden = inside & (nearest[np.maximum(landing, 0)] > values + np.float32(_HIDDEN_BY_PX))
    return hidden.reshape(disparity.shape)


def near_steps(disparity: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels at most 3 rows and columns from one whose disparity differs by more than 2 px from its neighbour's.

    Args:
        disparity: True disparity; neighbours are those above, below, left and right.
        known: Where it is known; holes take the farther disparity beside them first.
    """
    filled = fill_background(disparity, known)
    steps = np.zeros(filled.shape, np.uint8)
    across = np.abs(np.diff(filled, axis=1)) > _STEP_PX
    down = np.abs(np.diff(filled, axis=0)) > _STEP_PX
    for first, second, step in ((np.s_[:, :-1], np.s_[:, 1:], across), (np.s_[:-1], np.s_[1:], down)):
        steps[first] |= step
        steps[second] |= step
    side = 2 * _REACH_PX + 1
    return np.asarray(cv2.dilate(steps, np.ones((side, side), np.uint8))) > 0


def weakly_textured(image: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """Pixels around which the squared horizontal grey gradient is below 4 in the mean over 3x3 pixels.

    Args:
        image: RGB.
    Source: Scharstein and Szeliski 2002 (a taxonomy of dense two-frame stereo), section 5.1, with its defaults.
    """
    grey: Float[np.ndarray, "h w"] = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
    gradient = np.diff(grey, axis=1, append=grey[:, -1:])
    side = (_TEXTURE_WINDOW_PX, _TEXTURE_WINDOW_PX)
    return np.asarray(cv2.blur(gradient * gradient, side, borderType=cv2.BORDER_REPLICATE)) < _TEXTURE_THRESHOLD
