"""Middlebury's calib.txt: the calibration form of its 2014 images, of ETH3D's two-view set, and of our own output."""

import math
import re
from pathlib import Path

import numpy as np

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.atomic import atomic_write
from leadline.io.calib_found import METRES, Calibration, LengthUnit, check_baseline
from leadline.io.calib_values import ImageSize, image_size, number, numbers, pinhole

_LINE = re.compile(r"^[ \t]*(\w+)[ \t]*=(.*)$", re.MULTILINE)
_BEGIN = re.compile(r"^[ \t]*(cam0|cam1|baseline|doffs|ndisp)[ \t]*=", re.MULTILINE)

_DEFAULT_UNIT = LengthUnit(METRES["mm"], "mm, as Middlebury has it", stated=False)


def is_middlebury(text: str) -> bool:
    """Whether the text has one of the form's own lines."""
    return _BEGIN.search(text) is not None


def parse_middlebury(text: str, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    r"""A rectified rig: `cam0=[f 0 cx; 0 f cy; 0 0 1]`, cam1, doffs (px), baseline (mm), width, height.

    cam1 may be missing where doffs is given, doffs where cam1 is. ndisp says how many disparities there are, from 0 on;
    where it is missing, doffs says how far below 0 they may reach: what is far away has -doffs.

    Args:
        text: The file's content.
        size: (height, width), for a file that does not state it.
        unit: Of the baseline; millimetres if absent.
    Raises:
        CalibrationError: If something is missing, contradictory or impossible.
    Source: Middlebury Stereo Datasets 2014, description of calib.txt.
    Example:
        >>> text = "cam0=[500 0 320; 0 500 240; 0 0 1]\ndoffs=10\nbaseline=120\nwidth=640\nheight=480"
        >>> rig = parse_middlebury(text, None).rectified
        >>> rig.baseline_m, rig.right.center_x_px
        (0.12, 330.0)
    """
    fields = {name: value.strip() for name, value in _LINE.findall(text)}
    for name in ("cam0", "baseline"):
        if name not in fields:
            raise CalibrationError(f"expected a line {name}=, got none; add it to the calibration file")
    if "cam1" not in fields and "doffs" not in fields:
        raise CalibrationError("expected a line cam1= or doffs=, got neither; add one to the calibration file")
    found = image_size(fields.get("height"), fields.get("width"), size)
    left = _camera(fields["cam0"], found, "cam0")
    doffs = number(fields["doffs"], "doffs") if "doffs" in fields else None
    if "cam1" in fields:
        right = _camera(fields["cam1"], found, "cam1")
        gap = right.center_x_px - left.center_x_px
        if doffs is not None and abs(gap - doffs) > 0.5:
            raise CalibrationError(
                f"expected doffs to be cam1's center minus cam0's, {gap:.3f} px, got {doffs}; correct one of them"
            )
    else:
        shifted = left.center_x_px + (doffs or 0.0)
        right = Pinhole(left.focal_x_px, left.focal_y_px, shifted, left.center_y_px, *found)
    length, taken_as = number(fields["baseline"], "baseline"), unit or _DEFAULT_UNIT
    notes = check_baseline(abs(length), taken_as)
    rig = StereoRig(left, right, length * taken_as.metres)
    count = int(number(fields["ndisp"], "ndisp")) if fields.get("ndisp") else None
    if count is not None and not 1 <= count <= found[1]:
        notes, count = (
            (*notes, f"ndisp={count} is no range of disparities for {found[1]} px wide images: not used"),
            None,
        )
    below = None if count is not None or rig.doffs_px < 1.0 else -math.ceil(rig.doffs_px)
    return Calibration("Middlebury calib.txt", rig, notes=notes, disparities=count, smallest=below)


def _camera(text: str, size: ImageSize, name: str) -> Pinhole:
    """The matrix in its own notation: rows parted by semicolons, in brackets."""
    values = numbers(text.strip("[]").replace(";", " ").replace(",", " "), name, (9,))
    return pinhole(np.array(values).reshape(3, 3), size, name)


def write_middlebury_calibration(path: Path | str, rig: StereoRig, max_disparity: int | None = None) -> None:
    """Writes a rectified rig as calib.txt: numbers in full, the baseline in millimetres.

    Args:
        path: The file; replaced whole if it exists.
        rig: The rectified cameras.
        max_disparity: Disparities to search, written as ndisp for programs that want it.
    Raises:
        OutputError: If it cannot be written.
    """
    lines = [f"cam{index}={_notation(camera)}" for index, camera in enumerate((rig.left, rig.right))]
    lines += [f"doffs={float(rig.doffs_px)!r}", f"baseline={float(rig.baseline_m) * 1000.0!r}"]
    lines += [f"width={rig.left.width}", f"height={rig.left.height}"]
    if max_disparity is not None:
        lines.append(f"ndisp={max_disparity}")
    with atomic_write(path) as file:
        file.write(("\n".join(lines) + "\n").encode("ascii"))


def _notation(camera: Pinhole) -> str:
    focal_x, focal_y, x, y = (
        repr(float(value)) for value in (camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px)
    )
    return f"[{focal_x} 0 {x}; 0 {focal_y} {y}; 0 0 1]"
