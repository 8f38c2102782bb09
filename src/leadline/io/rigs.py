"""Calibration files that fit the images at hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from leadline.errors import CalibrationError, InputError, LeadlineError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib import read_one_camera, read_stereo_calibration
from leadline.io.calib_found import LengthUnit

Size = tuple[int, int]
"""(height, width)"""
_OFF_CENTRE: Final = 0.3
"""How far the centre may be off along both axes, to the same side, where the file states no size."""
_LEAST_FOCAL, _MOST_FOCAL = 0.05, 100.0
"""Focal lengths in diagonals of the image: 168 degrees of view, and half a degree."""


@dataclass(frozen=True, eq=False)
class FittedRig:
    """A calibration at the size of the images.

    Args:
        rectified: The cameras of rectified images, where the file has them and the images fit.
        raw: The cameras as they were built, where the file has them and the images fit.
        notes: For the user.
        disparities: How many disparities the file says to search, px of the images.
        smallest: The smallest disparity that the file says to expect, px of the images.
    """

    rectified: StereoRig | None
    raw: UnrectifiedRig | None
    notes: tuple[str, ...] = ()
    disparities: int | None = None
    smallest: int | None = None


def fitted_rig(path: Path, sizes: tuple[Size, Size], unit: LengthUnit | None = None, grey: bool = False) -> FittedRig:
    """A stereo calibration, its cameras scaled to the images if both were resized alike.

    Args:
        path: Any calibration that `read_stereo_calibration` reads.
        sizes: (height, width) of the left and of the right image.
        unit: As there.
        grey: As there.
    Raises:
        InputError: If there is no such file, or the images' shape is another one than calibrated.
        CalibrationError: If the file is unusable.
    """
    found = read_stereo_calibration(path, sizes[0], unit, grey)
    rectified, raw, failures = found.rectified, found.raw, list[InputError]()
    for camera in (*_cameras(rectified), *_cameras(raw)):
        _require_plausible(camera, path)
    _require_same_scale((*_cameras(rectified), *_cameras(raw))[:1], path)
    notes, ratio = found.notes, 1.0
    if rectified is not None:
        try:
            if _needs_scaling((rectified.left, rectified.right), sizes, path):
                ratio = sizes[0][1] / rectified.left.width
                notes += (_scaling_note(path, rectified.left, sizes[0]),)
                rectified = rectified.scaled(*sizes[0])
        except InputError as error:
            failures.append(error)
            rectified = None
    if raw is not None:
        try:
            if _needs_scaling((raw.left.camera, raw.right.camera), sizes, path):
                note = _scaling_note(path, raw.left.camera, sizes[0])
                notes += () if note in notes else (note,)
                raw = raw.scaled(*sizes[0])
        except InputError as error:
            failures.append(error)
            raw = None
    if rectified is None and raw is None:
        raise failures[0]
    return FittedRig(rectified, raw, notes, _scaled(found.disparities, ratio), _scaled(found.smallest, ratio))


def _scaled(pixels: int | None, ratio: float) -> int | None:
    return None if pixels is None else int(np.copysign(np.ceil(abs(pixels) * ratio), pixels))


def rectified_rig(
    path: Path, size: Size, unit: LengthUnit | None = None, grey: bool = False
) -> tuple[StereoRig, tuple[str, ...]]:
    """The cameras of rectified images.

    Args:
        path: Any calibration of rectified images that `read_stereo_calibration` reads.
        size: (height, width) of both images.
        unit: As there.
        grey: As there.
    Returns:
        The rig, scaled to the images if they were resized, and notes for the user.
    Raises:
        InputError: If there is no such file, or the images' shape is another one than calibrated.
        CalibrationError: If the file is unusable, or its images are not rectified.
    Example:
        >>> import tempfile
        >>> from leadline.io.calib_middlebury import write_middlebury_calibration
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_middlebury_calibration(f"{folder}/calib.txt", StereoRig.from_focal(480, 640, 500.0, 0.12))
        ...     rig, notes = rectified_rig(Path(folder, "calib.txt"), size=(240, 320))
        >>> rig.left.focal_x_px, round(rig.baseline_m, 6)
        (250.0, 0.12)
    """
    found = fitted_rig(path, (size, size), unit, grey)
    if found.rectified is None:
        raise CalibrationError(
            f"expected a calibration of rectified images, got one with lens distortion in {path}; run `leadline "
            "rectify` first, then use its im0.png, im1.png and calib.txt"
        )
    return found.rectified, found.notes


def unrectified_rig(
    path: Path, sizes: tuple[Size, Size], unit: LengthUnit | None = None
) -> tuple[UnrectifiedRig, tuple[str, ...]]:
    """The cameras of images that are not rectified.

    Args:
        path: Any calibration with distortion and extrinsics that `read_stereo_calibration` reads.
        sizes: (height, width) of the left and of the right image.
        unit: As there.
    Returns:
        The rig, scaled to the images if both were resized alike, and notes for the user.
    Raises:
        InputError: If there is no such file, or the images' shape is another one than calibrated.
        CalibrationError: If the file is unusable, or its images are rectified already.
    """
    if read_stereo_calibration(path, sizes[0], unit).raw is None:
        raise CalibrationError(
            f"expected a calibration with distortion and extrinsics, got one of rectified images in {path}; "
            "give it to `leadline stereo` as it is"
        )
    found = fitted_rig(path, sizes, unit)
    if found.raw is None:
        raise InputError(
            f"expected images of the raw cameras in {path}, got those of its rectified ones; use raw images"
        )
    return found.raw, found.notes


def single_camera(path: Path, size: Size) -> tuple[Pinhole, tuple[str, ...]]:
    """The camera of a single image: of a file with one camera, or the left one of a stereo calibration.

    Args:
        path: Any file that `read_one_camera` reads.
        size: (height, width) of the image.
    Returns:
        The camera, scaled to the image if it was resized, and notes for the user.
    Raises:
        InputError: If there is no such file, or the image's shape is another one than calibrated.
        CalibrationError: If the file is unusable.
    """
    camera, distortion, notes = read_one_camera(path, size)
    _require_plausible(camera, path)
    _require_same_scale((camera,), path)
    if any(distortion):
        notes += (f"{path}: its lens distortion is not corrected; points are off towards the corners",)
    if not _needs_scaling((camera, camera), (size, size), path):
        return camera, notes
    return camera.scaled(*size), (*notes, _scaling_note(path, camera, size))


def _cameras(rig: StereoRig | UnrectifiedRig | None) -> tuple[Pinhole, ...]:
    if rig is None:
        return ()
    return (rig.left, rig.right) if isinstance(rig, StereoRig) else (rig.left.camera, rig.right.camera)


def _require_plausible(camera: Pinhole, path: Path) -> None:
    """Refuses focal lengths that are no pixels of the camera's images: in millimetres, or shares of a side."""
    diagonal = float(np.hypot(camera.height, camera.width))
    for focal in (camera.focal_x_px, camera.focal_y_px):
        if not _LEAST_FOCAL * diagonal <= focal <= _MOST_FOCAL * diagonal:
            raise CalibrationError(
                f"expected focal lengths in pixels of {camera.width}x{camera.height} in {path}, got "
                f"{camera.focal_x_px:g} and {camera.focal_y_px:g}; they are not in mm, and no shares of the width"
            )


def _require_same_scale(cameras: tuple[Pinhole, ...], path: Path) -> None:
    """Refuses a calibration of images of another size, where the file states none: its centre tells."""
    for camera in cameras:
        ratios = [
            (2.0 * centre + 1.0) / side
            for centre, side in ((camera.center_x_px, camera.width), (camera.center_y_px, camera.height))
        ]
        beside = all(ratio < 1.0 - _OFF_CENTRE for ratio in ratios) or min(ratios) > 1.0 / (1.0 - _OFF_CENTRE)
        if min(ratios) > 0 and beside and not states_size(path):
            about = f"{ratios[0] * camera.width:.0f}x{ratios[1] * camera.height:.0f}"
            raise CalibrationError(
                f"expected a principal point near the middle of {camera.width}x{camera.height} in {path}, got "
                f"{camera.center_x_px:g}, {camera.center_y_px:g}, the middle of images of about {about}; divide focal "
                f"lengths and centre by {float(np.mean(ratios)):.3g} for these images if they were made smaller, or "
                "larger, by that"
            )


def states_size(path: Path) -> bool:
    """Whether a calibration says how large its images were; one that cannot be read counts as if it did.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "K.txt").write_text("500 0 319.5 0 500 239.5 0 0 1")
        ...     states_size(Path(folder, "K.txt"))
        False
    """
    try:
        return len({read_one_camera(path, size)[0].width for size in ((480, 640), (960, 1280))}) == 1
    except LeadlineError:
        return True


def _needs_scaling(cameras: tuple[Pinhole, Pinhole], sizes: tuple[Size, Size], path: Path) -> bool:
    """Whether the images are not as calibrated but both of one other size of the same shape."""
    if all((camera.height, camera.width) == size for camera, size in zip(cameras, sizes, strict=True)):
        return False
    for camera, (height, width) in zip(cameras, sizes, strict=True):
        # Resizing rounds a side to whole pixels.
        if sizes[0] != sizes[1] or abs(camera.height * width / camera.width - height) > 1.0:
            half = {(1, 2): "half-side-by-side", (2, 1): "half-over-under"}
            ratio = (round(camera.height / height, 3), round(camera.width / width, 3))
            mend = "use the images' own calibration"
            if ratio[0] * 2 == ratio[1] or ratio[0] == ratio[1] * 2:
                squeezed = half[(1, 2) if ratio[0] * 2 == ratio[1] else (2, 1)]
                mend += f", or give the layout {squeezed} if both views were squeezed into one image"
            raise InputError(
                f"expected images of {camera.width}x{camera.height} as calibrated in {path}, or both resized to "
                f"that shape, got {width}x{height}; {mend}"
            )
    return True


def _scaling_note(path: Path, camera: Pinhole, size: Size) -> str:
    return f"{path}: calibrated at {camera.width}x{camera.height}, scaled to the images' {size[1]}x{size[0]}"
