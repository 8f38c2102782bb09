"""`leadline calibrate`: a stereo camera from images of a board."""

import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.apps.cli.batch import say
from leadline.apps.cli.words import with_options
from leadline.errors import InputError
from leadline.geometry.calibrate import Board, CharucoBoard, Chessboard, StereoCalibration, calibrate_stereo
from leadline.geometry.calibration_report import CameraReport
from leadline.geometry.camera import DistortedCamera, DistortionModel
from leadline.io.atomic import make_output_folder
from leadline.io.board_pdf import describe_board, write_board_pdf
from leadline.io.calib_found import LengthUnit, check_baseline
from leadline.io.calib_opencv import check_opencv_name, write_opencv_calibration
from leadline.io.images import read_image, write_image
from leadline.io.pair_files import FoundPairs, PairFiles, is_many, search_pairs
from leadline.io.pairs import Layout, read_pair
from leadline.results.stereo import refuse_existing
from leadline.visual.corners import corner_sheet

_GOOD_ERROR_PX: Final = 0.5
_GOOD_COVERAGE: Final = 0.6
_METRES: Final = LengthUnit(1.0, "metres", stated=False)

_Grey = UInt8[np.ndarray, "_ _"]


def calibrate(
    left: str | None = None,
    right: str | None = None,
    /,
    *,
    rows: int,
    columns: int,
    square_m: float | None = None,
    square_mm: float | None = None,
    board: str = "chessboard",
    marker_m: float | None = None,
    dictionary: str = "DICT_5X5_250",
    legacy: bool = False,
    lens: DistortionModel = "radtan",
    output: Path = Path("calibration.yml"),
    overwrite: bool = False,
    layout: Layout | None = None,
) -> int:
    """Calibrate a stereo camera from images of a board; OpenCV does the work.

    Take ten to twenty pairs, the board tilted by 30 degrees and more, each time differently, and in all corners of
    the image. The file goes to `leadline rectify --calibration`; an image beside it shows the corners that were found.
    `--board out.pdf` prints a board instead.

    Args:
        left: Folder or quoted pattern of left images; or of images with both views.
        right: The right images, taken at the same moments; matched by name.
        rows: Inner corners in a column of a chessboard; squares in a column of a ChArUco board.
        columns: Inner corners in a row of a chessboard; squares in a row of a ChArUco board.
        square_m: Side of a square, metres.
        square_mm: The same in millimetres; one of the two is needed.
        board: What the images show: chessboard or charuco. Or a .pdf file to print a board into, a ChArUco board if
            --marker-m is given.
        marker_m: Side of a marker of a ChArUco board, metres.
        dictionary: Marker dictionary of a ChArUco board.
        legacy: The ChArUco board was made by OpenCV before 4.6.
        lens: Lens model: radtan up to about 100 degrees of view, equidistant for fisheyes.
        output: The file to write: .yml, .yaml or .xml.
        overwrite: Replace the file if it exists.
        layout: How two views lie in one image.
    """
    pdf = Path(board) if board.lower().endswith(".pdf") else None
    kind = board if pdf is None else "chessboard" if marker_m is None else "charuco"
    shown = _board(kind, rows, columns, _side_m(square_m, square_mm), marker_m, dictionary, legacy)
    if pdf is not None:
        return _print_board(pdf, shown, overwrite)
    if left is None:
        raise InputError("expected LEFT, a folder or pattern of images, got none; or --board FILE.pdf to print a board")
    check_opencv_name(output)
    sheet = output.with_suffix(".corners.png")
    refuse_existing(output.parent, (output.name, sheet.name), overwrite)
    found = search_pairs(left, right)
    if not is_many(left):
        raise InputError(f"expected a folder or a quoted pattern of images, got the file {left}; name its folder")
    say(f"note: {with_options(note)}" for note in found.notes)
    lefts, rights = _read(found, layout)
    calibration = calibrate_stereo(lefts, rights, shown, lens)
    check_baseline(calibration.rig.baseline_m, _METRES)
    make_output_folder(output.parent)
    write_opencv_calibration(output, calibration.rig, calibration.error_px)
    first = next(index for index, view in enumerate(calibration.views) if view.used)
    backgrounds, corners = (lefts[first], rights[first]), (calibration.left_corners, calibration.right_corners)
    write_image(sheet, corner_sheet(backgrounds, corners))
    _report(found.pairs, calibration)
    print(f"{output}, {sheet.name}")
    return 0


def _print_board(path: Path, board: Board, overwrite: bool) -> int:
    refuse_existing(path.parent, (path.name,), overwrite)
    make_output_folder(path.parent)
    page = write_board_pdf(path, board)
    print(f"{path}: {page}. {describe_board(board)}")
    print("print it at 100 %, glue it on something flat, and measure a square")
    return 0


def _side_m(square_m: float | None, square_mm: float | None) -> float:
    if (square_m is None) == (square_mm is None):
        raise InputError("expected the side of a square as --square-m or --square-mm, got both or neither; give one")
    return square_m if square_m is not None else (square_mm or 0.0) / 1000.0


def _read(found: FoundPairs, layout: Layout | None) -> tuple[list[_Grey], list[_Grey]]:
    lefts, rights = list[_Grey](), list[_Grey]()
    for files in found.pairs:
        if files.right is None:
            pair = read_pair(files.left, None, layout=layout or "side-by-side")
            views = pair.left, pair.right
        else:
            views = read_image(files.left).pixels, read_image(files.right).pixels
        for view, side in zip(views, (lefts, rights), strict=True):
            side.append(np.asarray(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), dtype=np.uint8))
    return lefts, rights


def _report(pairs: tuple[PairFiles, ...], found: StereoCalibration) -> None:
    for files, view in zip(pairs, found.views, strict=True):
        if view.left_error_px is not None and view.right_error_px is not None:
            errors = f"{view.left_error_px:.3f} px left, {view.right_error_px:.3f} px right, {view.corners} corners"
            print(f"  {files.left.name}: {errors}{'' if view.used else f'; left out: {view.reason}'}")
        else:
            print(f"  {files.left.name}: left out: {view.reason}")
    used = sum(view.used for view in found.views)
    print(f"reprojection error {found.error_px:.3f} px over {used} of {len(found.views)} pairs")
    sides = (("left", found.rig.left, found.left_report), ("right", found.rig.right, found.right_report))
    for side, lens, report in sides:
        _print_camera(side, lens, report)
    print(f"baseline {found.rig.baseline_m:.4f} m, left focal length {found.rig.left.camera.focal_x_px:.2f} px")
    if found.error_px > _GOOD_ERROR_PX:
        print(
            f"warning: a good calibration stays below {_GOOD_ERROR_PX} px; check the board's size, sharpness and "
            "flatness, and take more images",
            file=sys.stderr,
        )


def _print_camera(side: str, lens: DistortedCamera, report: CameraReport) -> None:
    camera = lens.camera
    words = "" if report.coverage >= _GOOD_COVERAGE else ": bring the board into all corners of the image"
    print(f"{side} camera {camera.width}x{camera.height}, corners in {report.coverage:.0%} of its image{words}")
    names = ("fx", "fy", "cx", "cy")
    values = (camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px)
    deviations = (*report.focal_deviation_px, *report.center_deviation_px)
    print("  " + ", ".join(f"{n} {v:.2f} +- {d:.2f} px" for n, v, d in zip(names, values, deviations, strict=True)))
    names = ("k1", "k2", "k3", "k4") if lens.model == "equidistant" else ("k1", "k2", "p1", "p2")
    parts = zip(names, lens.distortion, report.distortion_deviation, strict=True)
    print("  " + ", ".join(f"{name} {value:.4f} +- {deviation:.4f}" for name, value, deviation in parts))


def _board(
    kind: str,
    rows: int,
    columns: int,
    square_m: float,
    marker_m: float | None,
    dictionary: str,
    legacy: bool,
) -> Board:
    if kind not in ("chessboard", "charuco"):
        raise InputError(f"expected --board chessboard, charuco or a .pdf file to print one into, got {kind!r}")
    if kind == "chessboard":
        if marker_m is not None or legacy:
            raise InputError(
                "expected neither --marker-m nor --legacy for a chessboard, got one; add --board charuco if meant"
            )
        return Chessboard(rows, columns, square_m)
    if marker_m is None:
        raise InputError("expected --marker-m for a ChArUco board, got none; measure the side of a marker")
    return CharucoBoard(rows, columns, square_m, marker_m, dictionary, legacy)
