"""Kalibr's camchain.yaml and EuRoC's sensor.yaml."""

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.camera import DistortedCamera, DistortionModel, Pinhole
from leadline.geometry.rig import UnrectifiedRig
from leadline.io.calib_found import METRES, Calibration, LengthUnit, scaled_translation
from leadline.io.calib_values import Tree, image_size, numbers, tree

_MODELS: dict[str, DistortionModel] = {
    "radtan": "radtan",
    "radial-tangential": "radtan",
    "plumb_bob": "radtan",
    "equidistant": "equidistant",
    "equi": "equidistant",
}


def is_camchain(fields: Tree) -> bool:
    """Whether the file is a Kalibr camera chain."""
    return isinstance(fields.get("cam0"), dict)


def is_sensor(fields: Tree) -> bool:
    """Whether the file is an EuRoC sensor.yaml."""
    return "T_BS" in fields or "sensor_type" in fields


_DEFAULT_UNIT = LengthUnit(METRES["m"], "m, as Kalibr has it", stated=False)


def parse_camchain(fields: Tree, unit: LengthUnit | None = None) -> Calibration:
    """cam0 as the left and cam1 as the right camera; cam1's T_cn_cnm1 takes points from cam0 to cam1, in metres.

    Raises:
        CalibrationError: If something is missing or impossible, or a camera is not a pinhole.
    Source: Kalibr wiki, "yaml formats".
    Example:
        >>> camera = {"camera_model": "pinhole", "intrinsics": [500, 500, 320, 240], "resolution": [640, 480]}
        >>> camera["distortion_model"] = "none"
        >>> moved = [[1, 0, 0, -0.12], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
        >>> parse_camchain({"cam0": camera, "cam1": {**camera, "T_cn_cnm1": moved}}).raw.baseline_m
        0.12
    """
    left, right = tree(fields.get("cam0"), "cam0"), tree(fields.get("cam1"), "cam1")
    transform = _transform(right, "T_cn_cnm1")
    transform[:3, 3], notes = scaled_translation(transform[:3, 3], unit or _DEFAULT_UNIT)
    rig = UnrectifiedRig(_camera(left, "cam0"), _camera(right, "cam1"), transform)
    if "cam2" in fields:
        notes += ("cam0 and cam1 taken of more than two cameras",)
    return Calibration("Kalibr camchain", raw=rig, notes=notes)


def parse_sensors(left: Tree, right: Tree, unit: LengthUnit | None = None) -> Calibration:
    """Two EuRoC cameras; T_BS takes points from the sensor to the body, in metres.

    Raises:
        CalibrationError: If something is missing or impossible, or a camera is not a pinhole.
    Source: Burri et al., "The EuRoC micro aerial vehicle datasets", IJRR 2016; ASL dataset format.
    """
    body_from_left, body_from_right = _transform(left, "T_BS"), _transform(right, "T_BS")
    # The inverse of a rigid transform; UnrectifiedRig refuses what is not rigid.
    rotation = body_from_right[:3, :3].T
    right_from_body = np.eye(4)
    right_from_body[:3, :3] = rotation
    right_from_body[:3, 3] = -rotation @ body_from_right[:3, 3]
    cameras = _camera(left, "the left camera"), _camera(right, "the right camera")
    transform = right_from_body @ body_from_left
    transform[:3, 3], notes = scaled_translation(transform[:3, 3], unit or _DEFAULT_UNIT)
    return Calibration("EuRoC sensor.yaml", raw=UnrectifiedRig(*cameras, transform), notes=notes)


def _camera(fields: Tree, name: str) -> DistortedCamera:
    kind = str(fields.get("camera_model"))
    if kind != "pinhole":
        raise CalibrationError(f"expected camera_model pinhole for {name}, got {kind[:40]}; recalibrate with pinhole")
    focal_x, focal_y, x, y = numbers(fields.get("intrinsics"), f"intrinsics of {name}", (4,))
    width, height = numbers(fields.get("resolution"), f"resolution of {name}", (2,))
    camera = Pinhole(focal_x, focal_y, x, y, *image_size(height, width, None))
    stated = str(fields.get("distortion_model"))
    if stated == "none":
        return DistortedCamera(camera, (), "radtan")
    model = _MODELS.get(stated)
    if model is None:
        raise CalibrationError(
            f"expected distortion_model radtan or equidistant for {name}, got {stated[:40]}; recalibrate with one"
        )
    # Kalibr says distortion_coeffs, EuRoC distortion_coefficients.
    values = fields.get("distortion_coeffs", fields.get("distortion_coefficients"))
    coefficients = numbers(values, f"distortion of {name}", (4, 5) if model == "radtan" else (4,))
    return DistortedCamera(camera, tuple(coefficients), model)


def _transform(fields: Tree, name: str) -> Float64[np.ndarray, "4 4"]:
    """A 4x4 matrix, its rows nested as Kalibr writes them or in one list as EuRoC does."""
    return np.array(numbers(fields.get(name), name, (16,)), dtype=np.float64).reshape(4, 4)
