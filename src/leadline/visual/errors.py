"""Error maps: where a disparity is wrong, and by how much."""

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.metrics.disparity import absolute_error, has_prediction
from leadline.visual.text import draw_text, text_size

CORRECT_PX = 2.0
"""Error at which the colours turn from blue to yellow: the threshold of bad-2."""

UNKNOWN_RGB = (0, 0, 0)
MISSING_RGB = (150, 150, 150)

# The palette of KITTI's logarithmic error maps. A colour holds from its bound on: a multiple of CORRECT_PX.
_BOUNDS = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0, 16.0)
_COLORS = np.array(
    [
        (49, 54, 149),
        (69, 117, 180),
        (116, 173, 209),
        (171, 217, 233),
        (224, 243, 248),
        (254, 224, 144),
        (253, 174, 97),
        (244, 109, 67),
        (215, 48, 39),
        (165, 0, 38),
    ],
    dtype=np.uint8,
)


def error_map(
    prediction: DisparityMap, truth: DisparityMap, correct_px: float = CORRECT_PX, grow: bool = False
) -> UInt8[np.ndarray, "h w 3"]:
    """Logarithmic error colours: blues are below the threshold, yellow to red above it; each step doubles the error.

    Black is unknown truth, grey no prediction and no guess either. `error_legend` draws the scale.

    Args:
        prediction: What a method says.
        truth: Valid where known.
        correct_px: Error at which blue turns to yellow.
        grow: Spread each colour over the 3x3 pixels around it, as KITTI does, so that sparse truth can be seen.
    Returns:
        RGB.
    Raises:
        InputError: If the sizes differ or the threshold is not positive.
    Example:
        >>> truth = DisparityMap(np.full((1, 2), 9.0, np.float32), np.ones((1, 2), bool))
        >>> found = DisparityMap(np.array([[9.0, 13.0]], np.float32), np.ones((1, 2), bool))
        >>> error_map(found, truth)[0].tolist()
        [[49, 54, 149], [254, 224, 144]]
    """
    if prediction.disparity.shape != truth.disparity.shape:
        raise InputError(
            f"expected prediction and truth of one size, got {prediction.disparity.shape} and {truth.disparity.shape}"
        )
    if not correct_px > 0:
        raise InputError(f"expected a positive error threshold in pixels, got {correct_px}")
    predicted = has_prediction(prediction)
    both = predicted & truth.valid
    error = np.zeros(truth.disparity.shape)
    error[both] = absolute_error(prediction.disparity[both], truth.disparity[both])
    return error_colours(error, predicted, truth.valid, correct_px, grow)


def error_colours(
    error: Float64[np.ndarray, "h w"],
    predicted: Bool[np.ndarray, "h w"],
    known: Bool[np.ndarray, "h w"],
    correct_px: float = CORRECT_PX,
    grow: bool = False,
) -> UInt8[np.ndarray, "h w 3"]:
    """Colours of errors, as `error_map` has them.

    Args:
        error: Pixels, >= 0; read where predicted and known.
        predicted: Where there is a prediction.
        known: Where truth is known.
        correct_px: Error at which blue turns to yellow.
        grow: Spread each colour over the 3x3 pixels around it.
    """
    # A colour starts at its bound, except yellow, which starts above it: bad-t counts errors above t.
    finite = np.where(predicted & known, error, 0.0)
    steps = np.searchsorted(np.array(_BOUNDS) * correct_px, finite, side="left")
    image = _COLORS[np.clip(steps - 1, 0, len(_COLORS) - 1)]
    image[known & ~predicted] = MISSING_RGB
    image[~known] = UNKNOWN_RGB
    return _grown(image, known) if grow else image


def error_legend(width: int, height: int = 44, correct_px: float = CORRECT_PX) -> UInt8[np.ndarray, "height width 3"]:
    """The scale of the error maps as a strip, for the foot of a sheet.

    Args:
        width: Pixels.
        height: Pixels.
        correct_px: As for `error_map`.
    Returns:
        RGB on white.
    """
    strip = np.full((height, width, 3), 255, dtype=np.uint8)
    labels = [f"{bound * correct_px:.3g}" for bound in _BOUNDS]
    boxes = [*zip(_COLORS, labels, strict=True), (MISSING_RGB, "no prediction"), (UNKNOWN_RGB, "no truth")]
    scale = 0.45
    title = "error in px, from"
    x = 10 + text_size(title, scale)[0] + 10
    draw_text(strip, title, (10, height - 7), scale)
    # The named boxes are wider than the ten numbered ones.
    unit = max((width - x - 10) / (len(_COLORS) + 2 * 2.4), 4.0)
    left = float(x)
    for color, label in boxes:
        box_width = unit * (2.4 if label.startswith("no ") else 1.0)
        strip[6 : height // 2, round(left) : round(left + box_width) - 1] = color
        draw_text(strip, label, (round(left) + 2, height - 7), scale)
        left += box_width
    return strip


def _grown(image: UInt8[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Fills each unknown pixel from a known one among its eight neighbours."""
    grown = image.copy()
    open_pixels = ~known
    height, width = known.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    padded_known = np.pad(known, 1)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        rows, columns = slice(1 + dy, 1 + dy + height), slice(1 + dx, 1 + dx + width)
        take = open_pixels & padded_known[rows, columns]
        grown[take] = padded[rows, columns][take]
        open_pixels &= ~take
    return grown
