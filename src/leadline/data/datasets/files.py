"""Helpers of the adapters: finding files, and pairing an image with its truth."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.grey_png import read_depth_png
from leadline.io.images import read_image
from leadline.io.text import read_lines
from leadline.maps import DepthKind, DepthMap
from leadline.samples import DepthSample


def find_files(root: Path, pattern: str) -> list[Path]:
    """The files under a folder that match a pattern, in the natural order of their names (2 before 10).

    Args:
        root: The dataset's folder.
        pattern: Relative to it, as for `Path.glob`.
    Raises:
        InputError: If there is no such folder or no such file in it.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("10.png", "2.png"):
        ...         Path(folder, name).touch()
        ...     [path.name for path in find_files(Path(folder), "*.png")]
        ['2.png', '10.png']
    """
    if not root.is_dir():
        raise InputError(f"expected a dataset's folder at {root}, got no folder; check the path")
    found = sorted(root.glob(pattern), key=lambda path: _natural(path.relative_to(root).as_posix()))
    if not found:
        raise InputError(f"expected files {pattern} in {root}, found none; check the path and what was unpacked there")
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that compares runs of digits by their value."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]


def first_file(candidates: Iterable[Path], expected: str) -> Path:
    """The first of some possible files that exists.

    Args:
        candidates: At least one.
        expected: What it should be, for the message: "an image".
    Raises:
        InputError: If none exists.
    """
    tried = list(candidates)
    for path in tried:
        if path.is_file():
            return path
    raise InputError(f"expected {expected} at {tried[0]}, got no such file; fetch it or take it out of the list")


def read_entries(path: Path | str, expected: str) -> list[str]:
    """The lines of a list without its blank lines and # comments, stripped.

    Args:
        path: The list.
        expected: What it should be, for the message: "a split list".
    Raises:
        InputError: If it is missing, no text, or has no entry.
    """
    lines = [line.strip() for line in read_lines(path, expected)]
    entries = [line for line in lines if line and not line.startswith("#")]
    if not entries:
        raise InputError(f"expected {expected} with entries, got none in {path}; name the right list")
    return entries


def name_in(root: Path, path: Path) -> str:
    """A file's name within a dataset: its path from the root without the suffix.

    Example:
        >>> name_in(Path("nyu"), Path("nyu/kitchen/1.png"))
        'kitchen/1'
    """
    return path.relative_to(root).with_suffix("").as_posix()


def require_size(name: Path, got: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Refuses a layer of another size than its image.

    Args:
        name: The layer's file.
        got: Its (height, width).
        wanted: The image's (height, width).
    Raises:
        InputError: If they differ.
    """
    if got != wanted:
        raise InputError(
            f"expected the image's (height, width) {wanted}, got {got} in {name}; fetch both again in one resolution"
        )


def camera_if_fitting(camera: Pinhole, image: UInt8[np.ndarray, "h w 3"]) -> Pinhole | None:
    """A dataset's published camera, if the image has the size that it was calibrated for; else None."""
    return camera if image.shape[:2] == (camera.height, camera.width) else None


def depth_sample(
    image: UInt8[np.ndarray, "h w 3"],
    depth: Float32[np.ndarray, "h2 w2"],
    valid: Bool[np.ndarray, "h2 w2"],
    annotation: DepthKind,
    key: str,
    source: Path,
) -> DepthSample:
    """A sample without a camera; its depth is 0 wherever it is not valid, be the code for that inf or NaN.

    Args:
        image: The image.
        depth: Its truth.
        valid: Where that is known.
        annotation: What it means.
        key: The sample's name.
        source: The truth's file, for the message.
    Raises:
        InputError: If image and truth differ in size.
    """
    require_size(source, depth.shape, image.shape[:2])
    return DepthSample(key, image, DepthMap(np.where(valid, depth, np.float32(0.0)), valid, annotation))


def read_rgbd(image: Path, depth: Path, units_per_m: float, key: str) -> DepthSample:
    """An image with metric depth in a 16-bit PNG where 0 is unknown.

    Args:
        image: The image's file.
        depth: The PNG.
        units_per_m: The sample that stands for one metre.
        key: The sample's name.
    Raises:
        InputError: If a file cannot be read, or they differ in size.
    """
    return depth_sample(read_image(image).pixels, *read_depth_png(depth, units_per_m), "metric", key, depth)
