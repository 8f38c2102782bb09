"""COLMAP's text models: cameras.txt and images.txt."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.geometry.trajectory import rotation_of_quaternion
from leadline.io.calib_values import image_size, number
from leadline.io.text import read_lines

_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class ColmapCamera:
    """A camera of any of COLMAP's models.

    Args:
        model: Its name, such as PINHOLE or THIN_PRISM_FISHEYE.
        height: Rows of its images.
        width: Columns of its images.
        parameters: In the model's own order.
    """

    model: str
    height: int
    width: int
    parameters: tuple[float, ...]

    def pinhole(self) -> Pinhole | None:
        """The camera if its model has no distortion, else None.

        COLMAP puts the centre of the first pixel at (0.5, 0.5), we put it at (0, 0).

        Raises:
            CalibrationError: If the camera cannot exist.
        Example:
            >>> ColmapCamera("SIMPLE_PINHOLE", 480, 640, (500.0, 320.0, 240.0)).pinhole().center_x_px
            319.5
        """
        if self.model == "PINHOLE" and len(self.parameters) == 4:
            focal_x, focal_y, x, y = self.parameters
        elif self.model == "SIMPLE_PINHOLE" and len(self.parameters) == 3:
            focal_x, x, y = self.parameters
            focal_y = focal_x
        else:
            return None
        return Pinhole(focal_x, focal_y, x - 0.5, y - 0.5, self.height, self.width)


def read_colmap_cameras(path: Path | str) -> dict[int, ColmapCamera]:
    """The cameras of a cameras.txt by their numbers.

    Raises:
        InputError: If it is missing or no text.
        CalibrationError: If a line is not CAMERA_ID MODEL WIDTH HEIGHT PARAMS.
    Source: COLMAP documentation, "Output format".
    """
    cameras: dict[int, ColmapCamera] = {}
    for line in read_lines(path, "COLMAP's cameras.txt"):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 5 or _NUMBER.fullmatch(fields[0]) is None:
            raise CalibrationError(
                f"expected CAMERA_ID MODEL WIDTH HEIGHT PARAMS, got {line[:60]!r} in {path}; export the model again"
            )
        height, width = image_size(fields[3], fields[2], None)
        parameters = tuple(number(value, f"a parameter in {path}") for value in fields[4:])
        cameras[int(fields[0])] = ColmapCamera(fields[1], height, width, parameters)
    return cameras


def read_colmap_images(path: Path | str) -> dict[str, int]:
    """The camera's number for each image of an images.txt, by the image's name.

    Each image has two lines: IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then its points, which may be none.

    Raises:
        InputError: If it is missing or no text.
        CalibrationError: If an image's first line has another form.
    Source: COLMAP documentation, "Output format".
    """
    return {fields[9]: int(fields[8]) for fields in _image_lines(path)}


def read_colmap_poses(path: Path | str) -> dict[str, Float64[np.ndarray, "4 4"]]:
    """The pose of each image of an images.txt, camera from world, by the image's name.

    Raises:
        InputError: If it is missing or no text, or a quaternion is none.
        CalibrationError: If an image's first line has another form.
    Source: COLMAP documentation, "Output format": a point X of the world lies at R X + t in the camera's frame.
    """
    poses: dict[str, Float64[np.ndarray, "4 4"]] = {}
    for fields in _image_lines(path):
        w, x, y, z, *shift = (number(value, f"a pose in {path}") for value in fields[1:8])
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation_of_quaternion(np.array([x, y, z, w])), shift
        poses[fields[9]] = pose
    return poses


def _image_lines(path: Path | str) -> Iterator[list[str]]:
    """The ten fields of each image's first line."""
    lines = iter(read_lines(path, "COLMAP's images.txt"))
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        fields = line.strip().split(maxsplit=9)
        if len(fields) != 10 or _NUMBER.fullmatch(fields[8]) is None:
            raise CalibrationError(
                f"expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, got {line[:60]!r} in {path}; "
                "export the model again"
            )
        yield fields
        next(lines, None)
