"""Calibration of a stereo camera from images of a board."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from leadline.errors import CalibrationError, InputError
from leadline.geometry.calibration_report import CameraReport, camera_report
from leadline.geometry.camera import DistortedCamera, DistortionModel, Pinhole
from leadline.geometry.image import Image, brightness
from leadline.geometry.rig import UnrectifiedRig

# Fewer views leave focal length and distortion to chance; ten to twenty are better.
MIN_VIEWS = 4
# Fewer common corners of a partly hidden ChArUco board are not worth a view.
_MIN_CORNERS = 8
_FEWEST_OF_POSE = 6
# A view this many times worse than the median, and worse than a pixel, was blurred or moved between the cameras.
_TRIED = 5
_SMALLEST_SQUARE_M, _LARGEST_SQUARE_M = 0.0005, 1.0
_OUTLIER_RATIO, _OUTLIER_PX = 3.0, 1.0
# Boards that are all parallel leave the focal length open, and OpenCV's own deviations do not show it.
_MIN_TILT_DEG = 10.0
# Half the side of the window around a corner, as a share of the smallest distance between two, and its bounds.
_WINDOW, _WINDOWS_PX = 0.4, (2, 11)


@dataclass(frozen=True)
class Chessboard:
    """A chessboard.

    Args:
        rows: Inner corners in a column, at least 3.
        columns: Inner corners in a row, at least 3.
        square_m: Side of one square in metres, > 0.
    Raises:
        InputError: If a number is too small.
    Example:
        >>> Chessboard(rows=6, columns=9, square_m=25.0)
        Traceback (most recent call last):
        leadline.errors.InputError: expected the side of a square in metres, ...; 25 mm would be 0.025 m
    """

    rows: int
    columns: int
    square_m: float

    def __post_init__(self) -> None:
        """Refuses boards that cannot be found."""
        _check_board(self.rows, self.columns, self.square_m)


@dataclass(frozen=True)
class CharucoBoard:
    """A chessboard with ArUco markers in its white squares; it may be partly hidden.

    Args:
        rows: Squares in a column, at least 3.
        columns: Squares in a row, at least 3.
        square_m: Side of one square in metres, > 0.
        marker_m: Side of one marker in metres, between 0 and square_m.
        dictionary: OpenCV's name of the markers, such as DICT_5X5_250.
        legacy: Whether it was printed by OpenCV before 4.6, which laid out boards with even rows differently.
    Raises:
        InputError: If a number is too small or the dictionary is unknown.
    """

    rows: int
    columns: int
    square_m: float
    marker_m: float
    dictionary: str = "DICT_5X5_250"
    legacy: bool = False

    def __post_init__(self) -> None:
        """Refuses boards that cannot be found."""
        _check_board(self.rows, self.columns, self.square_m)
        if not 0.0 < self.marker_m < self.square_m:
            raise InputError(f"expected 0 < marker_m < square_m = {self.square_m}, got {self.marker_m}; measure again")
        if not (self.dictionary.startswith("DICT_") and hasattr(cv2.aruco, self.dictionary)):
            raise InputError(f"expected a marker dictionary such as DICT_5X5_250, got {self.dictionary!r}")

    def opencv(self) -> Any:  # noqa: ANN401 - OpenCV's class moves between its modules from version to version
        """The board as OpenCV's `aruco.CharucoBoard`; its `generateImage` prints it."""
        markers = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        board = cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_m, self.marker_m, markers)
        board.setLegacyPattern(self.legacy)
        return board


Board = Chessboard | CharucoBoard


@dataclass(frozen=True)
class CalibrationView:
    """Result of one pair of calibration images.

    Args:
        index: Its place in the sequence, from 0.
        used: Whether it took part.
        reason: Why not; empty if it did.
        corners: Board corners seen by both cameras.
        left_error_px: Root-mean-square reprojection error in the left image, None if it was never fitted.
        right_error_px: The same in the right image.
    """

    index: int
    used: bool
    reason: str
    corners: int
    left_error_px: float | None = None
    right_error_px: float | None = None


@dataclass(frozen=True, eq=False)
class StereoCalibration:
    """A calibrated rig and how well it explains the images.

    Args:
        rig: The cameras.
        error_px: Root-mean-square reprojection error over both cameras and all used views; below 0.5 is good.
        views: One entry for each pair of images given.
        left_report: What is known of the left camera.
        right_report: What is known of the right camera.
        left_corners: Board corners in the left image of each used view.
        right_corners: The same corners in the right image.
    """

    rig: UnrectifiedRig
    error_px: float
    views: tuple[CalibrationView, ...]
    left_report: CameraReport
    right_report: CameraReport
    left_corners: tuple[Float32[np.ndarray, "_ 2"], ...]
    right_corners: tuple[Float32[np.ndarray, "_ 2"], ...]


@dataclass(frozen=True, eq=False)
class _Corners:
    board: Float32[np.ndarray, "n 3"]
    left: Float32[np.ndarray, "n 2"]
    right: Float32[np.ndarray, "n 2"]


@dataclass(frozen=True, eq=False)
class _Fit:
    rig: UnrectifiedRig
    errors_px: Float64[np.ndarray, "n 2"]
    poses: list[Float64[np.ndarray, "4 4"]]


_Sizes = tuple[tuple[int, int], tuple[int, int]]
_Solution = tuple[
    tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3 3"]],
    tuple[np.ndarray, np.ndarray],
    Float64[np.ndarray, "3 3"],
    np.ndarray,
    list[Float64[np.ndarray, "4 4"]],
]


def calibrate_stereo(
    left: Sequence[Image], right: Sequence[Image], board: Board, model: DistortionModel = "radtan"
) -> StereoCalibration:
    """Calibrates both cameras and their transform from pairs of images of one board.

    Args:
        left: Left images, grey or RGB, all of one size; the board tilted differently in each.
        right: Right images taken at the same moments, all of one size.
        board: What the images show.
        model: Lens model: radtan (k1 k2 p1 p2) up to about 100 degrees of view, equidistant for fisheyes.
    Returns:
        The rig in metres and a report on each view.
    Raises:
        InputError: If the numbers of images or their sizes differ.
        CalibrationError: If too few pairs show the board, or they leave the focal length open.
    Source: Zhang 2000, as in OpenCV.
    """
    _check_images(left, right)
    views, found = list[CalibrationView](), dict[int, _Corners]()
    for index, pair in enumerate(zip(left, right, strict=True)):
        corners, reason = _seen(*pair, board)
        views.append(CalibrationView(index, corners is not None, reason, 0 if corners is None else len(corners.board)))
        if corners is not None:
            found[index] = corners
    sizes = (left[0].shape[0], left[0].shape[1]), (right[0].shape[0], right[0].shape[1])
    if not found and isinstance(board, Chessboard):
        _explain_missing(left[:_TRIED], board)
    fit = _fit(found, sizes, model)
    worst = fit.errors_px.max(axis=1)
    limit = max(_OUTLIER_PX, _OUTLIER_RATIO * float(np.median(worst)))
    for index, error, both in zip(list(found), worst, fit.errors_px.tolist(), strict=True):
        if error > limit:
            reason = f"reprojection error {error:.2f} px, others {np.median(worst):.2f} px: blurred or moved"
            views[index] = replace(
                views[index], used=False, reason=reason, left_error_px=both[0], right_error_px=both[1]
            )
            del found[index]
    if len(found) < len(worst):
        fit = _fit(found, sizes, model)
    for index, both in zip(found, fit.errors_px.tolist(), strict=True):
        views[index] = replace(views[index], left_error_px=both[0], right_error_px=both[1])
    counts = np.array([len(corners.board) for corners in found.values()], dtype=np.float64)
    error_px = float(np.sqrt(((fit.errors_px**2).mean(axis=1) * counts).sum() / counts.sum()))
    kept = list(found.values())
    lefts, rights = tuple(view.left for view in kept), tuple(view.right for view in kept)
    boards, right_poses = [view.board for view in kept], [fit.rig.right_from_left @ pose for pose in fit.poses]
    return StereoCalibration(
        fit.rig,
        error_px,
        tuple(views),
        camera_report(fit.rig.left, boards, lefts, fit.poses),
        camera_report(fit.rig.right, boards, rights, right_poses),
        lefts,
        rights,
    )


def _explain_missing(images: Sequence[Image], board: Chessboard) -> None:
    """Refuses a board that was given by its squares: its inner corners are one less, and are found.

    Raises:
        CalibrationError: If that is so.
    """
    if min(board.rows, board.columns) < 4:
        return
    fewer = Chessboard(board.rows - 1, board.columns - 1, board.square_m)
    if any(_chessboard_corners(_grey8(image), fewer) for image in images):
        raise CalibrationError(
            f"expected a board of {board.columns}x{board.rows} inner corners (columns x rows), found one of "
            f"{fewer.columns}x{fewer.rows}; inner corners are one less than squares: give rows {fewer.rows} and "
            f"columns "
            f"{fewer.columns}"
        )


def _grey8(image: Image) -> UInt8[np.ndarray, "h w"]:
    return np.clip(brightness(image) * 255.0, 0.0, 255.0).astype(np.uint8)


def _check_board(rows: int, columns: int, square_m: float) -> None:
    if rows < 3 or columns < 3:
        raise InputError(f"expected a board of at least 3 rows and 3 columns, got {rows} and {columns}")
    if not (np.isfinite(square_m) and square_m > 0):
        raise InputError(f"expected a positive square side in metres, got {square_m}; measure a printed square")
    if not _SMALLEST_SQUARE_M <= square_m <= _LARGEST_SQUARE_M:
        mend = f"{square_m:g} mm would be {square_m / 1000.0:g} m"
        if square_m < _SMALLEST_SQUARE_M:
            mend = f"{square_m * 1000.0:g} m would be {square_m * 1e6:g} mm"
        raise InputError(
            f"expected the side of a square in metres, from {_SMALLEST_SQUARE_M:g} to {_LARGEST_SQUARE_M:g}, got "
            f"{square_m:g}; {mend}"
        )


def _check_images(left: Sequence[Image], right: Sequence[Image]) -> None:
    if len(left) != len(right) or not left:
        raise InputError(f"expected as many right images as left ones, got {len(left)} left and {len(right)} right")
    for images, name in ((left, "left"), (right, "right")):
        sizes = {image.shape[:2] for image in images}
        if len(sizes) > 1:
            words = ", ".join(f"{size[1]}x{size[0]}" for size in sorted(sizes))
            raise InputError(f"expected {name} images of one size, got {words}; remove the others")


def _seen(left: Image, right: Image, board: Board) -> tuple[_Corners | None, str]:
    """Board corners that both images show, or why there are none."""
    views = list[dict[int, Float32[np.ndarray, "2"]]]()
    for image, name in ((left, "left"), (right, "right")):
        grey = _grey8(image)
        views.append(
            _chessboard_corners(grey, board) if isinstance(board, Chessboard) else _charuco_corners(grey, board)
        )
        if not views[-1]:
            return None, f"board not found in the {name} image"
    common = sorted(views[0].keys() & views[1].keys())
    plane = _board_points(board)[common]
    if len(common) < _MIN_CORNERS or np.linalg.matrix_rank(plane[:, :2] - plane[0, :2]) < 2:
        return None, f"only {len(common)} corners seen by both cameras, {_MIN_CORNERS} off one line are needed"
    corners = _Corners(plane, *(np.array([view[key] for key in common], dtype=np.float32) for view in views))
    if isinstance(board, Chessboard):
        # A chessboard looks the same upside down; the two cameras must at least agree about it.
        directions = corners.left[-1] - corners.left[0], corners.right[-1] - corners.right[0]
        if float(directions[0] @ directions[1]) < 0:
            corners = replace(corners, right=corners.right[::-1].copy())
    return corners, ""


def board_pose(image: Image, board: Board, camera: Pinhole) -> tuple[Float64[np.ndarray, "4 4"], float]:
    """Where a board is in the frame of a calibrated camera.

    Args:
        image: Without lens distortion, of the camera's size.
        board: What it shows.
        camera: Its camera.
    Returns:
        camera_from_board in metres, and the root mean square reprojection error in px.
    Raises:
        CalibrationError: If the board is not found.
    """
    grey = _grey8(image)
    corners = _chessboard_corners(grey, board) if isinstance(board, Chessboard) else _charuco_corners(grey, board)
    if len(corners) < _FEWEST_OF_POSE:
        raise CalibrationError(
            f"expected a board with {_FEWEST_OF_POSE} corners or more, got {len(corners)}; check its rows and columns, "
            "light and sharpness"
        )
    keys = sorted(corners)
    points, places = _board_points(board)[keys], np.stack([corners[key] for key in keys])
    _, turn, shift = cv2.solvePnP(points, places.astype(np.float64), camera.matrix, None)
    pose = _poses([turn], [shift])[0]
    seen = np.asarray(points @ pose[:3, :3].T + pose[:3, 3], np.float64)
    off = np.asarray((seen @ camera.matrix.T)[:, :2] / seen[:, 2:] - places, np.float64)
    return pose, float(np.sqrt(2.0 * np.square(off).mean()))


def _board_points(board: Board) -> Float32[np.ndarray, "n 3"]:
    """Corners on the board in metres, row by row."""
    inner = (board.rows, board.columns) if isinstance(board, Chessboard) else (board.rows - 1, board.columns - 1)
    rows, columns = np.indices(inner)
    grid = np.stack([columns.ravel(), rows.ravel(), np.zeros(rows.size)], axis=1)
    # ChArUco's origin is the board's corner and not its first inner corner; the pose takes that up.
    return (grid * board.square_m).astype(np.float32)


def _chessboard_corners(grey: UInt8[np.ndarray, "h w"], board: Chessboard) -> dict[int, Float32[np.ndarray, "2"]]:
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY
    found, corners = cv2.findChessboardCornersSB(grey, (board.columns, board.rows), flags=flags)
    if not found:
        return {}
    placed = np.asarray(corners, dtype=np.float32).reshape(board.rows, board.columns, 2)
    steps = [np.linalg.norm(np.diff(placed, axis=axis), axis=2) for axis in (0, 1)]
    spacing_px = float(min(step.min() for step in steps))
    return dict(enumerate(_refined(grey, placed.reshape(-1, 2), spacing_px)))


def _refined(
    grey: UInt8[np.ndarray, "h w"], corners: Float32[np.ndarray, "n 2"], spacing_px: float
) -> Float32[np.ndarray, "n 2"]:
    """Corners by the gradients around them, in windows that hold no other corner.

    The detector alone is off by 0.1 to 0.2 px RMS in rendered images, this by 0.02 to 0.05.
    """
    half = int(np.clip(_WINDOW * spacing_px, *_WINDOWS_PX))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)
    found = cv2.cornerSubPix(grey, corners.reshape(-1, 1, 2).copy(), (half, half), (-1, -1), stop)
    return np.asarray(found, dtype=np.float32).reshape(-1, 2)


def _charuco_corners(grey: UInt8[np.ndarray, "h w"], board: CharucoBoard) -> dict[int, Float32[np.ndarray, "2"]]:
    detected: tuple[Any, ...] = cv2.aruco.CharucoDetector(board.opencv()).detectBoard(grey)
    if detected[1] is None:
        return {}
    keys: list[int] = np.asarray(detected[1]).ravel().tolist()
    return dict(zip(keys, np.asarray(detected[0], dtype=np.float32).reshape(-1, 2), strict=True))


def _fit(found: dict[int, _Corners], sizes: _Sizes, model: DistortionModel) -> _Fit:
    if len(found) < MIN_VIEWS:
        raise CalibrationError(
            f"expected the board in both images of at least {MIN_VIEWS} pairs, got {len(found)}; "
            "check the board's rows and columns, and take more images"
        )
    views = list(found.values())
    solve = _solve_fisheye if model == "equidistant" else _solve_radtan
    try:
        matrices, distortions, rotation, translation, poses = solve(views, sizes)
    except cv2.error as error:
        raise CalibrationError(
            f"expected images that determine the cameras, but OpenCV gave up ({error.err}); tilt the board more"
        ) from error
    normals = np.array([pose[:3, 2] for pose in poses])
    tilt_deg = float(np.rad2deg(np.arccos(np.clip((normals @ normals.T).min(), -1.0, 1.0))))
    if tilt_deg < _MIN_TILT_DEG:
        raise CalibrationError(
            f"expected boards tilted by at least {_MIN_TILT_DEG:.0f} degrees against each other, got {tilt_deg:.1f}; "
            "tilt the board by 30 degrees and more, each time differently"
        )
    cameras = [
        DistortedCamera(_pinhole(matrix, size), tuple(distortion.ravel()[:4].tolist()), model)
        for matrix, distortion, size in zip(matrices, distortions, sizes, strict=True)
    ]
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, translation.ravel()
    rig = UnrectifiedRig(cameras[0], cameras[1], transform)
    return _Fit(rig, np.array([_errors_px(rig, view, pose) for view, pose in zip(views, poses, strict=True)]), poses)


def _pinhole(matrix: Float64[np.ndarray, "3 3"], size: tuple[int, int]) -> Pinhole:
    focal_x, focal_y, center_x, center_y = matrix[[0, 1, 0, 1], [0, 1, 2, 2]].tolist()
    return Pinhole(focal_x, focal_y, center_x, center_y, size[0], size[1])


def _solve_radtan(views: list[_Corners], sizes: _Sizes) -> _Solution:
    boards = [view.board for view in views]
    starts = list[Any]()
    for points, size in (([view.left for view in views], sizes[0]), ([view.right for view in views], sizes[1])):
        found = cv2.calibrateCamera(boards, points, size[::-1], np.eye(3), np.zeros(5), flags=cv2.CALIB_FIX_K3)
        starts += [np.asarray(found[1]), np.asarray(found[2])]
    flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_K3
    lefts, rights = [view.left for view in views], [view.right for view in views]
    left_k, left_d, right_k, right_d = starts
    turn, move, size = np.eye(3), np.zeros((3, 1)), sizes[0][::-1]
    found = cv2.stereoCalibrateExtended(
        boards, lefts, rights, left_k, left_d, right_k, right_d, size, turn, move, flags=flags
    )
    solved = [np.asarray(part, dtype=np.float64) for part in found[1:7]]
    return (solved[0], solved[2]), (solved[1], solved[3]), solved[4], solved[5], _poses(found[9], found[10])


def _solve_fisheye(views: list[_Corners], sizes: _Sizes) -> _Solution:
    # OpenCV 5 keeps these flags in the main module with other values than OpenCV 4's fisheye module.
    names: Any = cv2.fisheye if hasattr(cv2.fisheye, "CALIB_FIX_SKEW") else cv2
    boards, lefts, rights = (
        [points[None].astype(np.float64) for points in group]
        for group in zip(*((view.board, view.left, view.right) for view in views), strict=True)
    )
    flags = names.CALIB_RECOMPUTE_EXTRINSIC | names.CALIB_FIX_SKEW
    starts = list[Any]()
    for points, size in ((lefts, sizes[0]), (rights, sizes[1])):
        found = cv2.fisheye.calibrate(boards, points, size[::-1], np.zeros((3, 3)), np.zeros((4, 1)), flags=flags)
        starts += [np.asarray(found[1]), np.asarray(found[2])]
    left_k, left_d, right_k, right_d = starts
    flags |= names.CALIB_USE_INTRINSIC_GUESS
    # Its stub is wrong about the arguments.
    calibrate: Any = cv2.fisheye.stereoCalibrate
    joint: list[Any] = list(
        calibrate(boards, lefts, rights, left_k, left_d, right_k, right_d, sizes[0][::-1], flags=flags)
    )
    solved = [np.asarray(part, dtype=np.float64) for part in joint[1:7]]
    return (solved[0], solved[2]), (solved[1], solved[3]), solved[4], solved[5], _poses(joint[7], joint[8])


def _poses(rotations: Any, translations: Any) -> list[Float64[np.ndarray, "4 4"]]:  # noqa: ANN401 - cv2 sequences
    """left_from_board of each view."""
    poses = list[Float64[np.ndarray, "4 4"]]()
    for rotation, translation in zip(rotations, translations, strict=True):
        pose = np.eye(4)
        pose[:3, :3] = np.asarray(cv2.Rodrigues(np.asarray(rotation).ravel())[0])
        pose[:3, 3] = np.asarray(translation).ravel()
        poses.append(pose)
    return poses


def _errors_px(rig: UnrectifiedRig, view: _Corners, pose: Float64[np.ndarray, "4 4"]) -> tuple[float, float]:
    """Root-mean-square distance of seen and predicted corners in both images."""
    errors = list[float]()
    for lens, seen, place in (
        (rig.left, view.left, pose),
        (rig.right, view.right, rig.right_from_left @ pose),
    ):
        project: Any = cv2.fisheye.projectPoints if lens.model == "equidistant" else cv2.projectPoints
        points = view.board.astype(np.float64).reshape(-1, 1, 3)
        rotation = np.asarray(cv2.Rodrigues(place[:3, :3])[0], dtype=np.float64)
        intrinsics = lens.camera.matrix, np.array(lens.distortion)
        predicted = np.asarray(project(points, rotation, place[:3, 3:].copy(), *intrinsics)[0], dtype=np.float64)
        squared = ((predicted.reshape(-1, 2) - seen) ** 2).sum(axis=1)
        errors.append(float(np.sqrt(squared.mean())))
    return errors[0], errors[1]
