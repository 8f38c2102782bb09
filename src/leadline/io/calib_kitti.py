"""KITTI's calib.txt: projection matrices of the rectified cameras."""

import logging
import re

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.io.calib_found import METRES, Calibration, LengthUnit
from leadline.io.calib_projections import rig_from_projections
from leadline.io.calib_values import ImageSize, image_size, numbers

_log = logging.getLogger(__name__)
_LINE = re.compile(r"^[ \t]*(\w+)[ \t]*:(.*)$", re.MULTILINE)
_NUMBER = r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?"
# Also ROS, OpenCV and YAML files in general have P1 and P2: only numbers on the same line, without brackets, are
# KITTI's.
_BEGIN = re.compile(rf"^[ \t]*P(?:[0-3]|_rect_\d{{2,3}})[ \t]*:[ \t]*(?:{_NUMBER}[ \t]|\r?$)", re.MULTILINE)
_BARE = re.compile(rf"\s*(?:{_NUMBER}[ \t]+){{11}}{_NUMBER}[ \t]*\r?\n\s*(?:{_NUMBER}[ \t]+){{11}}{_NUMBER}\s*")
_COLOUR, _GREY, _CAR = (2, 3, "colour"), (0, 1, "grey"), (101, 103, "rectified")
_DEFAULT_UNIT = LengthUnit(METRES["m"], "m, as KITTI has it", stated=False)


def is_kitti(text: str) -> bool:
    """Whether the text has lines P0: to P3: or P_rect_NN: of numbers, or is two bare rows of 12 numbers."""
    return "opencv-matrix" not in text and (_BEGIN.search(text) is not None or _BARE.fullmatch(text) is not None)


def parse_kitti(text: str, size: ImageSize | None, unit: LengthUnit | None = None, grey: bool = False) -> Calibration:
    r"""A rectified rig from two of KITTI's projection matrices P = K [I | t].

    Colour cameras 2 and 3 are taken where the file has both, else the grey ones 0 and 1; grey images turn that round.
    Their focal lengths are the same, their baselines differ by 1 % (0.533 and 0.537 m). The files of the stereo and
    odometry benchmarks do not state the image size. DrivingStereo's files have the same lines for cameras 101 and 103.

    Args:
        text: The file's content.
        size: (height, width), for a file that does not state it.
        unit: Of the translations; metres if absent.
        grey: Whether the images are grey.
    Raises:
        CalibrationError: If no pair is complete, or the numbers are impossible.
    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013, section on calibration; Yang et al.,
        "DrivingStereo", CVPR 2019.
    Example:
        >>> text = "P2: 700 0 600 0 0 700 180 0 0 0 1 0\nP3: 700 0 600 -350 0 700 180 0 0 0 1 0"
        >>> parse_kitti(text, size=(375, 1242)).rectified.baseline_m  # 350 / 700
        0.5
    """
    taken_as = unit or _DEFAULT_UNIT
    fields = {name: value.strip() for name, value in _LINE.findall(text)}
    if not fields:
        rows = text.split("\n")
        left, right = (_projection(row, "a projection matrix") for row in [row for row in rows if row.strip()][:2])
        rig, notes = rig_from_projections(left, right, image_size(None, None, size), taken_as)
        return Calibration("KITTI calibration", rig, notes=notes)
    pairs = [_whole_pair(fields, pair) for pair in ((_GREY, _COLOUR, _CAR) if grey else (_COLOUR, _GREY, _CAR))]
    whole = [pair for pair in pairs if pair is not None]
    if not whole:
        raise CalibrationError("expected P2 and P3, or P0 and P1, got no whole pair; check the calibration file")
    (first, second, kind), names = whole[0]
    _log.info("KITTI calibration: %s cameras %d and %d", kind, first, second)
    stated = fields.get(f"S_rect_{first:02d}")
    width, height = numbers(stated, "S_rect", (2,)) if stated else (None, None)
    left, right = (_projection(fields[name], name) for name in names)
    notes = tuple[str, ...]()
    if len(whole) > 1:
        notes += (f"{kind} cameras {first} and {second} taken of several pairs",)
    if first == _CAR[0]:
        right, moved = _true_translation(fields, left, right, second)
        notes += moved
    rig, more = rig_from_projections(left, right, image_size(height, width, size), taken_as)
    return Calibration("KITTI calibration", rig, notes=(*notes, *more))


_Pair = tuple[int, int, str]


def _whole_pair(fields: dict[str, str], pair: _Pair) -> tuple[_Pair, tuple[str, str]] | None:
    for form in ("P{}", "P_rect_{:02d}"):
        names = form.format(pair[0]), form.format(pair[1])
        if all(name in fields for name in names):
            return pair, names
    return None


def _true_translation(
    fields: dict[str, str], left: Float64[np.ndarray, "3 4"], right: Float64[np.ndarray, "3 4"], second: int
) -> tuple[Float64[np.ndarray, "3 4"], tuple[str, ...]]:
    """DrivingStereo's half-size files keep the full size's f t in P; the distance of the cameras T is right in both."""
    stated = fields.get(f"T_{second:03d}")
    if stated is None:
        return right, ()
    length = float(np.linalg.norm(numbers(stated, f"T_{second}", (3,))))
    projected = float(left[0, 3] - right[0, 3]) / float(right[0, 0] or np.nan)
    if not np.isfinite(projected) or length == 0 or abs(projected / length - 1.0) < 0.05:
        return right, ()
    mended = right.copy()
    mended[0, 3] = left[0, 3] - length * right[0, 0]
    return mended, (
        f"P_rect_{second} says {projected:.4f} m, T_{second} {length:.4f} m: T taken (P is that of the full size)",
    )


def _projection(text: str, name: str) -> Float64[np.ndarray, "3 4"]:
    return np.array(numbers(text, name, (12,))).reshape(3, 4)
