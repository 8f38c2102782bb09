"""The image that a result lies on: read, rectified and turned as the command did that made the result."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError, LeadlineError
from leadline.geometry.camera import Pinhole
from leadline.io.files import read_bytes
from leadline.io.images import read_image
from leadline.io.pairs import read_pair
from leadline.io.ply import read_ply
from leadline.io.video import is_film, open_frames
from leadline.results.rigs import RigGiven, RigMaker, length_unit

Image = UInt8[np.ndarray, "_ _ 3"]
Found = tuple[Image | None, tuple[str, ...]]
"""An image, or None, and notes for the user."""
_COPY: Final = "im0.png"
"""The left image where `leadline demo` keeps a copy."""


def stereo_image(folder: Path, summary: Mapping[str, Any], size: tuple[int, int]) -> Found:
    """The left image of a stereo result, rectified if its calibration is of raw cameras.

    Args:
        folder: Of the result.
        summary: Content of its summary.json.
        size: (height, width) of the result.
    Returns:
        The image, or None with a note that says why.
    """
    for copy in (folder / _COPY, folder.parent / _COPY):
        if copy.is_file() and not summary.get("left"):
            return _fitting(read_image(copy).pixels, size, copy)
    options = request_options(summary)
    left, right = summary.get("left"), summary.get("right")
    if not isinstance(left, str):
        return None, ("the summary names no image; give it with --image",)
    doubt = _changed(summary, left)
    if doubt:
        return None, (doubt,)
    try:
        pair = read_pair(left, right, bool(options.get("swap")), options.get("layout"))
        maker = RigMaker(_given(options, both_views=right is None))
        return _fitting(maker.ready(pair).left, size, Path(left))
    except LeadlineError as error:
        return None, (f"no image: {error}",)


def single_image(path: object, summary: Mapping[str, Any], size: tuple[int, int]) -> Found:
    """The image of a result that was made of it as it is.

    Args:
        path: As the summary names it.
        summary: Content of summary.json.
        size: (height, width) of the result.
    Returns:
        The image, or None with a note that says why.
    """
    if not isinstance(path, str):
        return None, ("the summary names no image; give it with --image",)
    doubt = _changed(summary, path)
    if doubt:
        return None, (doubt,)
    try:
        return _fitting(read_image(path).pixels, size, Path(path))
    except LeadlineError as error:
        return None, (f"no image: {error}",)


def first_frame(summary: Mapping[str, Any], size: tuple[int, int]) -> Found:
    """The first of the two frames of a flow: an image, or a frame of a film.

    Args:
        summary: Content of summary.json.
        size: (height, width) of the result.
    """
    first, inputs = summary.get("first"), request_inputs(summary)
    path = next(iter(inputs), first)
    if not isinstance(path, str) or not is_film(path):
        return single_image(path, summary, size)
    try:
        frames = open_frames(path)
        if first not in frames.names:
            return None, (f"no image: {path} has no frame {first} any more",)
        return _fitting(frames.load(frames.names.index(str(first)))[0].pixels, size, Path(path))
    except LeadlineError as error:
        return None, (f"no image: {error}",)


def given_image(path: Path, size: tuple[int, int]) -> Image:
    """The image that the user names.

    Raises:
        InputError: If it has another size.
    """
    image, notes = _fitting(read_image(path).pixels, size, path)
    if image is None:
        raise InputError(notes[0])
    return image


def image_from_cloud(path: Path, camera: Pinhole, is_opengl: bool = False) -> Image | None:
    """The image that the points of a result's cloud show; black where there is no point. None without a cloud.

    Args:
        path: cloud.ply, a point for a pixel.
        camera: Whose pixels they are of.
        is_opengl: Whether y is up and z towards the viewer.
    """
    try:
        cloud = read_ply(path)
    except InputError:
        return None
    points = cloud.points.astype(np.float64) * (np.array([1.0, -1.0, -1.0]) if is_opengl else 1.0)
    kept = points[:, 2] > 0
    points, colours = points[kept], cloud.colors[kept]
    columns = np.rint(camera.focal_x_px * points[:, 0] / points[:, 2] + camera.center_x_px).astype(np.int64)
    rows = np.rint(camera.focal_y_px * points[:, 1] / points[:, 2] + camera.center_y_px).astype(np.int64)
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    image[rows[inside], columns[inside]] = colours[inside]
    return image


def request_options(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of the command that made a result, as its summary has them."""
    request = summary.get("request")
    options = cast("dict[str, Any]", request).get("options") if isinstance(request, dict) else None
    return cast("dict[str, Any]", options) if isinstance(options, dict) else {}


def request_inputs(summary: Mapping[str, Any]) -> dict[str, str]:
    """Path and SHA-256 of each file that a result was made of."""
    request = summary.get("request")
    inputs = cast("dict[str, Any]", request).get("inputs") if isinstance(request, dict) else None
    entries = [entry for entry in inputs or () if isinstance(entry, dict)]
    return {str(entry.get("path")): str(entry.get("sha256")) for entry in entries}


def _given(options: Mapping[str, Any], both_views: bool) -> RigGiven:
    """What the user said of the cameras, as `leadline stereo` takes it."""
    calibration = options.get("calibration")
    path = cast("dict[str, Any]", calibration).get("path") if isinstance(calibration, dict) else calibration
    unit = length_unit(options.get("translation_unit"), options.get("square_mm"))
    return RigGiven(
        None if path is None else Path(path),
        unit,
        options.get("focal_px"),
        options.get("fov"),
        options.get("baseline_m"),
        both_views=both_views,
    )


def _changed(summary: Mapping[str, Any], path: str) -> str | None:
    """Why the file is not the image that the result was made of, if it is not."""
    known = request_inputs(summary)
    try:
        content = read_bytes(path, "an image")
    except InputError as error:
        return f"no image: {error}; or give it with --image"
    if known.get(path) not in (None, hashlib.sha256(content).hexdigest()):
        return f"no image: {path} has changed since the result was made; give the old one with --image"
    return None


def _fitting(image: Image, size: tuple[int, int], path: Path) -> Found:
    if image.shape[:2] == size:
        return image, ()
    return None, (
        f"expected an image of {size[1]}x{size[0]} as the result, got {image.shape[1]}x{image.shape[0]} in {path}; "
        "give the image that it was made of with --image",
    )
