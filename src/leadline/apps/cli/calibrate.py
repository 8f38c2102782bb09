"""`leadline calibrate`: a stereo camera from images of a board."""

import sys
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.geometry.calibrate import Board, CharucoBoard, Chessboard, calibrate_stereo
from leadline.geometry.camera import DistortionModel
from leadline.io.atomic import make_output_folder
from leadline.io.calib_opencv import check_opencv_name, write_opencv_calibration
from leadline.io.images import read_image
from leadline.io.pair_files import list_images
from leadline.results.stereo import refuse_existing

_GOOD_ERROR_PX: Final = 0.5


def calibrate(
    left: str,
    right: str,
    /,
    *,
    rows: int,
    columns: int,
    square_m: float,
    board: Literal["chessboard", "charuco"] = "chessboard",
    marker_m: float | None = None,
    dictionary: str = "DICT_5X5_250",
    legacy: bool = False,
    lens: DistortionModel = "radtan",
    output: Path = Path("calibration.yml"),
    overwrite: bool = False,
) -> int:
    """Calibrate a stereo camera from images of a board; OpenCV does the work.

    Take ten to twenty pairs, the board tilted by 30 degrees and more, each time differently, and in all corners of
    the image. The file goes to `leadline rectify --calibration`.

    Args:
        left: Folder or quoted pattern of left images.
        right: The right images, taken at the same moments and with the same order of names.
        rows: Inner corners in a column of a chessboard; squares in a column of a ChArUco board.
        columns: Inner corners in a row of a chessboard; squares in a row of a ChArUco board.
        square_m: Side of a square, metres.
        board: What the images show.
        marker_m: Side of a marker of a ChArUco board, metres.
        dictionary: Marker dictionary of a ChArUco board.
        legacy: The ChArUco board was made by OpenCV before 4.6.
        lens: Lens model: radtan up to about 100 degrees of view, equidistant for fisheyes.
        output: The file to write: .yml, .yaml or .xml.
        overwrite: Replace the file if it exists.
    """
    shown = _board(board, rows, columns, square_m, marker_m, dictionary, legacy)
    check_opencv_name(output)
    refuse_existing(output.parent, (output.name,), overwrite)
    lefts, rights = list_images(left), list_images(right)
    found = calibrate_stereo([_grey(path) for path in lefts], [_grey(path) for path in rights], shown, lens)
    for path, view in zip(lefts, found.views, strict=True):
        if view.left_error_px is not None and view.right_error_px is not None:
            errors = f"{view.left_error_px:.3f} px left, {view.right_error_px:.3f} px right, {view.corners} corners"
            print(f"  {path.name}: {errors}{'' if view.used else f'; left out: {view.reason}'}")
        else:
            print(f"  {path.name}: left out: {view.reason}")
    make_output_folder(output.parent)
    write_opencv_calibration(output, found.rig, found.error_px)
    used = sum(view.used for view in found.views)
    print(f"reprojection error {found.error_px:.3f} px over {used} of {len(found.views)} pairs")
    print(f"baseline {found.rig.baseline_m:.4f} m, left focal length {found.rig.left.camera.focal_x_px:.2f} px")
    if found.error_px > _GOOD_ERROR_PX:
        print(
            f"warning: a good calibration stays below {_GOOD_ERROR_PX} px; check the board's size, sharpness and "
            "flatness, and take more images",
            file=sys.stderr,
        )
    print(output)
    return 0


def _board(
    kind: Literal["chessboard", "charuco"],
    rows: int,
    columns: int,
    square_m: float,
    marker_m: float | None,
    dictionary: str,
    legacy: bool,
) -> Board:
    if kind == "chessboard":
        if marker_m is not None or legacy:
            raise InputError(
                "expected neither --marker-m nor --legacy for a chessboard, got one; add --board charuco if meant"
            )
        return Chessboard(rows, columns, square_m)
    if marker_m is None:
        raise InputError("expected --marker-m for a ChArUco board, got none; measure the side of a marker")
    return CharucoBoard(rows, columns, square_m, marker_m, dictionary, legacy)


def _grey(path: Path) -> UInt8[np.ndarray, "h w"]:
    return np.asarray(cv2.cvtColor(read_image(path).pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
