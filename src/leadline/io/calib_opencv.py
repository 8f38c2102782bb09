"""Results of OpenCV's stereoCalibrate, in the YAML and XML of cv::FileStorage."""

from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError, OutputError
from leadline.geometry.camera import DistortedCamera, DistortionModel
from leadline.geometry.lens import likely_model
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.atomic import atomic_write
from leadline.io.calib_found import Calibration, LengthUnit, named_unit, scaled_translation
from leadline.io.calib_projections import rig_from_projections, rig_from_q
from leadline.io.calib_values import ImageSize, Tree, image_size, numbers, pinhole

_MODELS: dict[str, DistortionModel] = {
    "radtan": "radtan",
    "plumbbob": "radtan",
    "rationalpolynomial": "radtan",
    "equidistant": "equidistant",
    "fisheye": "equidistant",
}
# Names seen in the wild, after lower-casing and without _ and -: OpenCV's samples, its tutorials, ROS, stereo kits.
_SIDES = (("1", "left", "l"), ("2", "right", "r"))
_MATRIX_NAMES = ("m{}", "k{}", "cameramatrix{}", "{}cameramatrix", "cammatrix{}", "mtx{}", "intrinsics{}", "{}k")
_DISTORTION_NAMES = ("d{}", "distcoeffs{}", "{}distcoeffs", "distortion{}", "dist{}", "distortioncoefficients{}", "{}d")


_ONE_MATRIX_NAMES = ("cameramatrix", "k", "m", "mtx", "intrinsics", "intrinsicmatrix", "intrinsic")
_ONE_DISTORTION_NAMES = ("distortioncoefficients", "distcoeffs", "distcoeff", "dist", "d", "distortion")
_PROJECTION_NAMES = ("p{}", "projection{}", "projectionmatrix{}", "{}projection", "{}projectionmatrix", "projmat{}")


def is_opencv(fields: Tree) -> bool:
    """Whether the file has a first camera matrix, the extrinsics R and T, P1 and P2, or Q by a usual name."""
    names = _flat(fields)
    projections = [_find(names, _PROJECTION_NAMES, side) for side in _SIDES]
    return (
        _find(names, _MATRIX_NAMES, _SIDES[0]) is not None
        or {"r", "t"} <= names.keys()
        or None not in projections
        or "q" in names
    )


def parse_opencv_xml(text: str) -> Tree:
    """The top-level values of an OpenCV XML file, in the form that its YAML has.

    Raises:
        CalibrationError: If it is not whole XML, or defines entities, which no calibration does.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise CalibrationError("expected plain XML of cv::FileStorage, got one with a DOCTYPE; write it with OpenCV")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise CalibrationError("expected whole XML of cv::FileStorage, got a damaged file; write it again") from error
    fields: dict[str, object] = {}
    for element in root:
        children = {child.tag: (child.text or "").split() for child in element}
        plain = (element.text or "").strip().strip('"')
        fields[element.tag] = (
            {name: values if name == "data" else " ".join(values) for name, values in children.items()}
            if children
            else plain
        )
    return fields


def parse_opencv(fields: Tree, size: ImageSize | None, unit: LengthUnit | None = None) -> Calibration:
    """Two cameras from stereoCalibrate's M1 D1 M2 D2 R T (or K1, cameraMatrix1, distCoeffs1 and the like).

    stereoCalibrate gives T in the unit in which the board's squares were measured, and files do not say which: T is
    taken as metres, unless `translation_unit` (m, cm or mm) says otherwise; an implausible baseline is refused.
    `distortion_model: equidistant` (or fisheye) marks cv::fisheye's coefficients. Where the file also has
    stereoRectify's P1 and P2 (or Q), these are its cameras of rectified images.

    Args:
        fields: The file's values.
        size: (height, width), for a file that does not state it.
        unit: Of T; what the file says, or metres, if absent.
    Raises:
        CalibrationError: If something is missing, contradictory or impossible.
    Source: OpenCV documentation, calib3d, stereoCalibrate, fisheye::stereoCalibrate and stereoRectify.
    Example:
        >>> matrix, turn = [500, 0, 320, 0, 500, 240, 0, 0, 1], [1, 0, 0, 0, 1, 0, 0, 0, 1]
        >>> fields = {"M1": matrix, "D1": [0] * 5, "M2": matrix, "D2": [0] * 5, "R": turn, "T": [-120, 0, 0]}
        >>> parse_opencv({**fields, "translation_unit": "mm"}, (480, 640)).raw.baseline_m
        0.12
    """
    names = _flat(fields)
    if any(name in names for name in ("xi", "xi1", "xi2", "xil", "xir")):
        raise CalibrationError(
            "expected pinhole or fisheye cameras, got OpenCV's omnidirectional model (xi); calibrate them as fisheye "
            "cameras "
            "(equidistant)"
        )
    found = _size(names, size)
    taken_as = unit or _unit(names)
    has_raw = _find(names, _MATRIX_NAMES, _SIDES[0]) is not None or {"r", "t"} <= names.keys()
    rectified, notes = _rectified(names, found, taken_as)
    if not has_raw and rectified is not None:
        return Calibration("OpenCV stereoRectify file", rectified, notes=(*_unit_note(rectified, taken_as), *notes))
    model, model_notes = _model(names, found)
    left, right = (_camera(names, side, found, model) for side in _SIDES)
    transform = np.eye(4)
    transform[:3, :3] = _rotation(names)
    transform[:3, 3], notes = scaled_translation(_matrix(names.get("t"), "T", (3,)), taken_as)
    raw = UnrectifiedRig(left, right, transform)
    notes = (*_unit_note(raw, taken_as), *notes, *model_notes)
    return Calibration("OpenCV stereoCalibrate file", rectified, raw, notes)


def _unit_note(rig: StereoRig | UnrectifiedRig, unit: LengthUnit) -> tuple[str, ...]:
    if unit.stated:
        return ()
    return (f"states no unit of its translation, taken as metres: baseline {rig.baseline_m:.4g} m (translation_unit)",)


def _rectified(names: dict[str, object], size: ImageSize, unit: LengthUnit) -> tuple[StereoRig | None, tuple[str, ...]]:
    """Results of stereoRectify: P1 and P2, else Q."""
    projections = [_find(names, _PROJECTION_NAMES, side) for side in _SIDES]
    if projections[0] is not None and projections[1] is not None:
        left, right = (_matrix(names[name], name, (12,)).reshape(3, 4) for name in projections if name is not None)
        return rig_from_projections(left, right, size, unit, reorder=True)
    if "q" in names:
        return rig_from_q(_matrix(names["q"], "Q", (16,)).reshape(4, 4), size, unit)
    return None, ()


def _model(names: dict[str, object], size: ImageSize) -> tuple[DistortionModel, tuple[str, ...]]:
    """The lens model that the file states, or else the one that its coefficients can only be of."""
    stated = next((str(names[name]) for name in ("distortionmodel", "model", "lensmodel") if name in names), None)
    if stated is not None:
        model = _MODELS.get(stated.lower().replace("_", "").replace("-", ""))
        if model is None:
            raise CalibrationError(f"expected distortion_model radtan or equidistant, got {stated[:40]!r}; recalibrate")
        return model, ()
    found = set[DistortionModel | None]()
    for side in _SIDES:
        lens = _camera(names, side, size, "radtan")
        if len(lens.distortion) != 4:
            return "radtan", ()
        found.add(likely_model(lens.camera, (*lens.distortion[:2], *lens.distortion[2:4])))
    if found == {"equidistant"}:
        return "equidistant", (
            "four coefficients of an unstated lens model, taken as a fisheye's: so wide a lens without barrel "
            "distortion "
            "can be nothing else (distortion_model: radtan if it is)",
        )
    if found != {"radtan"}:
        raise CalibrationError(
            "expected a stated lens model, got four coefficients that may be k1 k2 p1 p2 or a fisheye's k1 k2 k3 k4; "
            "add "
            "the line 'distortion_model: radtan' or 'distortion_model: equidistant' to the calibration file"
        )
    return "radtan", ()


def opencv_camera(fields: Tree, size: ImageSize | None) -> DistortedCamera | None:
    """The camera of a file that has only one: camera_matrix and dist_coeffs; None where it is no such file.

    Raises:
        CalibrationError: If something is impossible.
    """
    names = _flat(fields)
    matrix = next((name for name in _ONE_MATRIX_NAMES if name in names), None)
    if matrix is None or _find(names, _MATRIX_NAMES, _SIDES[1]) is not None:
        return None
    camera = pinhole(_matrix(names[matrix], matrix, (9,)).reshape(3, 3), _size(names, size), matrix)
    nothing: object = list[object]()
    values = next((names[name] for name in _ONE_DISTORTION_NAMES if name in names), nothing)
    coefficients = _matrix(values, "the distortion", (0, 4, 5, 8, 12, 14))
    return DistortedCamera(camera, tuple(coefficients.tolist()), "radtan")


def check_opencv_name(path: Path) -> None:
    """Refuses names that cv::FileStorage does not know, before the work is done.

    Raises:
        OutputError: If the suffix is not .yml, .yaml or .xml.
    """
    if path.suffix.lower() not in (".yml", ".yaml", ".xml"):
        raise OutputError(f"expected a name that ends in .yml, .yaml or .xml, got {path.name}; choose another suffix")


def write_opencv_calibration(path: Path | str, rig: UnrectifiedRig, reprojection_error_px: float) -> None:
    """Writes two calibrated cameras as OpenCV does: M1 D1 M2 D2 R T, with size, unit, lens model and error.

    Args:
        path: .yml, .yaml or .xml; replaced whole if it exists.
        rig: The cameras as calibrated.
        reprojection_error_px: Root mean square over all corners, for whoever reads the file.
    Raises:
        OutputError: If the suffix is another one, the cameras differ in image size or lens model (this form has
            room for one), or the file cannot be written.
    """
    target = Path(path)
    check_opencv_name(target)
    left, right = rig.left, rig.right
    if left.model != right.model or (left.camera.height, left.camera.width) != (
        right.camera.height,
        right.camera.width,
    ):
        raise OutputError("expected cameras of one image size and lens model; calibrate both alike")
    storage = cv2.FileStorage(target.suffix.lower(), cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY)
    storage.write("image_width", left.camera.width)
    storage.write("image_height", left.camera.height)
    storage.write("distortion_model", left.model)
    storage.write("translation_unit", "m")
    storage.write("reprojection_error_px", float(reprojection_error_px))
    for index, camera in ((1, left), (2, right)):
        storage.write(f"M{index}", camera.camera.matrix)
        # An ideal lens is written as four zeros: cv::FileStorage cannot hold an empty matrix.
        storage.write(f"D{index}", np.array([camera.distortion or (0.0, 0.0, 0.0, 0.0)], dtype=np.float64))
    storage.write("R", np.ascontiguousarray(rig.right_from_left[:3, :3]))
    storage.write("T", np.ascontiguousarray(rig.right_from_left[:3, 3:]))
    text = storage.releaseAndGetString()
    with atomic_write(target) as file:
        file.write(text.encode("utf-8"))


def _flat(fields: Tree) -> dict[str, object]:
    return {str(name).lower().replace("_", "").replace("-", ""): value for name, value in fields.items()}


def _find(names: dict[str, object], forms: tuple[str, ...], side: tuple[str, ...]) -> str | None:
    return next((form.format(mark) for mark in side for form in forms if form.format(mark) in names), None)


def _camera(
    names: dict[str, object], side: tuple[str, ...], size: ImageSize, model: DistortionModel
) -> DistortedCamera:
    matrix, distortion = _find(names, _MATRIX_NAMES, side), _find(names, _DISTORTION_NAMES, side)
    if matrix is None or distortion is None:
        missing = f"M{side[0]} (camera matrix)" if matrix is None else f"D{side[0]} (distortion)"
        raise CalibrationError(f"expected {missing} of the {side[1]} camera, got none; check the calibration file")
    values = _matrix(names[matrix], matrix, (9,)).reshape(3, 3)
    coefficients = _matrix(names[distortion], distortion, (4, 5, 8, 12, 14))
    return DistortedCamera(pinhole(values, size, matrix), tuple(coefficients.tolist()), model)


def _matrix(value: object, name: str, counts: tuple[int, ...]) -> Float64[np.ndarray, " n"]:
    """The numbers of an `!!opencv-matrix` (or a plain list), flat."""
    return np.array(numbers(value, name, counts), dtype=np.float64)


def _rotation(names: dict[str, object]) -> Float64[np.ndarray, "3 3"]:
    """R as a matrix or, as some samples write it, a Rodrigues vector."""
    values = _matrix(names.get("r"), "R", (9, 3))
    return values.reshape(3, 3) if values.size == 9 else np.asarray(cv2.Rodrigues(values)[0], dtype=np.float64)


def _unit(names: dict[str, object]) -> LengthUnit:
    stated = names.get("translationunit")
    return LengthUnit(1.0, "metres", stated=False) if stated is None else named_unit(str(stated))


def _size(names: dict[str, object], fallback: ImageSize | None) -> ImageSize:
    """image_width and image_height, or a list [width, height] (cv::Size)."""
    for prefix in ("image", "img", ""):
        if f"{prefix}width" in names and f"{prefix}height" in names:
            return image_size(names[f"{prefix}height"], names[f"{prefix}width"], fallback)
    for name in ("imagesize", "imgsize", "size", "resolution"):
        if name in names:
            width, height = numbers(names[name], name, (2,))
            return image_size(height, width, fallback)
    return image_size(None, None, fallback)
