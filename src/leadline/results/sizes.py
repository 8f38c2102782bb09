"""Sizes of images that one focal length is given for."""

from collections.abc import Sequence
from pathlib import Path

from leadline.errors import InputError
from leadline.io.images import image_size
from leadline.io.rigs import states_size

_SAME_SHAPE = 0.02


def require_fitting_sizes(
    paths: Sequence[Path],
    focal_px: float | None = None,
    fov_deg: float | None = None,
    calibration: Path | None = None,
) -> None:
    """Refuses images of several sizes where what is known of their camera holds for one size only.

    A focal length in pixels, and a calibration that does not say the size of its images, hold for one size; a field of
    view across the width holds for one shape.

    Args:
        paths: The images; those whose header cannot be read are passed over.
        focal_px: Focal length that is given for all of them.
        fov_deg: Field of view that is given for all of them.
        calibration: Calibration that is given for all of them.
    Raises:
        InputError: If their sizes, or shapes, differ.
    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from leadline.io.images import write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     paths = [Path(folder, name) for name in ("a.png", "b.png")]
        ...     for path, width in zip(paths, (64, 128)):
        ...         write_image(path, np.zeros((48, width), np.uint8))
        ...     require_fitting_sizes(paths, focal_px=500.0)
        Traceback (most recent call last):
        leadline.errors.InputError: expected images of one size for a focal length in pixels, got 64x48 (a.png) and ...
    """
    if len(paths) < 2 or (focal_px, fov_deg, calibration) == (None, None, None):
        return
    if calibration is not None and states_size(calibration):
        return
    found = dict[tuple[int, int], Path]()
    for path in paths:
        try:
            size = image_size(path)
        except InputError:
            continue
        alike = [other for other in found if fov_deg is not None and _same_shape(size, other)]
        if not alike:
            found.setdefault(size, path)
    if len(found) < 2:
        return
    words = " and ".join(f"{size[1]}x{size[0]} ({path.name})" for size, path in [*found.items()][:2])
    if fov_deg is not None:
        raise InputError(
            f"expected images of one shape for a field of view across the width, got {words}; do each shape by itself"
        )
    known = "a focal length in pixels" if calibration is None else f"{calibration}, which states no size"
    raise InputError(f"expected images of one size for {known}, got {words}; do each size by itself")


def _same_shape(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return abs(first[0] * second[1] / (first[1] * second[0]) - 1.0) < _SAME_SHAPE
