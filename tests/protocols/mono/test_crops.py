import numpy as np
import pytest

from leadline.errors import InputError
from leadline.protocols.mono.crops import crop_mask
from leadline.protocols.rules import Crop


def window(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a mask that is one rectangle."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    assert mask[top:bottom, left:right].all()
    return int(top), int(bottom), int(left), int(right)


@pytest.mark.parametrize(
    ("crop", "size", "expected"),
    [
        # 0.40810811 * 375 = 153.04 and 0.99189189 * 375 = 371.96; of 1242 columns, 44.6 and 1197.4.
        ("garg-crop", (375, 1242), (153, 371, 44, 1197)),
        # 0.3324324 * 375 = 124.7, 0.91351351 * 375 = 342.6.
        ("eigen-crop", (375, 1242), (124, 342, 44, 1197)),
        # The shares were found on this size, for 151, 367, 44 and 1180: truncation takes a pixel of two of them.
        ("garg-crop", (370, 1224), (151, 366, 43, 1180)),
        # 123, 338, 44 and 1180, likewise.
        ("eigen-crop", (370, 1224), (122, 337, 43, 1180)),
        ("nyu-crop", (480, 640), (45, 471, 41, 601)),
        ("no-crop", (3, 4), (0, 3, 0, 4)),
    ],
)
def test_edges(crop: Crop, size: tuple[int, int], expected: tuple[int, int, int, int]) -> None:
    mask = crop_mask(crop, *size)
    assert mask.shape == size
    assert window(mask) == expected


def test_nyu_crop_is_in_pixels_of_its_size() -> None:
    with pytest.raises(InputError, match="nyu-crop"):
        crop_mask("nyu-crop", 240, 320)
