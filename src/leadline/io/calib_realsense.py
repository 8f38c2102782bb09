"""Calibrations of RealSense cameras as its tools print them: `rs-enumerate-devices -c`, and the viewer's table."""

import re
from typing import Final

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.calib_found import METRES, Calibration, LengthUnit, check_baseline
from leadline.io.calib_json import parse_focal_file
from leadline.io.calib_values import ImageSize, Tree, image_size, number, numbers

_INTRINSIC: Final = re.compile(
    r'^\s*Intrinsic of "Infrared ([12])" */ *(\d+)x(\d+)[^\n]*\n((?:[^\n]*:[^\n]*\n){4,})', re.M
)
_LINE: Final = re.compile(r"^\s*([A-Za-z]+)(?: *\([^)]*\))?\s*:\s*(.*?)\s*$", re.M)
_EXTRINSIC: Final = re.compile(
    r'Extrinsic from "Infrared 1"\s+To\s+"Infrared 2"\s*:\s*Rotation Matrix:\s*((?:[-+.0-9eE]+\s+){9})'
    r"Translation Vector:\s*((?:[-+.0-9eE]+[ \t]*){3})"
)
_TABLE_UNIT: Final = LengthUnit(METRES["mm"], "mm, as RealSense's table has it", stated=False)
_TABLE_KEY: Final = re.compile(r"rectified\.(\d+)\.width")


def is_realsense_text(text: str) -> bool:
    """Whether the text is what `rs-enumerate-devices -c` prints of a camera with an infrared pair."""
    return 'Intrinsic of "Infrared 1"' in text


def parse_realsense_text(text: str, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    """The infrared pair at the image size that is asked for, else at the largest that is printed.

    Args:
        text: What `rs-enumerate-devices -c` prints, or the part of it on the infrared streams.
        size: (height, width) of the images.
        unit: Of the translation; metres if absent.
    Raises:
        CalibrationError: If the second infrared camera or the extrinsics are missing, or a number is impossible.
    Source: librealsense, tools/enumerate-devices.
    """
    found: dict[ImageSize, dict[str, Tree]] = {}
    for index, width, height, body in _INTRINSIC.findall(text):
        lines = {str(key).lower(): str(value) for key, value in _LINE.findall(body)}
        camera = {
            "width": width, "height": height, "fx": lines.get("fx"), "fy": lines.get("fy"), "ppx": lines.get("ppx"),
            "ppy": lines.get("ppy"), "model": lines.get("distortion", "none"), "coeffs": lines.get("coeffs", ""),
        }  # fmt: skip
        found.setdefault((int(height), int(width)), {})[f"infra{index}"] = camera
    both = {place: views for place, views in found.items() if len(views) == 2}
    extrinsics = _EXTRINSIC.search(text)
    if not both or extrinsics is None:
        raise CalibrationError(
            'expected the intrinsics of "Infrared 1" and "Infrared 2" and the extrinsics between them, got only a part;'
            " copy all that `rs-enumerate-devices -c` prints"
        )
    turn = numbers(extrinsics[1].split(), "the rotation matrix", (9,))
    # Printed row by row; rs2_extrinsics has its columns one after the other.
    columns = [turn[3 * row + column] for column in range(3) for row in range(3)]
    shift = {"rotation": columns, "translation": numbers(extrinsics[2].split(), "the translation", (3,))}
    place = _nearest(list(both), size)
    calibration = parse_focal_file({**both[place], "extrinsics": shift}, None, unit)
    taken = f"the pair of {place[1]}x{place[0]} taken of {len(both)} sizes"
    return Calibration("rs-enumerate-devices", calibration.rectified, calibration.raw, (taken, *calibration.notes))


def is_realsense_table(fields: Tree) -> bool:
    """Whether the file is the calibration table that RealSense's viewer saves."""
    return "rectified.0.fx" in fields and "baseline" in fields


def parse_realsense_table(fields: Tree, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    """The rectified pair at the image size that is asked for, else at the largest of the table; baseline in mm.

    Args:
        fields: The file's values: baseline, rectified.N.fx, rectified.N.width, ...
        size: (height, width) of the images.
        unit: Of the baseline; millimetres if absent.
    Raises:
        CalibrationError: If something is missing or impossible.
    Source: librealsense, calibration table of D400 cameras.
    Example:
        >>> camera = {"fx": 640.0, "fy": 640.0, "ppx": 635.0, "ppy": 360.0, "width": 1280, "height": 720}
        >>> fields = {f"rectified.0.{name}": value for name, value in camera.items()}
        >>> parse_realsense_table({**fields, "baseline": "-50.0"}, None).rectified.baseline_m
        0.05
    """
    places: dict[ImageSize, str] = {}
    for name in fields:
        found = _TABLE_KEY.fullmatch(name)
        if found is not None and number(fields[name], name) > 0:
            prefix = f"rectified.{found[1]}."
            places.setdefault(image_size(fields.get(f"{prefix}height"), fields[name], None), prefix)
    if not places:
        raise CalibrationError("expected rectified.0.width and the like, got none; save the table again")
    place = _nearest(list(places), size)
    prefix = places[place]
    focal_x, focal_y, x, y = (number(fields.get(prefix + part), prefix + part) for part in ("fx", "fy", "ppx", "ppy"))
    camera = Pinhole(focal_x, focal_y, x, y, *place)
    length, taken_as = abs(number(fields.get("baseline"), "baseline")), unit or _TABLE_UNIT
    notes = check_baseline(length, taken_as)
    taken = f"{prefix[:-1]} taken: images of {place[1]}x{place[0]}"
    return Calibration(
        "RealSense calibration table", StereoRig(camera, camera, length * taken_as.metres), notes=(taken, *notes)
    )


def _nearest(places: list[ImageSize], size: ImageSize | None) -> ImageSize:
    """The size that is asked for, else one of its shape, else the largest."""
    if size in places:
        return places[places.index(size)]
    alike = [place for place in places if size is not None and abs(place[0] * size[1] / place[1] - size[0]) <= 1.0]
    return max(alike or places)
