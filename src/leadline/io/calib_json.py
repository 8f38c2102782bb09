"""Calibrations as JSON: OAK-D, RealSense intrinsics, Cityscapes, and files with focal length and baseline."""

from collections.abc import Sequence
from typing import Final, cast

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.camera import DistortedCamera, DistortionModel, Pinhole
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib_found import METRES, Calibration, LengthUnit, check_baseline, scaled_translation
from leadline.io.calib_values import ImageSize, Tree, image_size, number, numbers, pinhole, tree

_OAK_UNIT: Final = LengthUnit(METRES["cm"], "cm, as OAK-D has it", stated=False)
_METRE: Final = LengthUnit(METRES["m"], "metres", stated=False)
_LEFT_NAMES: Final = ("left", "infra1", "infrared1", "infrared_1", "ir_left", "left_ir", "left_camera", "cam_left")
_RIGHT_NAMES: Final = (
    "right",
    "infra2",
    "infrared2",
    "infrared_2",
    "ir_right",
    "right_ir",
    "right_camera",
    "cam_right",
)
_EXTRINSICS: Final = ("extrinsics", "left_to_right", "infra1_to_infra2", "right_from_left")
_MODELS: Final[dict[str, DistortionModel]] = {
    "none": "radtan",
    "brown_conrady": "radtan",
    "inverse_brown_conrady": "radtan",
    "modified_brown_conrady": "radtan",
    "kannala_brandt4": "equidistant",
}
_LEFT_SOCKET, _RIGHT_SOCKET = 1, 2
_FISHEYE_TYPE: Final = 1


def is_oak(fields: Tree) -> bool:
    """Whether the file is what DepthAI reads from an OAK-D."""
    return isinstance(fields.get("cameraData"), list)


def parse_oak(fields: Tree, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    """The left and right mono cameras of an OAK-D; extrinsics take points to the camera of `toCameraSocket`, in cm.

    Args:
        fields: The file's values.
        size: (height, width) of the images, to tell cropped ones from scaled ones: unused where it is the file's.
        unit: Of the translations; centimetres if absent.
    Raises:
        CalibrationError: If something is missing or impossible.
    Source: Luxonis DepthAI, EepromData and CalibrationHandler.
    """
    cameras: dict[int, Tree] = {}
    for entry in cast(Sequence[object], fields["cameraData"]):
        if isinstance(entry, list) and len(cast(list[object], entry)) == 2:
            socket, camera = cast(list[object], entry)
            cameras[int(number(socket, "a camera socket"))] = tree(camera, f"camera {socket}")
    rectification = fields.get("stereoRectificationData")
    sockets: Tree = cast(Tree, rectification) if isinstance(rectification, dict) else {}
    left, right = (
        _socket(sockets, "leftCameraSocket", _LEFT_SOCKET),
        _socket(sockets, "rightCameraSocket", _RIGHT_SOCKET),
    )
    for place, side in ((left, "left"), (right, "right")):
        if place not in cameras:
            raise CalibrationError(
                f"expected the {side} camera at socket {place}, got none; export the calibration again"
            )
    transform = _oak_transform(cameras, left, right)
    transform[:3, 3], notes = scaled_translation(transform[:3, 3], unit or _OAK_UNIT)
    built = [_oak_camera(cameras[place], f"camera {place}") for place in (left, right)]
    return Calibration("OAK-D calibration", raw=UnrectifiedRig(built[0], built[1], transform), notes=notes)


def _socket(fields: Tree, name: str, default: int) -> int:
    value = int(number(fields[name], name)) if name in fields else default
    return value if value >= 0 else default


def _oak_transform(cameras: dict[int, Tree], left: int, right: int) -> Float64[np.ndarray, "4 4"]:
    """right_from_left along the chain of `toCameraSocket`."""
    chains = [_chain(cameras, left), _chain(cameras, right)]
    common = next((socket for socket in chains[0] if socket in chains[1]), None)
    if common is None:
        raise CalibrationError("expected extrinsics that join both cameras, got none; calibrate the two together")
    return np.linalg.inv(chains[1][common]) @ chains[0][common]


def _chain(cameras: dict[int, Tree], start: int) -> dict[int, Float64[np.ndarray, "4 4"]]:
    """Socket -> its transform from the start's camera, in the file's unit."""
    found = {start: np.eye(4)}
    at = start
    while at in cameras:
        extrinsics = tree(cameras[at].get("extrinsics"), f"extrinsics of camera {at}")
        to = int(number(extrinsics.get("toCameraSocket", -1), "toCameraSocket"))
        if to < 0 or to in found:
            break
        step = np.eye(4)
        step[:3, :3] = np.reshape(numbers(extrinsics.get("rotationMatrix"), f"rotationMatrix of {at}", (9,)), (3, 3))
        move = tree(extrinsics.get("translation"), f"translation of camera {at}")
        step[:3, 3] = [number(move.get(axis), f"translation of camera {at}") for axis in "xyz"]
        if abs(np.linalg.det(step[:3, :3]) - 1.0) > 1e-3:
            raise CalibrationError(f"expected rotationMatrix of camera {at} to be a rotation; export it again")
        found[to] = step @ found[at]
        at = to
    return found


def _oak_camera(fields: Tree, name: str) -> DistortedCamera:
    size = image_size(fields.get("height"), fields.get("width"), None)
    matrix = np.array(numbers(fields.get("intrinsicMatrix"), f"intrinsicMatrix of {name}", (9,))).reshape(3, 3)
    values = numbers(fields.get("distortionCoeff"), f"distortionCoeff of {name}", tuple(range(15)))
    fisheye = int(number(fields.get("cameraType", 0), f"cameraType of {name}")) == _FISHEYE_TYPE
    kept = tuple(values[:4]) if fisheye else (*values, *([0.0] * (14 - len(values))))
    return DistortedCamera(pinhole(matrix, size, name), kept, "equidistant" if fisheye else "radtan")


def is_cityscapes(fields: Tree) -> bool:
    """Whether the file is Cityscapes' camera.json."""
    return isinstance(fields.get("intrinsic"), dict) and "u0" in cast(Tree, fields["intrinsic"])


def parse_cityscapes(fields: Tree, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    """The rectified cameras of Cityscapes; both have one principal point.

    Raises:
        CalibrationError: If something is missing or impossible.
    Source: Cordts et al., "The Cityscapes Dataset", CVPR 2016; its camera calibration note.
    """
    inner, outer = tree(fields.get("intrinsic"), "intrinsic"), tree(fields.get("extrinsic"), "extrinsic")
    focal_x, focal_y, x, y = (number(inner.get(name), name) for name in ("fx", "fy", "u0", "v0"))
    camera = Pinhole(focal_x, focal_y, x, y, *image_size(None, None, size))
    length, taken_as = number(outer.get("baseline"), "baseline"), unit or _METRE
    notes = check_baseline(abs(length), taken_as)
    return Calibration("Cityscapes camera.json", StereoRig(camera, camera, length * taken_as.metres), notes=notes)


def is_focal_file(fields: Tree) -> bool:
    """Whether the file has a focal length and a baseline at its top, or two cameras with focal lengths."""
    return ("fx" in fields and any(name.startswith("baseline") for name in fields)) or (
        _camera_fields(fields, _LEFT_NAMES) is not None and _camera_fields(fields, _RIGHT_NAMES) is not None
    )


def parse_focal_file(fields: Tree, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    """fx, fy, cx (cx0, cx1), cy and a baseline of rectified images; or two cameras, as RealSense's intrinsics are.

    Raises:
        CalibrationError: If something is missing or impossible.
    Source: librealsense, rs2_intrinsics and rs2_extrinsics (rotation column by column, translation in metres).
    Example:
        >>> fields = {"fx": 500.0, "cx": 320.0, "cy": 240.0, "baseline_mm": 120.0, "height": 480, "width": 640}
        >>> parse_focal_file(fields, None).rectified.baseline_m
        0.12
    """
    left, right = _camera_fields(fields, _LEFT_NAMES), _camera_fields(fields, _RIGHT_NAMES)
    if left is None or right is None:
        return _one_focal_length(fields, size, unit)
    cameras = [
        _focal_camera(part, size, name) for part, name in ((left, "the left camera"), (right, "the right camera"))
    ]
    turn = np.eye(3)
    extrinsics = next((cast(Tree, fields[name]) for name in _EXTRINSICS if isinstance(fields.get(name), dict)), None)
    if extrinsics is None:
        length, taken_as = _baseline(fields, unit)
        translation, notes = np.array([-length * taken_as.metres, 0.0, 0.0]), check_baseline(abs(length), taken_as)
    else:
        turn = np.reshape(numbers(extrinsics.get("rotation", [1, 0, 0, 0, 1, 0, 0, 0, 1]), "rotation", (9,)), (3, 3)).T
        shift = np.array(numbers(extrinsics.get("translation"), "translation", (3,)))
        translation, notes = scaled_translation(shift, unit or _METRE)
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = turn, translation
    ideal = not any(any(camera.distortion) for camera in cameras) and np.allclose(turn, np.eye(3), atol=1e-4)
    aligned = ideal and abs(cameras[0].camera.center_y_px - cameras[1].camera.center_y_px) < 0.5 and translation[0] < 0
    rectified = StereoRig(cameras[0].camera, cameras[1].camera, float(-translation[0])) if aligned else None
    raw = None if aligned else UnrectifiedRig(cameras[0], cameras[1], transform)
    return Calibration("pair of intrinsics", rectified, raw, notes)


def _one_focal_length(fields: Tree, size: ImageSize | None, unit: LengthUnit | None) -> Calibration:
    found = image_size(fields.get("height"), fields.get("width"), size)
    focal_x = number(fields.get("fx"), "fx")
    focal_y = number(fields.get("fy", fields.get("fx")), "fy")
    first = number(fields.get("cx0", fields.get("cx")), "cx0")
    second = number(fields.get("cx1", fields.get("cx0", fields.get("cx"))), "cx1")
    y = number(fields.get("cy", fields.get("cy0")), "cy")
    length, taken_as = _baseline(fields, unit)
    notes = check_baseline(abs(length), taken_as)
    left, right = Pinhole(focal_x, focal_y, first, y, *found), Pinhole(focal_x, focal_y, second, y, *found)
    return Calibration("focal length and baseline", StereoRig(left, right, length * taken_as.metres), notes=notes)


def _baseline(fields: Tree, unit: LengthUnit | None) -> tuple[float, LengthUnit]:
    """The baseline, and its unit as the name says: baseline_mm, baseline_meters; metres where it says nothing."""
    units = {"mm": "mm", "millimeters": "mm", "cm": "cm", "centimeters": "cm", "m": "m", "meters": "m", "metres": "m"}
    for name, value in fields.items():
        base, _, suffix = name.lower().partition("_")
        if base == "baseline" and (not suffix or suffix in units):
            named = LengthUnit(METRES[units[suffix]], units[suffix], stated=False) if suffix else _METRE
            return number(value, name), unit or named
    raise CalibrationError("expected a baseline, got none; add baseline_m to the file")


def _camera_fields(fields: Tree, names: Sequence[str]) -> Tree | None:
    for name in names:
        part = fields.get(name)
        part = cast(Tree, part).get("intrinsics", cast(object, part)) if isinstance(part, dict) else part
        if isinstance(part, dict) and "fx" in part:
            return cast(Tree, part)
    return None


def _focal_camera(fields: Tree, size: ImageSize | None, name: str) -> DistortedCamera:
    found = image_size(fields.get("height"), fields.get("width"), size)
    focal_x = number(fields.get("fx"), f"fx of {name}")
    focal_y = number(fields.get("fy", fields.get("fx")), f"fy of {name}")
    x = number(fields.get("ppx", fields.get("cx", fields.get("u0"))), f"ppx of {name}")
    y = number(fields.get("ppy", fields.get("cy", fields.get("v0"))), f"ppy of {name}")
    stated = str(fields.get("model", "none")).lower().rpartition(".")[2].replace(" ", "_")
    values = fields.get("coeffs", fields.get("distortion", []))
    coefficients = tuple(numbers(values, f"coeffs of {name}", (0, 4, 5, 8)))
    if stated not in _MODELS:
        raise CalibrationError(f"expected a model of {', '.join(_MODELS)} for {name}, got {stated[:40]!r}")
    if stated == "inverse_brown_conrady" and any(coefficients):
        raise CalibrationError(
            f"expected a lens model with a forward form for {name}, got {stated}; use rectified images"
        )
    model = _MODELS[stated]
    return DistortedCamera(
        Pinhole(focal_x, focal_y, x, y, *found), coefficients[:4] if model == "equidistant" else coefficients, model
    )


def focal_pinhole(fields: Tree, size: ImageSize | None) -> DistortedCamera | None:
    """One camera with fx, fy and a principal point at the top of a file or as its intrinsics; None if there is none.

    Raises:
        CalibrationError: If a number is missing or impossible.
    """
    part = fields.get("intrinsics", fields)
    if isinstance(part, dict) and "fx" in part:
        return _focal_camera(cast(Tree, {**fields, **part}), size, "the camera")
    matrix = fields.get("intrinsic_matrix")
    if matrix is None:
        return None
    # Open3D's form: column by column.
    columns = np.array(numbers(matrix, "intrinsic_matrix", (9,))).reshape(3, 3).T
    found = image_size(fields.get("height"), fields.get("width"), size)
    return DistortedCamera(pinhole(columns, found, "intrinsic_matrix"), (), "radtan")
