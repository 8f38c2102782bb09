"""Calibrations of every form that stereo pairs and single cameras come with."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
import yaml

from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib_found import Calibration, LengthUnit, named_unit
from leadline.io.calib_json import (
    focal_pinhole,
    is_cityscapes,
    is_focal_file,
    is_oak,
    parse_cityscapes,
    parse_focal_file,
    parse_oak,
)
from leadline.io.calib_kalibr import is_camchain, is_sensor, parse_camchain, parse_sensors
from leadline.io.calib_kitti import is_kitti, parse_kitti
from leadline.io.calib_middlebury import is_middlebury, parse_middlebury
from leadline.io.calib_numbers import bare_numbers, matrix_camera, parse_matrix_and_baseline
from leadline.io.calib_opencv import is_opencv, opencv_camera, parse_opencv, parse_opencv_xml
from leadline.io.calib_realsense import (
    is_realsense_table,
    is_realsense_text,
    parse_realsense_table,
    parse_realsense_text,
)
from leadline.io.calib_ros import in_ros1_words, is_camera_info, parse_camera_info, parse_camera_infos
from leadline.io.calib_values import ImageSize, Tree
from leadline.io.calib_zed import is_zed, parse_zed
from leadline.io.colmap import read_colmap_cameras
from leadline.io.files import read_bytes
from leadline.io.yaml_text import require_shallow

_MOST_BYTES: Final = 1 << 18
_MOST_ARRAY_BYTES: Final = 1 << 14
_MOST_NUMBERS: Final = 64
_FORMS: Final = (
    "a calibration of one of these forms: Middlebury, KITTI or DrivingStereo calib.txt, OpenCV YAML, XML, JSON or "
    ".npz, Kalibr "
    "camchain.yaml, EuRoC sensor.yaml, ROS left.yaml and right.yaml, ZED .conf, OAK-D, RealSense or Cityscapes JSON, "
    "the text of rs-enumerate-devices -c, FoundationStereo K.txt"
)
_UNIT_LINE: Final = re.compile(r'^[ \t]*"?translation_unit"?[ \t]*[:=][ \t]*"?(\w+)', re.MULTILINE)
_TURN_DEG, _FARTHEST_TURN_DEG = 20.0, 60.0
_COLMAP_LINE: Final = re.compile(r"^\s*\d+\s+[A-Z_]+(?:\s+[-+0-9.eE]+){5,}\s*$", re.MULTILINE)
_SIDE_NAMES: Final = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"), ("cam0", "cam1"), ("_l.", "_r."))


@dataclass(frozen=True)
class _Asked:
    """Facts from the caller: the images' size, the unit of the translation, and whether the images are grey."""

    size: ImageSize | None
    unit: LengthUnit | None
    grey: bool


def read_calibration(
    path: Path | str, image_size: ImageSize | None = None, unit: LengthUnit | None = None
) -> StereoRig | UnrectifiedRig:
    """Reads the cameras of a stereo calibration, whatever its form, as `read_stereo_calibration` does.

    Args:
        path: As there.
        image_size: As there.
        unit: As there.
    Returns:
        The cameras as they were built if the file has them, else those of rectified images; in pixels and metres.
    Raises:
        InputError: As there.
        CalibrationError: As there.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "K.txt").write_text("500 0 319.5 0 500 239.5 0 0 1 0.12")
        ...     rig = read_calibration(f"{folder}/K.txt", image_size=(480, 640))
        >>> rig.left.focal_x_px, rig.baseline_m
        (500.0, 0.12)
    """
    return read_stereo_calibration(path, image_size, unit).rig


def read_stereo_calibration(
    path: Path | str, image_size: ImageSize | None = None, unit: LengthUnit | None = None, grey: bool = False
) -> Calibration:
    """Reads a stereo calibration, whatever its form; the form is told by content, not by name.

    - Rectified: Middlebury and ETH3D calib.txt; KITTI calib.txt or calib_cam_to_cam.txt (colour cameras where the file
      has them, else grey); DrivingStereo; Cityscapes camera.json; FoundationStereo K.txt; JSON with fx, cx, cy and a
      baseline; P1 and P2, or Q, of OpenCV's stereoRectify.
    - Not rectified: OpenCV YAML, XML, JSON or .npz of stereoCalibrate; Kalibr camchain.yaml; EuRoC sensor.yaml;
      ZED's SN.conf; OAK-D and RealSense JSON; the text of rs-enumerate-devices -c.
    - Both: ROS camera_info pairs, as files or as messages of ROS 1 or 2; an OpenCV file that also has P1 and P2.

    Args:
        path: The file. For EuRoC: the folder that holds cam0 and cam1, or cam0's sensor.yaml. For ROS: the folder that
            holds left.yaml and right.yaml, or the left one. For OpenCV: also a folder with intrinsics.yml and
            extrinsics.yml, as its sample program writes them.
        image_size: (height, width) of the images that were calibrated. Only needed, and only used, where the file
            does not state it, as in KITTI's benchmarks.
        unit: Of the translation or baseline. If absent, what a line `translation_unit: mm` (or m, cm) in the file says,
            else what the form usually has, and then an implausible baseline is refused.
        grey: Whether the images are grey: KITTI's files have a grey and a colour pair.
    Returns:
        The cameras in pixels and metres, and notes on what was assumed.
    Raises:
        InputError: If there is no such file.
        CalibrationError: If it has none of these forms, or lacks something, or is contradictory or impossible.
    """
    if not isinstance(path, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"expected a calibration file's path, got {type(path).__name__}; give its name")
    source = Path(path)
    with _named(source):
        if _is_folder(source):
            found = _read_folder(source, _Asked(image_size, unit, grey))
        else:
            text = _read_text(source, allow_archive=True)
            stated = _UNIT_LINE.search(text)
            asked = _Asked(image_size, unit or (named_unit(stated[1]) if stated else None), grey)
            found = _read_file(source, text, asked)
        notes = tuple(f"{source}: {note}" for note in found.notes)
        notes += tuple(f"{source}: {note}" for note in _doubtful_turn(found.raw))
        return Calibration(found.form, found.rectified, found.raw, notes, found.disparities, found.smallest)


def _doubtful_turn(rig: UnrectifiedRig | None) -> tuple[str, ...]:
    """A note on cameras that look far apart, as angles in degrees that are read as radians make them.

    Raises:
        CalibrationError: If they hardly see the same.
    """
    if rig is None:
        return ()
    angle = float(np.rad2deg(np.arccos(np.clip(rig.right_from_left[2, 2], -1.0, 1.0))))
    if angle > _FARTHEST_TURN_DEG:
        raise CalibrationError(
            f"expected two cameras that look the same way, got {angle:.0f} degrees between them; a rotation vector is "
            "in radians, and R takes points of the left camera to the right one"
        )
    return (f"the cameras look {angle:.0f} degrees apart; check R if they do not",) if angle > _TURN_DEG else ()


def read_one_camera(
    path: Path | str, image_size: ImageSize | None = None
) -> tuple[Pinhole, tuple[float, ...], tuple[str, ...]]:
    """Reads the camera of single images: a file of one camera, or the left camera of a stereo calibration.

    One camera: an intrinsic matrix of bare numbers (K.txt: 3x3, 4x4, or f_x f_y c_x c_y), ROS camera_info, COLMAP
    cameras.txt with one pinhole, OpenCV camera_matrix, or JSON with fx, fy and a principal point.

    Args:
        path: The file.
        image_size: (height, width), for files that do not state it.
    Returns:
        The camera, its distortion coefficients, and notes on what was assumed.
    Raises:
        InputError: If there is no such file.
        CalibrationError: If it has none of these forms, or is contradictory or impossible.
    """
    source = Path(path)
    with _named(source):
        lens = None if _is_folder(source) else _one_camera(source, _read_text(source), image_size)
    if lens is not None:
        return lens.camera, lens.distortion, ()
    found = read_stereo_calibration(path, image_size)
    if found.rectified is not None:
        return found.rectified.left, (), found.notes
    raw = cast(UnrectifiedRig, found.rig)
    return raw.left.camera, raw.left.distortion, found.notes


def _one_camera(source: Path, text: str, size: ImageSize | None) -> DistortedCamera | None:
    """The camera of a file that holds only one; None where it is a stereo calibration or another file."""
    values = bare_numbers(text)
    if values is not None:
        counts = {4: 4, 9: 9, 10: 9, 12: 12, 16: 16}  # the tenth is a baseline
        kept = counts.get(len(values))
        return None if kept is None else DistortedCamera(matrix_camera(values[:kept], size), (), "radtan")
    if (
        text.lstrip().startswith("<")
        or is_middlebury(text)
        or is_kitti(text)
        or is_zed(text)
        or is_realsense_text(text)
    ):
        return None
    if _COLMAP_LINE.search(text):
        return _colmap_camera(source)
    fields = _parse_tree(text)
    if is_camera_info(fields):
        return parse_camera_info(fields, size)
    if is_oak(fields) or is_cityscapes(fields) or is_focal_file(fields) or is_camchain(fields) or is_sensor(fields):
        return None
    return focal_pinhole(fields, size) or opencv_camera(fields, size)


def colmap_center(path: Path | str) -> tuple[float, float] | None:
    """The principal point as COLMAP's cameras.txt has it, counted from the corner of the first pixel; else None.

    That is half a pixel more than ours, which counts from the first pixel's centre.

    Raises:
        InputError: If there is no such file.
        CalibrationError: If it is COLMAP's and damaged.
    """
    source = Path(path)
    if _is_folder(source) or not _COLMAP_LINE.search(_read_text(source, allow_archive=True)):
        return None
    camera = _colmap_camera(source).camera
    return camera.center_x_px + 0.5, camera.center_y_px + 0.5


def _colmap_camera(source: Path) -> DistortedCamera:
    cameras = read_colmap_cameras(source)
    found = {camera.pinhole() for camera in cameras.values()}
    camera = next(iter(found), None)
    if len(found) != 1 or camera is None:
        raise CalibrationError(
            f"expected one PINHOLE or SIMPLE_PINHOLE camera, got {len(cameras)} cameras of "
            f"{', '.join(sorted({camera.model for camera in cameras.values()}))}; undistort the model and keep one"
        )
    return DistortedCamera(camera, (), "radtan")


def _read_file(source: Path, text: str, asked: _Asked) -> Calibration:
    if text.lstrip().startswith("<"):
        return _from_fields(source, parse_opencv_xml(text), asked)
    if is_zed(text):
        return parse_zed(text, asked.size, asked.unit)
    if is_realsense_text(text):
        return parse_realsense_text(text, asked.size, asked.unit)
    if is_middlebury(text):
        return parse_middlebury(text, asked.size, asked.unit)
    if is_kitti(text):
        return parse_kitti(text, asked.size, asked.unit, asked.grey)
    values = bare_numbers(text)
    if values is not None and len(values) == 10:
        return parse_matrix_and_baseline(values, asked.size, asked.unit)
    if values is not None and len(values) in (4, 9, 12, 16):
        raise CalibrationError("expected two cameras, got one intrinsic matrix; write the baseline in metres below it")
    return _from_fields(source, _parse_tree(text), asked)


def _from_fields(source: Path, fields: Tree, asked: _Asked) -> Calibration:
    if is_sensor(fields):
        return parse_sensors(fields, _parse_tree(_read_text(_sibling(source))), asked.unit)
    if is_camchain(fields):
        return parse_camchain(fields, asked.unit)
    if is_oak(fields):
        return parse_oak(fields, asked.size, asked.unit)
    if is_cityscapes(fields):
        return parse_cityscapes(fields, asked.size, asked.unit)
    if is_realsense_table(fields):
        return parse_realsense_table(fields, asked.size, asked.unit)
    if is_camera_info(fields):
        return parse_camera_infos(fields, _parse_tree(_read_text(_other_info(source))), asked.size, asked.unit)
    if is_focal_file(fields):
        return parse_focal_file(fields, asked.size, asked.unit)
    if is_opencv(fields):
        return parse_opencv(fields, asked.size, asked.unit)
    raise CalibrationError(f"expected {_FORMS}; got none of them; convert the calibration to one of these")


def _other_info(source: Path) -> Path:
    """The right camera's file beside the left one's."""
    for left, right in _SIDE_NAMES:
        for first, second in ((left, right), (right, left)):
            if first in source.name:
                other = source.with_name(source.name.replace(first, second))
                if first == right:
                    raise CalibrationError(f"expected the left camera's file, got the right one's; name {other.name}")
                return other
    raise CalibrationError(
        "expected the left one of two camera_info files, such as left.yaml beside right.yaml, got one camera's; name "
        "the "
        "folder that holds both as left.yaml and right.yaml"
    )


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


def _read_folder(folder: Path, asked: _Asked) -> Calibration:
    """A folder that holds a calibration in two files."""
    sensors = [folder / camera / "sensor.yaml" for camera in ("cam0", "cam1")]
    if all(sensor.is_file() for sensor in sensors):
        left, right = (_parse_tree(_read_text(sensor)) for sensor in sensors)
        return parse_sensors(left, right, asked.unit)
    if (folder / "mav0").is_dir():
        return _read_folder(folder / "mav0", asked)
    for suffix in (".yaml", ".yml"):
        infos = [folder / f"{name}{suffix}" for name in ("left", "right")]
        if all(info.is_file() for info in infos):
            left, right = (_parse_tree(_read_text(info)) for info in infos)
            return parse_camera_infos(left, right, asked.size, asked.unit)
    for suffix in (".yml", ".yaml"):
        parts = [folder / f"{name}{suffix}" for name in ("intrinsics", "extrinsics")]
        if all(part.is_file() for part in parts):
            intrinsics, extrinsics = (_parse_tree(_read_text(part)) for part in parts)
            return parse_opencv({**intrinsics, **extrinsics}, asked.size, asked.unit)
    raise CalibrationError(
        "expected a folder with cam0/sensor.yaml and cam1/sensor.yaml, left.yaml and right.yaml, or intrinsics.yml and "
        "extrinsics.yml, got neither; name the calibration file"
    )


def _sibling(sensor: Path) -> Path:
    """cam1's sensor.yaml for cam0's."""
    if sensor.resolve().parent.name != "cam0":
        raise CalibrationError(
            "expected the sensor.yaml of cam0 beside a folder cam1, got one elsewhere; name the folder that holds both"
        )
    return sensor.resolve().parent.parent / "cam1" / sensor.name


def _read_text(source: Path, allow_archive: bool = False) -> str:
    content = read_bytes(source, "a calibration file", _MOST_BYTES)
    if allow_archive and content.startswith(b"PK"):
        return _archive_as_json(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalibrationError(f"expected {_FORMS}, got binary data; name the calibration file") from error


def _archive_as_json(content: bytes) -> str:
    """The arrays of numpy's .npz as JSON; those too large for a calibration (board corners) are left out."""
    fields: dict[str, object] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".npy") and entry.file_size <= _MOST_ARRAY_BYTES:
                    values = np.lib.format.read_array(io.BytesIO(archive.read(entry)), allow_pickle=False)
                    if values.dtype.kind in "fiuU" and values.size <= _MOST_NUMBERS:
                        fields[entry.filename[:-4]] = values.tolist()
    except Exception as error:  # zipfile and numpy raise a dozen kinds on damaged files
        raise CalibrationError(f"expected {_FORMS}; got a damaged or other archive; save it as JSON") from error
    return json.dumps(fields)


def _parse_tree(text: str) -> Tree:
    """The top-level values of a JSON, YAML or OpenCV-YAML file; scalars of YAML stay text, tags are passed over."""
    fields: object = None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = _load_yaml(text)
    if not isinstance(fields, dict):
        raise CalibrationError(f"expected {_FORMS}; got none of them; convert the calibration to one of these")
    return in_ros1_words({str(name): value for name, value in cast(dict[object, object], fields).items()})


def _tokens(text: str) -> Iterator[object]:
    scan = cast(Callable[..., Iterator[object]], yaml.scan)  # pyright: ignore[reportUnknownMemberType]
    return scan(text, Loader=yaml.BaseLoader)


def _load_yaml(text: str) -> object:
    # OpenCV and EuRoC write '%YAML:1.0', which YAML itself does not allow.
    text = re.sub(r"\A\s*%YAML[^\n]*\n(?:---[ \t]*\r?\n)?", "", text)
    # `rostopic echo` writes one message after another; a camera says the same each time.
    text = re.split(r"^---[ \t]*\r?$", text.removeprefix("---"), maxsplit=1, flags=re.MULTILINE)[0]
    try:
        require_shallow(text)
        # An alias may stand for a list of aliases, and 500 bytes for a billion numbers.
        if any(isinstance(token, yaml.AliasToken) for token in _tokens(text)):
            raise CalibrationError("expected a calibration without YAML aliases (*name), got one; write its values out")
        # The base loader makes text, lists and dicts only: nothing is constructed from tags.
        return yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CalibrationError(f"expected {_FORMS}; got a damaged or other file; check its text") from error
