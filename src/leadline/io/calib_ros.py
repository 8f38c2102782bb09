"""ROS camera_info: one YAML file for each camera, with the raw camera and its rectification."""

from typing import cast

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.camera import DistortedCamera, DistortionModel
from leadline.geometry.rig import UnrectifiedRig
from leadline.io.calib_found import METRES, Calibration, LengthUnit
from leadline.io.calib_projections import rig_from_projections
from leadline.io.calib_values import ImageSize, Tree, image_size, number, numbers, pinhole

_DEFAULT_UNIT = LengthUnit(METRES["m"], "m, as ROS has it", stated=False)
_MODELS: dict[str, DistortionModel] = {
    "plumb_bob": "radtan",
    "rational_polynomial": "radtan",
    "equidistant": "equidistant",
    "fisheye": "equidistant",
}
_PART = ("x_offset", "y_offset", "height", "width")
_COUNTS: dict[DistortionModel, tuple[int, ...]] = {"radtan": (0, 4, 5, 8, 12, 14), "equidistant": (4,)}


def in_ros1_words(fields: Tree) -> Tree:
    """The fields with K, D, R and P in capitals, where they are a camera_info of ROS 2, which has k, d, r and p.

    Example:
        >>> sorted(in_ros1_words({"distortion_model": "plumb_bob", "k": [], "d": [], "r": [], "p": []}))
        ['D', 'K', 'P', 'R', 'distortion_model']
    """
    if not {"distortion_model", "d", "k", "r", "p"} <= fields.keys():
        return fields
    return {name.upper() if name in ("d", "k", "r", "p") else name: value for name, value in fields.items()}


def is_camera_info(fields: Tree) -> bool:
    """Whether the file is a camera_info: camera_matrix and projection_matrix of one camera, or K, D and P."""
    return {"camera_matrix", "projection_matrix"} <= fields.keys() or ({"K", "P"} <= fields.keys())


def parse_camera_infos(left: Tree, right: Tree, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    """Both cameras, as built and rectified; P's fourth column is -f b of the right one.

    A rectifying rotation R takes points of a camera to the common rectified frame, in which the right camera stands at
    (b, 0, 0): right_from_left is thus R_right^T (R_left x - (b, 0, 0)).

    Args:
        left: The left file's values.
        right: The right file's values.
        size: (height, width), for files that do not state it.
        unit: Of P's translation; metres if absent.
    Raises:
        CalibrationError: If something is missing or impossible.
    Source: ROS sensor_msgs/CameraInfo, message definition.
    """
    found = _size(left, size)
    if _size(right, size) != found:
        raise CalibrationError("expected two camera_info files of one image size; calibrate both cameras alike")
    projections = [_projection(fields) for fields in (left, right)]
    if projections[1][0, 3] == projections[0][0, 3]:
        raise CalibrationError(
            "expected a stereo pair's projection_matrix, got two without a baseline (its fourth column); calibrate the "
            "two cameras together"
        )
    rig, notes = rig_from_projections(projections[0], projections[1], found, unit or _DEFAULT_UNIT, reorder=True)
    turns = [_rotation(fields) for fields in (left, right)]
    sign = -1.0 if projections[1][0, 3] < projections[0][0, 3] else 1.0
    transform = np.eye(4)
    transform[:3, :3] = turns[1].T @ turns[0]
    transform[:3, 3] = turns[1].T @ np.array([sign * rig.baseline_m, 0.0, 0.0])
    cameras = [_camera(fields, found) for fields in (left, right)]
    return Calibration("ROS camera_info", rig, UnrectifiedRig(cameras[0], cameras[1], transform), notes)


def parse_camera_info(fields: Tree, size: ImageSize | None) -> DistortedCamera:
    """One camera as it was built.

    Raises:
        CalibrationError: If something is missing or impossible.
    Example:
        >>> fields = {"K": [500, 0, 320, 0, 500, 240, 0, 0, 1], "D": [0.1, 0, 0, 0, 0], "height": 480, "width": 640}
        >>> lens = parse_camera_info(fields, None)
        >>> lens.camera.focal_x_px, lens.distortion[0]
        (500.0, 0.1)
    """
    return _camera(fields, _size(fields, size))


def _size(fields: Tree, size: ImageSize | None) -> ImageSize:
    """The size, of whole images alone: K is that of the whole sensor, whatever part of it is sent.

    Raises:
        CalibrationError: If the images are binned or a part of the sensor's.
    Source: ROS sensor_msgs/CameraInfo, message definition, operational parameters.
    """
    binning = [number(fields.get(name, 0), name) for name in ("binning_x", "binning_y")]
    roi = fields.get("roi")
    part = [number(cast(Tree, roi).get(name, 0), name) for name in _PART] if isinstance(roi, dict) else []
    if max(binning) > 1 or any(part):
        raise CalibrationError(
            f"expected camera_info of whole images, got binning {binning[0]:g}x{binning[1]:g} and the region "
            f"{part or 'whole'} (x, y, height, width); record whole images, or write K for the ones you have"
        )
    height = fields.get("image_height", fields.get("height"))
    return image_size(height, fields.get("image_width", fields.get("width")), size)


def _projection(fields: Tree) -> Float64[np.ndarray, "3 4"]:
    name = "projection_matrix" if "projection_matrix" in fields else "P"
    return np.array(numbers(fields.get(name), name, (12,))).reshape(3, 4)


def _rotation(fields: Tree) -> Float64[np.ndarray, "3 3"]:
    name = "rectification_matrix" if "rectification_matrix" in fields else "R"
    return np.array(numbers(fields.get(name), name, (9,))).reshape(3, 3)


def _camera(fields: Tree, size: ImageSize) -> DistortedCamera:
    name = "camera_matrix" if "camera_matrix" in fields else "K"
    matrix = np.array(numbers(fields.get(name), name, (9,))).reshape(3, 3)
    stated = str(fields.get("distortion_model", "plumb_bob"))
    model = _MODELS.get(stated)
    if model is None:
        raise CalibrationError(
            f"expected distortion_model {', '.join(_MODELS)}, got {stated[:40]!r}; recalibrate with one of them"
        )
    values = fields.get("distortion_coefficients", fields.get("D"))
    coefficients = tuple(numbers(values, "distortion_coefficients", _COUNTS[model]))
    return DistortedCamera(pinhole(matrix, size, name), coefficients, model)
