"""Calibrations of every form that stereo pairs come with."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import yaml

from leadline.errors import CalibrationError
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib_kalibr import is_camchain, is_sensor, parse_camchain, parse_sensors
from leadline.io.calib_kitti import is_kitti, parse_kitti
from leadline.io.calib_middlebury import is_middlebury, parse_middlebury
from leadline.io.calib_opencv import is_opencv, parse_opencv, parse_opencv_xml
from leadline.io.calib_values import ImageSize, Tree
from leadline.io.files import read_bytes

_MOST_BYTES = 1 << 18
_FORMS = "Middlebury or KITTI calib.txt, OpenCV YAML or XML, EuRoC sensor.yaml, or Kalibr camchain.yaml"


def read_calibration(path: Path | str, image_size: ImageSize | None = None) -> StereoRig | UnrectifiedRig:
    """Reads a stereo calibration, whatever its form; the form is told by content, not by name.

    - Rectified, as `StereoRig`: Middlebury and ETH3D calib.txt; KITTI calib.txt or calib_cam_to_cam.txt (colour
      cameras where the file has them, else grey).
    - Not rectified, as `UnrectifiedRig`: OpenCV YAML or XML of stereoCalibrate (its translation in metres, unless the
      file has `translation_unit: mm` or cm); Kalibr camchain.yaml; EuRoC sensor.yaml.

    Args:
        path: The file. For EuRoC: the folder that holds cam0 and cam1, or cam0's sensor.yaml. For OpenCV: also a folder
            with intrinsics.yml and extrinsics.yml, as its sample program writes them.
        image_size: (height, width) of the images that were calibrated. Only needed, and only used, where the file
            does not state it, as in KITTI's benchmarks.
    Returns:
        The cameras, in pixels and metres.
    Raises:
        InputError: If there is no such file.
        CalibrationError: If it has none of these forms, or lacks something, or is contradictory or impossible.
    """
    source = Path(path)
    with _named(source):
        if _is_folder(source):
            return _read_folder(source, image_size)
        text = _read_text(source)
        if text.lstrip().startswith("<"):
            return _from_fields(parse_opencv_xml(text), image_size)
        if is_middlebury(text):
            return parse_middlebury(text, image_size)
        if is_kitti(text):
            return parse_kitti(text, image_size)
        fields = _parse_yaml(text)
        if is_sensor(fields):
            return parse_sensors(fields, _parse_yaml(_read_text(_sibling(source))))
        return _from_fields(fields, image_size)


def _from_fields(fields: Tree, size: ImageSize | None) -> UnrectifiedRig:
    if is_camchain(fields):
        return parse_camchain(fields)
    if is_opencv(fields):
        return parse_opencv(fields, size)
    raise CalibrationError(f"expected {_FORMS}, got none of them; convert the calibration to one of these")


@contextmanager
def _named(source: Path) -> Generator[None]:
    """Puts the file's name before the parsers' messages; absurd numbers overflow quietly and are refused later."""
    try:
        with np.errstate(all="ignore"):
            yield
    except CalibrationError as error:
        raise CalibrationError(f"{source}: {error}") from error


def _is_folder(source: Path) -> bool:
    try:
        return source.is_dir()
    except (OSError, ValueError):  # such as a name with a zero byte; reading it says so in one line
        return False


def _read_folder(folder: Path, size: ImageSize | None) -> UnrectifiedRig:
    """A folder that holds a calibration in two files."""
    sensors = [folder / camera / "sensor.yaml" for camera in ("cam0", "cam1")]
    if all(sensor.is_file() for sensor in sensors):
        left, right = (_parse_yaml(_read_text(sensor)) for sensor in sensors)
        return parse_sensors(left, right)
    if (folder / "mav0").is_dir():
        return _read_folder(folder / "mav0", size)
    for suffix in (".yml", ".yaml"):
        parts = [folder / f"{name}{suffix}" for name in ("intrinsics", "extrinsics")]
        if all(part.is_file() for part in parts):
            intrinsics, extrinsics = (_parse_yaml(_read_text(part)) for part in parts)
            return _from_fields({**intrinsics, **extrinsics}, size)
    raise CalibrationError(
        "expected a folder with cam0/sensor.yaml and cam1/sensor.yaml, or intrinsics.yml and extrinsics.yml, "
        "got neither; name the calibration file"
    )


def _sibling(sensor: Path) -> Path:
    """cam1's sensor.yaml for cam0's."""
    if sensor.resolve().parent.name != "cam0":
        raise CalibrationError(
            "expected the sensor.yaml of cam0 beside a folder cam1, got one elsewhere; name the folder that holds both"
        )
    return sensor.resolve().parent.parent / "cam1" / sensor.name


def _read_text(source: Path) -> str:
    content = read_bytes(source, "a calibration file", _MOST_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalibrationError(f"expected {_FORMS}, got binary data; name the calibration file") from error


def _parse_yaml(text: str) -> Tree:
    """The top-level values of a YAML or OpenCV-YAML file; scalars stay text, tags are passed over."""
    # OpenCV and EuRoC write '%YAML:1.0', which YAML itself does not allow.
    text = re.sub(r"\A\s*%YAML[^\n]*\n(?:---[ \t]*\r?\n)?", "", text)
    try:
        # The base loader makes text, lists and dicts only: nothing is constructed from tags.
        fields: object = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CalibrationError(f"expected {_FORMS}, got a damaged or other file; check its text") from error
    if not isinstance(fields, dict):
        raise CalibrationError(f"expected {_FORMS}, got none of them; convert the calibration to one of these")
    return {str(name): value for name, value in cast(dict[object, object], fields).items()}
