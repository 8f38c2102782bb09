"""Finding and loading single images with depth, as RGB-D cameras give them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.calib_values import ImageSize, numbers, pinhole
from leadline.io.files import read_bytes
from leadline.io.images import decode_image, read_image
from leadline.io.npz import read_npz
from leadline.maps import DepthMap
from leadline.samples import DepthSample

_IMAGE_FOLDERS: Final = ("images", "color", "rgb")
_IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".ppm")
_DEPTH_SUFFIXES: Final = (".png", ".pgm")
_DEPTH_FOLDER: Final = "depth"
_INTRINSICS: Final = "K.txt"
_ARCHIVE: Final = "data.npz"
_FARTHEST_MEDIAN_M: Final = 500.0
_FULL: Final = 65535
_FULL_PIXELS, _FULL_GAP = 16, 0.9
MILLIMETRES: Final = 1000.0
"""Samples of a depth image for one metre, where nothing else is said."""


@dataclass(frozen=True)
class DepthFiles:
    """Places of the files of one scene.

    Args:
        name: The folder and, where it holds several images, the image.
        image: The image, or an archive of image and depth.
        depth: Its depth, if there is any; None beside an archive, which holds its own.
        intrinsics: K.txt, if there is one.
        samples_per_m: Samples of a depth image for one metre.
    """

    name: str
    image: Path
    depth: Path | None = None
    intrinsics: Path | None = None
    samples_per_m: float = MILLIMETRES

    def load(self) -> DepthSample:
        """Reads the files.

        Raises:
            InputError: If a file cannot be read or the sizes differ.
            CalibrationError: If K.txt is no intrinsic matrix.
        """
        if self.image.name == _ARCHIVE:
            image, metres = _read_archive(self.image)
        else:
            image = read_image(self.image).pixels
            metres = None if self.depth is None else _read_depth(self.depth, self.samples_per_m)
        camera = None if self.intrinsics is None else _read_intrinsics(self.intrinsics, image.shape[:2])
        truth = None if metres is None else DepthMap(metres, metres > 0, "metric", camera=camera)
        return DepthSample(self.name, image, truth, camera)


def samples_for_a_metre(unit: str) -> float:
    """Samples of a depth image for one metre.

    Args:
        unit: What a sample stands for: mm, cm, or 1/N of a metre.
    Raises:
        InputError: If it is none of these.
    Example:
        >>> samples_for_a_metre("mm"), samples_for_a_metre("1/256")
        (1000.0, 256.0)
    """
    named = {"mm": MILLIMETRES, "cm": 100.0}
    found = re.fullmatch(r"1/(\d{1,6}(?:\.\d+)?)", unit)
    if unit not in named and (found is None or float(found[1]) <= 0.0):
        raise InputError(f"expected mm, cm or 1/N, such as 1/256, as the unit of depth images, got {unit!r}")
    return named[unit] if found is None else float(found[1])


def find_depth_scenes(root: Path, samples_per_m: float = MILLIMETRES) -> tuple[DepthFiles, ...]:
    """The images with depth under a folder, in the order of their names.

    Args:
        root: One RGB-D folder, or a folder of such folders. An RGB-D folder has either

            - images in images, color or rgb, and depth in depth under the same name but for the suffix: grey 16-bit
              PNG or PGM, 0 where unknown, registered to the image; optionally K.txt, the nine numbers of the intrinsic
              matrix or its four (f_x, f_y, c_x, c_y). An image without depth is a scene without truth; or
            - data.npz with the arrays rgb (height, width, 3; uint8) and depth (height, width; metres; NaN, inf or not
              positive where unknown).
        samples_per_m: Samples of a depth image for one metre: 1000 for millimetres, 256 for KITTI, 5000 for TUM.
    Raises:
        InputError: If there is no such image, or a folder holds depth under other names or in other files only.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(Path(folder, "data.npz"), rgb=np.zeros((2, 3, 3), np.uint8), depth=np.full((2, 3), 1.5))
        ...     scene = find_depth_scenes(Path(folder))[0].load()
        >>> scene.depth[0].tolist(), bool(scene.valid.all())
        ([1.5, 1.5, 1.5], True)
    """
    if not root.is_dir():
        raise InputError(
            f"expected a folder of images with depth, got {root}, which is no folder; check the path, or name the data "
            "set"
        )
    found = _scenes_of(root) or [files for folder in sorted(root.iterdir()) for files in _scenes_of(folder)]
    if not found:
        raise InputError(
            f"expected folders with {', '.join(_IMAGE_FOLDERS[:-1])} or {_IMAGE_FOLDERS[-1]} beside {_DEPTH_FOLDER}, "
            f"or with {_ARCHIVE}, found none in {root}; check the path, or name the data set"
        )
    return tuple(replace(files, samples_per_m=samples_per_m) for files in found)


def load_depth_scenes(root: Path) -> Iterator[DepthSample]:
    """The scenes under a folder, each read from disk when its turn comes.

    Args:
        root: As for `find_depth_scenes`.
    Raises:
        InputError: If there is no scene, or a file cannot be read.
        CalibrationError: If K.txt is no intrinsic matrix.
    """
    return (files.load() for files in find_depth_scenes(root))


def _scenes_of(folder: Path) -> list[DepthFiles]:
    """The images of one RGB-D folder; none if it is something else."""
    name = folder.resolve().name
    if (folder / _ARCHIVE).is_file():
        return [DepthFiles(name, folder / _ARCHIVE)]
    images = next((folder / child for child in _IMAGE_FOLDERS if (folder / child).is_dir()), None)
    if images is None or not (folder / _DEPTH_FOLDER).is_dir():
        return []
    depths = {path.stem: path for path in _files_in(folder / _DEPTH_FOLDER, _DEPTH_SUFFIXES)}
    found = _files_in(images, _IMAGE_SUFFIXES)
    if found and not any(path.stem in depths for path in found):
        _refuse_other_names(found, folder / _DEPTH_FOLDER)
    intrinsics = folder / _INTRINSICS if (folder / _INTRINSICS).is_file() else None
    return [DepthFiles(f"{name}-{path.stem}", path, depths.get(path.stem), intrinsics) for path in found]


def _refuse_other_names(images: list[Path], folder: Path) -> None:
    """Names the depth files that belong to no image, lest the truth be called absent."""
    others = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if others:
        raise InputError(
            f"expected depth under the images' names, as {_DEPTH_FOLDER}/{images[0].stem}.png for {images[0].name}, "
            f"as 16-bit PNG or PGM, got {others[0]}{' and others' if len(others) > 1 else ''} in {folder}; rename or "
            "convert them"
        )


def _files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)


def read_depth_samples(path: Path) -> UInt16[np.ndarray, "h w"]:
    """The samples of a depth image as they are, 0 where depth is unknown.

    A share of pixels at 65535, far above all others, is what some cameras write where they see nothing: unknown, too.

    Raises:
        InputError: If it is no grey 16-bit image.
    """
    samples = decode_image(read_bytes(path, "a depth image"), str(path)).samples
    if samples.dtype != np.uint16 or (samples != samples[..., :1]).any():
        raise InputError(f"expected a grey 16-bit image of depth, got another image in {path}")
    grey = samples[..., 0]
    full = grey == _FULL
    others = grey[~full]
    if full.sum() >= _FULL_PIXELS and (others.size == 0 or others.max() < _FULL_GAP * _FULL):
        grey = np.where(full, np.uint16(0), grey)
    return grey


def _read_depth(path: Path, samples_per_m: float) -> Float32[np.ndarray, "h w"]:
    """Metres, 0 where unknown."""
    return read_depth_samples(path).astype(np.float32) / np.float32(samples_per_m)


def _read_archive(path: Path) -> tuple[UInt8[np.ndarray, "h w 3"], Float32[np.ndarray, "h2 w2"]]:
    """Image, and metres, 0 where unknown."""
    arrays = read_npz(path, ("rgb", "depth"), "an .npz archive with arrays rgb and depth")
    image, depth = arrays["rgb"], arrays["depth"]
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or depth.dtype.kind != "f" or depth.ndim != 2:
        raise InputError(
            f"expected rgb as uint8 (height, width, 3) and depth as floats (height, width) in {path}, "
            f"got {image.dtype} {image.shape} and {depth.dtype} {depth.shape}"
        )
    known: Bool[np.ndarray, "h w"] = np.isfinite(depth) & (depth > 0)
    if known.any() and float(np.median(depth[known])) > _FARTHEST_MEDIAN_M:
        middle = float(np.median(depth[known]))
        raise InputError(
            f"expected depth in metres in {path}, got {middle:g} in the median; divide it by 1000 if it is in "
            f"millimetres ({middle / 1000.0:g} m)"
        )
    return image, np.where(known, depth, 0.0).astype(np.float32)


def _read_intrinsics(path: Path, size: ImageSize) -> Pinhole:
    text = read_bytes(path, "an intrinsic matrix").decode("utf-8", errors="replace")
    found = numbers(text, str(path), (4, 9))
    if len(found) == 4:
        focal_x, focal_y, center_x, center_y = found
        found = [focal_x, 0.0, center_x, 0.0, focal_y, center_y, 0.0, 0.0, 1.0]
    return pinhole(np.reshape(found, (3, 3)), size, str(path))
