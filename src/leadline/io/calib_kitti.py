"""KITTI's calib.txt: projection matrices of the rectified cameras."""

import logging
import re

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.rig import StereoRig
from leadline.io.calib_values import ImageSize, image_size, numbers, pinhole

_log = logging.getLogger(__name__)
_LINE = re.compile(r"^[ \t]*(\w+)[ \t]*:(.*)$", re.MULTILINE)
_BEGIN = re.compile(r"^[ \t]*P(?:_rect_0)?[0-3][ \t]*:", re.MULTILINE)
_NUMBER = r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?"
_BARE = re.compile(rf"\s*(?:{_NUMBER}[ \t]+){{11}}{_NUMBER}[ \t]*\r?\n\s*(?:{_NUMBER}[ \t]+){{11}}{_NUMBER}\s*")
_PAIRS = ((2, 3, "colour"), (0, 1, "grey"))


def is_kitti(text: str) -> bool:
    """Whether the text has lines P0: to P3: or P_rect_00: to P_rect_03:, or is two bare rows of 12 numbers."""
    return _BEGIN.search(text) is not None or _BARE.fullmatch(text) is not None


def parse_kitti(text: str, size: ImageSize | None) -> StereoRig:
    """A rectified rig from two of KITTI's projection matrices P = K [I | t].

    Colour cameras 2 and 3 are taken where the file has both, else the grey ones 0 and 1; the log (level info) says
    which. Their focal lengths are the same, their baselines differ by 1 % (0.533 and 0.537 m). The files of the stereo
    and odometry benchmarks do not state the image size.

    Args:
        text: The file's content.
        size: (height, width), for a file that does not state it.
    Raises:
        CalibrationError: If no pair is complete, or the numbers are impossible.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013, section on calibration.
    """
    fields = {name: value.strip() for name, value in _LINE.findall(text)}
    if not fields:
        rows = text.split("\n")
        left, right = (_projection(row, "a projection matrix") for row in [row for row in rows if row.strip()][:2])
        return _rig(left, right, image_size(None, None, size))
    for first, second, kind in _PAIRS:
        for form in ("P{}", "P_rect_{:02d}"):
            names = (form.format(first), form.format(second))
            if all(name in fields for name in names):
                _log.info("KITTI calibration: %s cameras %d and %d", kind, first, second)
                stated = fields.get(f"S_rect_{first:02d}")
                width, height = numbers(stated, "S_rect", (2,)) if stated else (None, None)
                left, right = (_projection(fields[name], name) for name in names)
                return _rig(left, right, image_size(height, width, size))
    raise CalibrationError("expected P2 and P3, or P0 and P1, got no whole pair; check the calibration file")


def _projection(text: str, name: str) -> Float64[np.ndarray, "3 4"]:
    return np.array(numbers(text, name, (12,))).reshape(3, 4)


def _rig(left: Float64[np.ndarray, "3 4"], right: Float64[np.ndarray, "3 4"], size: ImageSize) -> StereoRig:
    """The baseline is the difference of t_x = (P[0, 3] - cx P[2, 3]) / f, which follows from P = K [I | t]."""
    cameras = [pinhole(matrix[:, :3], size, "a projection matrix") for matrix in (left, right)]
    places = [
        (matrix[0, 3] - camera.center_x_px * matrix[2, 3]) / camera.focal_x_px
        for matrix, camera in zip((left, right), cameras, strict=True)
    ]
    return StereoRig(cameras[0], cameras[1], float(places[0] - places[1]))
