"""Numbers out of calibration files: checked, in our units, or refused in one line."""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole

Tree = Mapping[str, object]
"""A parsed file: names to text, lists and further trees. All scalars are text until a reader asks for a number."""

ImageSize = tuple[int, int]
"""(height, width)"""

_LARGEST_SIDE_PX = 1 << 20


def number(value: object, name: str) -> float:
    """A finite number.

    Raises:
        CalibrationError: If it is missing, not a number, or not finite.
    """
    try:
        result = float(cast(str, value))
    except (TypeError, ValueError) as error:
        got = "none" if value is None else f"{str(value)[:40]!r}"
        raise CalibrationError(f"expected a number for {name}, got {got}; check the calibration file") from error
    if not math.isfinite(result):
        raise CalibrationError(f"expected a finite number for {name}, got {result}; check the calibration file")
    return result


def numbers(value: object, name: str, counts: Sequence[int]) -> list[float]:
    """A list of finite numbers, nested lists being read row by row.

    Args:
        value: A list, text with blanks between its numbers, or a group (rows, cols, data) with one of these.
        name: For the message.
        counts: The lengths that are allowed.
    Raises:
        CalibrationError: If it is not such a list.
    Example:
        >>> numbers("-0.12 0 0", "T", counts=(3,)), numbers([[1, 2], [3, 4]], "R", counts=(4,))
        ([-0.12, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0])
    """
    if isinstance(value, dict):
        value = cast(Tree, value).get("data")
    items = value.split() if isinstance(value, str) else value
    flat: list[object] = []
    for item in cast(Sequence[object], items) if isinstance(items, list) else ():
        flat.extend(cast(Sequence[object], item) if isinstance(item, list) else (item,))
    if len(flat) not in counts:
        raise CalibrationError(
            f"expected {' or '.join(map(str, counts))} numbers for {name}, got {len(flat)}; check the calibration file"
        )
    return [number(item, name) for item in flat]


def tree(value: object, name: str) -> Tree:
    """A named group of values.

    Raises:
        CalibrationError: If it is missing or something else.
    """
    if not isinstance(value, dict):
        raise CalibrationError(f"expected a group of values under {name}, got none; check the calibration file")
    return cast(Tree, value)


def pinhole(matrix: Float64[np.ndarray, "3 3"], size: ImageSize, name: str) -> Pinhole:
    """A camera from its intrinsic matrix.

    Raises:
        CalibrationError: If the matrix is not [f 0 c; 0 f c; 0 0 1], or the camera cannot exist.
    """
    ideal = np.array([[matrix[0, 0], 0.0, matrix[0, 2]], [0.0, matrix[1, 1], matrix[1, 2]], [0.0, 0.0, 1.0]])
    if not np.allclose(matrix, ideal, atol=1e-6):
        turned = np.allclose(matrix[[0, 0, 1, 1, 2], [1, 2, 0, 2, 2]], (0.0, 0.0, 0.0, 0.0, 1.0), atol=1e-6)
        got = (
            "a transposed one, column by column as MATLAB and Record3D write it; transpose it"
            if turned
            else ("another matrix; check the calibration file")
        )
        raise CalibrationError(f"expected {name} of the form [fx 0 cx; 0 fy cy; 0 0 1], got {got}")
    focal_x, focal_y, x, y = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return Pinhole(focal_x, focal_y, x, y, *size)


def image_size(height: object, width: object, fallback: ImageSize | None) -> ImageSize:
    """The image size that a file states, or else the one the caller knows.

    Raises:
        CalibrationError: If neither does, or the file's is not a size.
    """
    if height is None or width is None:
        if fallback is None:
            raise CalibrationError("expected the image size, got a calibration without it; pass image_size")
        return fallback
    size = (number(height, "the image height"), number(width, "the image width"))
    if any(side != int(side) or not 0 < side <= _LARGEST_SIDE_PX for side in size):
        raise CalibrationError(f"expected an image size in whole pixels, got {size}; check the calibration file")
    return int(size[0]), int(size[1])
