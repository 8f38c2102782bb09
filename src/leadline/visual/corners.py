"""Found board corners drawn on the images of a calibration."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

_LARGEST_SIDE_PX = 1000
_GAP_PX = 10


def corner_sheet(
    images: tuple[UInt8[np.ndarray, "_ _"], UInt8[np.ndarray, "_ _"]],
    corners: tuple[Sequence[Float32[np.ndarray, "_ 2"]], Sequence[Float32[np.ndarray, "_ 2"]]],
) -> UInt8[np.ndarray, "h w 3"]:
    """Left and right image side by side with the corners of all views, one colour a view, as dots joined by lines.

    What is bare of dots was not calibrated.

    Args:
        images: One grey image of each camera, for the background.
        corners: Corners of each view in the images of the left and of the right camera.
    Example:
        >>> grey = np.zeros((40, 60), np.uint8)
        >>> corner_sheet((grey, grey), ([], [])).shape
        (40, 130, 3)
    """
    panels = [_panel(image, views) for image, views in zip(images, corners, strict=True)]
    height = max(panel.shape[0] for panel in panels)
    padded = [
        cv2.copyMakeBorder(p, 0, height - p.shape[0], 0, _GAP_PX, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        for p in panels
    ]
    return np.ascontiguousarray(np.hstack(padded)[:, :-_GAP_PX], dtype=np.uint8)


def _panel(
    image: UInt8[np.ndarray, "h w"], views: Sequence[Float32[np.ndarray, "_ 2"]]
) -> UInt8[np.ndarray, "h2 w2 3"]:
    scale = min(1.0, _LARGEST_SIDE_PX / max(image.shape))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    panel = np.repeat((small // 2 + 96)[..., None], 3, axis=2).astype(np.uint8)
    for index, points in enumerate(views):
        hue = np.uint8(round(180 * index / max(len(views), 1)))
        color = cv2.cvtColor(np.array([[[hue, 255, 220]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0].tolist()
        places = np.rint((points + 0.5) * scale - 0.5).astype(np.int32)
        cv2.polylines(panel, [places.reshape(-1, 1, 2)], False, color, 1, cv2.LINE_AA)
        for x, y in places.tolist():
            cv2.circle(panel, (x, y), 3, color, -1, cv2.LINE_AA)
    return panel
