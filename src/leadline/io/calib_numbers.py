"""Calibrations of bare numbers: an intrinsic matrix, and a baseline below it (FoundationStereo's K.txt)."""

import re

import numpy as np

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.calib_found import METRES, Calibration, LengthUnit, check_baseline
from leadline.io.calib_values import ImageSize, image_size, numbers, pinhole

_DEFAULT_UNIT = LengthUnit(METRES["m"], "metres", stated=False)
_NUMBERS = re.compile(r"[-+0-9.eE\s,;\[\]]+")


def bare_numbers(text: str) -> list[float] | None:
    """The numbers of a text that holds nothing else; None where it does."""
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
    """The camera of an intrinsic matrix, row by row.

    Raises:
        CalibrationError: If it is none, or the size is not known.
    """
    if len(values) != 9:
        raise CalibrationError(f"expected the nine numbers of an intrinsic matrix, got {len(values)}; check the file")
    matrix = np.array(numbers(list(values), "the matrix", (9,))).reshape(3, 3)
    return pinhole(matrix, image_size(None, None, size), "the matrix")
