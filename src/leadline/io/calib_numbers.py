"""Calibrations of bare numbers: an intrinsic matrix, and a baseline below it (FoundationStereo's K.txt)."""

import re

import numpy as np

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.calib_found import METRES, Calibration, LengthUnit, check_baseline
from leadline.io.calib_values import ImageSize, image_size, numbers, pinhole

_DEFAULT_UNIT = LengthUnit(METRES["m"], "metres", stated=False)
_COMMENT = re.compile(r"(?:#|//)[^\n]*")
_NUMBERS = re.compile(r"[-+0-9.eE\s,;\[\]]+")


def bare_numbers(text: str) -> list[float] | None:
    r"""The numbers of a text that holds nothing else but comments behind # or //; None where it does.

    Example:
        >>> bare_numbers("# fx fy cx cy\n525 525 319.5 239.5")
        [525.0, 525.0, 319.5, 239.5]
    """
    text = _COMMENT.sub("", text)
    if not _NUMBERS.fullmatch(text):
        return None
    words = re.sub(r"[,;\[\]]", " ", text).split()
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def parse_matrix_and_baseline(values: list[float], size: ImageSize | None, unit: LengthUnit | None) -> Calibration:
    """The rectified cameras of a K.txt: nine numbers of the intrinsic matrix, then the baseline.

    Args:
        values: Ten numbers.
        size: (height, width) of the images; the file does not state it.
        unit: Of the baseline; metres if absent.
    Raises:
        CalibrationError: If the numbers are impossible.
    Source: Wen et al., "FoundationStereo", CVPR 2025, its demonstration's K.txt.
    Example:
        >>> values = bare_numbers("500 0 320 0 500 240 0 0 1 0.12")
        >>> parse_matrix_and_baseline(values, (480, 640), None).rectified.baseline_m
        0.12
    """
    camera, taken_as = matrix_camera(values[:9], size), unit or _DEFAULT_UNIT
    length = numbers([values[9]], "the baseline", (1,))[0]
    notes = check_baseline(abs(length), taken_as)
    return Calibration("K.txt with a baseline", StereoRig(camera, camera, length * taken_as.metres), notes=notes)


def matrix_camera(values: list[float], size: ImageSize | None) -> Pinhole:
    """The camera of an intrinsic matrix: its 9 numbers row by row, 12 or 16 of a matrix with a fourth column, or 4.

    TUM writes f_x f_y c_x c_y; ScanNet 4x4 matrices.

    Raises:
        CalibrationError: If it is none, or the size is not known.
    """
    if len(values) == 4:
        focal_x, focal_y, x, y = numbers(list(values), "f_x f_y c_x c_y", (4,))
        return Pinhole(focal_x, focal_y, x, y, *image_size(None, None, size))
    flat = np.array(numbers(list(values), "an intrinsic matrix", (9, 12, 16)))
    whole = flat.reshape(-1, 3 if flat.size == 9 else 4)
    matrix, rest = whole[:3, :3], whole[:3, 3:]
    if rest.any() or (len(whole) == 4 and not np.array_equal(whole[3], (0.0, 0.0, 0.0, 1.0))):
        raise CalibrationError(
            "expected an intrinsic matrix with a fourth column of 0, got another one; a pose or projection is no camera"
        )
    return pinhole(np.ascontiguousarray(matrix), image_size(None, None, size), "the matrix")
