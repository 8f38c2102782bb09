"""`leadline rectify`: matches onto common rows."""

import sys
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.geometry.check import check_pair
from leadline.geometry.rectify import Rectification
from leadline.geometry.rectify import rectify as rectify_calibrated
from leadline.geometry.uncalibrated import rectify_uncalibrated
from leadline.io.atomic import make_output_folder
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.images import write_image
from leadline.io.pairs import ImagePair, read_pair
from leadline.io.rigs import unrectified_rig
from leadline.results.stereo import refuse_existing, remove_files

_FILES: Final = ("im0.png", "im1.png", "calib.txt")


def rectify(
    left: str,
    right: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    uncalibrated: bool = False,
    alpha: float = 0.0,
    output: Path = Path("leadline-rectified"),
    overwrite: bool = False,
    swap: bool = False,
) -> int:
    """Bring the matches of a pair onto common rows: writes im0.png, im1.png and, if calibrated, calib.txt.

    `leadline stereo` takes all three. Without a calibration the turn of the cameras is found from matched features,
    and depth will only be up to scale.

    Args:
        left: Left image.
        right: Right image. Not needed where LEFT holds both views (.mpo, .jps, side by side).
        calibration: OpenCV YAML or XML of stereoCalibrate, Kalibr camchain.yaml, or EuRoC's folder with cam0 and
            cam1 (or cam0's sensor.yaml).
        uncalibrated: Use matched features instead of a calibration.
        alpha: With a calibration: 0 keeps only pixels that both cameras saw, 1 keeps all, with black borders.
        output: Output folder.
        overwrite: Replace files that exist.
        swap: Exchange the views.
    """
    if (calibration is None) != uncalibrated:
        raise InputError("expected either --calibration FILE or --uncalibrated, got both or neither; give one of them")
    refuse_existing(output, _FILES, overwrite)
    pair = read_pair(left, right, swap)
    found, notes = _rectification(pair, calibration, alpha)
    for note in (*pair.notes, *notes):
        print(f"note: {note}", file=sys.stderr)
    views = found.apply(pair.left, pair.right)
    rectified = np.asarray(views[0], dtype=np.uint8), np.asarray(views[1], dtype=np.uint8)
    _write(output, rectified, found)
    print(f"vertical offset before: {_offsets(pair.left, pair.right)}")
    print(f"vertical offset after:  {_offsets(*rectified)}")
    if found.rig is None:
        print("depth will only be up to scale: without a calibration, focal length and baseline are not known")
    else:
        print(f"focal length {found.rig.left.focal_x_px:.2f} px, baseline {found.rig.baseline_m:.4f} m")
    height, width = rectified[0].shape[:2]
    print(f"{output}: {', '.join(_FILES if found.rig else _FILES[:2])}, {width}x{height}")
    return 0


def _rectification(pair: ImagePair, calibration: Path | None, alpha: float) -> tuple[Rectification, tuple[str, ...]]:
    if calibration is None:
        return rectify_uncalibrated(pair.left, pair.right), ()
    left_size, right_size = pair.left.shape[:2], pair.right.shape[:2]
    rig, notes = unrectified_rig(calibration, (left_size, right_size))
    return rectify_calibrated(rig, alpha), notes


def _write(
    output: Path, views: tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]], found: Rectification
) -> None:
    make_output_folder(output)
    remove_files(output, _FILES)
    try:
        for name, view in zip(_FILES, views, strict=False):
            write_image(output / name, view)
        if found.rig is not None:
            write_middlebury_calibration(output / "calib.txt", found.rig)
    except BaseException:
        remove_files(output, _FILES)
        raise


def _offsets(left: UInt8[np.ndarray, "_ _ 3"], right: UInt8[np.ndarray, "_ _ 3"]) -> str:
    """Median and 95th percentile, or why they are not known."""
    if left.shape != right.shape:
        return "not known, the images differ in size"
    check = check_pair(left, right)
    if check.median_abs_offset_px is None or check.p95_abs_offset_px is None:
        return f"not known, {check.verdict}"
    return (
        f"median {check.median_abs_offset_px:.2f} px, 95 % {check.p95_abs_offset_px:.2f} px "
        f"({check.matches} matched features)"
    )
