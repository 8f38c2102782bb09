"""The factory calibration of ZED cameras: SN12345.conf, one section for each camera and image size."""

import re

import cv2
import numpy as np

from leadline.errors import CalibrationError
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.geometry.rig import UnrectifiedRig
from leadline.io.calib_found import METRES, Calibration, LengthUnit, scaled_translation
from leadline.io.calib_values import ImageSize, number

_DEFAULT_UNIT = LengthUnit(METRES["mm"], "mm, as ZED has it", stated=False)
_SIZES: dict[str, ImageSize] = {
    "2k": (1242, 2208),
    "fhd": (1080, 1920),
    "fhd1200": (1200, 1920),
    "hd": (720, 1280),
    "svga": (600, 960),
    "vga": (376, 672),
}
_SECTION = re.compile(r"^[ \t]*\[([^\]\r\n]{1,60})\]", re.MULTILINE)


def is_zed(text: str) -> bool:
    """Whether the text has a section of a ZED's left camera."""
    return re.search(r"^[ \t]*\[LEFT_CAM_\w+\]", text, re.MULTILINE | re.IGNORECASE) is not None


def parse_zed(text: str, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    r"""Both cameras at the image size that is asked for, else at the largest that the file has.

    Stereolabs' own tools write Baseline = -T_x, TY = T_y, TZ = T_z (mm) and the rotation vector (RX, CV, RZ), of the
    transform that stereoCalibrate finds.

    Args:
        text: The file's content.
        size: (height, width) of the images.
        unit: Of the translation; millimetres if absent.
    Raises:
        CalibrationError: If something is missing or impossible.
    Source: Stereolabs, zed-open-capture and stereo calibration tool, calibration file.
    Example:
        >>> camera = "fx=500\nfy=500\ncx=640\ncy=360\n"
        >>> text = f"[LEFT_CAM_HD]\n{camera}[RIGHT_CAM_HD]\n{camera}[STEREO]\nBaseline=120"
        >>> found = parse_zed(text, None)
        >>> found.raw.baseline_m, found.notes
        (0.12, ('section HD taken: images of 1280x720',))
    """
    sections = _sections(text)
    key = _resolution(sections, size)
    stereo = sections.get("stereo", {})

    def value(name: str) -> float:
        return float(number(stereo.get(f"{name}_{key}", stereo.get(name, "0")), f"{name.upper()} in [STEREO]"))

    if "baseline" not in stereo:
        raise CalibrationError("expected Baseline in [STEREO], got none; fetch the camera's calibration file again")
    transform = np.eye(4)
    transform[:3, :3] = np.asarray(cv2.Rodrigues(np.array([value("rx"), value("cv"), value("rz")]))[0])
    translation = np.array([-value("baseline"), value("ty"), value("tz")])
    transform[:3, 3], notes = scaled_translation(translation, unit or _DEFAULT_UNIT)
    cameras = [_camera(sections, side, key) for side in ("left", "right")]
    found = f"section {key.upper()} taken: images of {_SIZES[key][1]}x{_SIZES[key][0]}"
    return Calibration("ZED .conf", raw=UnrectifiedRig(cameras[0], cameras[1], transform), notes=(found, *notes))


def _sections(text: str) -> dict[str, dict[str, str]]:
    parts = _SECTION.split(text)
    lines = {name.strip().lower(): body for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return {
        name: {key.strip().lower(): value.strip() for key, equals, value in _split(body) if equals}
        for name, body in lines.items()
    }


def _split(body: str) -> list[tuple[str, str, str]]:
    return [line.partition("=") for line in body.splitlines()]


def _resolution(sections: dict[str, dict[str, str]], size: ImageSize | None) -> str:
    there = [key for key in _SIZES if f"left_cam_{key}" in sections and f"right_cam_{key}" in sections]
    if not there:
        raise CalibrationError(
            "expected sections of both cameras, such as [LEFT_CAM_HD] and [RIGHT_CAM_HD], got no such pair; fetch the "
            "camera's calibration file again"
        )
    same = [key for key in there if _SIZES[key] == size]
    alike = [key for key in there if size is not None and abs(_SIZES[key][0] * size[1] / _SIZES[key][1] - size[0]) <= 1]
    return (same or alike or there)[0]


def _camera(sections: dict[str, dict[str, str]], side: str, key: str) -> DistortedCamera:
    fields, name = sections[f"{side}_cam_{key}"], f"[{side.upper()}_CAM_{key.upper()}]"
    focal_x, focal_y, x, y = (number(fields.get(part), f"{part} in {name}") for part in ("fx", "fy", "cx", "cy"))
    lens = sections.get(f"{side}_disto", fields)
    parts = ("k1", "k2", "p1", "p2", "k3") + (("k4", "k5", "k6") if "k6" in lens else ())
    coefficients = tuple(number(lens.get(part, "0"), f"{part} of {name}") for part in parts)
    if "k4" in fields and "p1" not in fields:
        # The camera's own form for fisheye lenses (ZED 2): four radial coefficients, no tangential ones.
        fisheye = tuple(number(fields.get(part, "0"), f"{part} of {name}") for part in ("k1", "k2", "k3", "k4"))
        return DistortedCamera(Pinhole(focal_x, focal_y, x, y, *_SIZES[key]), fisheye, "equidistant")
    return DistortedCamera(Pinhole(focal_x, focal_y, x, y, *_SIZES[key]), coefficients, "radtan")
