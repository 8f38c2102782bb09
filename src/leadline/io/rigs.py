"""Calibration files that fit the images at hand."""

from pathlib import Path

from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib import read_calibration

Size = tuple[int, int]
"""(height, width)"""


def rectified_rig(path: Path, size: Size) -> tuple[StereoRig, tuple[str, ...]]:
    """The cameras of rectified images.

    Args:
        path: Any calibration of rectified images that `read_calibration` reads.
        size: (height, width) of both images.
    Returns:
        The rig, scaled to the images if they were resized, and notes for the user.
    Raises:
        InputError: If there is no such file, or the images' shape is another one than calibrated.
        CalibrationError: If the file is unusable, or its images are not rectified.
    """
    rig = read_calibration(path, size)
    if isinstance(rig, UnrectifiedRig):
        raise CalibrationError(
            f"expected a calibration of rectified images, got one with lens distortion in {path}; run `leadline "
            "rectify` first, then use its im0.png, im1.png and calib.txt"
        )
    if not _needs_scaling((rig.left, rig.right), (size, size), path):
        return rig, ()
    return rig.scaled(*size), (_scaling_note(path, rig.left, size),)


def unrectified_rig(path: Path, sizes: tuple[Size, Size]) -> tuple[UnrectifiedRig, tuple[str, ...]]:
    """The cameras of images that are not rectified.

    Args:
        path: Any calibration with distortion and extrinsics that `read_calibration` reads.
        sizes: (height, width) of the left and of the right image.
    Returns:
        The rig, scaled to the images if both were resized alike, and notes for the user.
    Raises:
        InputError: If there is no such file, or the images' shape is another one than calibrated.
        CalibrationError: If the file is unusable, or its images are rectified already.
    """
    rig = read_calibration(path, sizes[0])
    if isinstance(rig, StereoRig):
        raise CalibrationError(
            f"expected a calibration with distortion and extrinsics, got one of rectified images in {path}; "
            "give it to `leadline stereo` as it is"
        )
    if not _needs_scaling((rig.left.camera, rig.right.camera), sizes, path):
        return rig, ()
    return rig.scaled(*sizes[0]), (_scaling_note(path, rig.left.camera, sizes[0]),)


def _needs_scaling(cameras: tuple[Pinhole, Pinhole], sizes: tuple[Size, Size], path: Path) -> bool:
    """Whether the images are not as calibrated but both of one other size of the same shape."""
    if all((camera.height, camera.width) == size for camera, size in zip(cameras, sizes, strict=True)):
        return False
    for camera, (height, width) in zip(cameras, sizes, strict=True):
        # Resizing rounds a side to whole pixels.
        if sizes[0] != sizes[1] or abs(camera.height * width / camera.width - height) > 1.0:
            raise InputError(
                f"expected images of {camera.width}x{camera.height} as calibrated in {path}, or both resized to "
                f"that shape, got {width}x{height}; use the images' own calibration"
            )
    return True


def _scaling_note(path: Path, camera: Pinhole, size: Size) -> str:
    return f"{path}: calibrated at {camera.width}x{camera.height}, scaled to the images' {size[1]}x{size[0]}"
