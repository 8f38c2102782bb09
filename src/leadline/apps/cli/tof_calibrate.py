"""`leadline tof calibrate`: where a time-of-flight sensor is beside a camera."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64

from leadline.apps.cli.batch import say
from leadline.errors import CalibrationError, InputError
from leadline.geometry.calibrate import Chessboard, board_pose
from leadline.io.images import read_image
from leadline.io.known_depths import LengthUnit
from leadline.io.pair_files import list_images
from leadline.results.monocular import CameraSource
from leadline.results.stereo import refuse_existing
from leadline.robotics.tof_calibrate import MountFit, PosedFrame, WallView, calibrate_mount, calibrate_mount_by_motions
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_fusion import combine_frames
from leadline.robotics.tof_log import read_tof_log
from leadline.robotics.tof_mount import TofMount, write_tof_mount
from leadline.robotics.tof_zones import FIELD_DEG

_LOGS: Final = (".csv", ".jsonl", ".json", ".txt", ".log", ".npz", ".xyz", ".depzdata")
_WORST_PX: Final = 2.0


def tof_calibrate(
    poses: Path,
    *,
    rows: int,
    columns: int,
    square_mm: float,
    calibration: Path | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    unit: LengthUnit | None = None,
    flip: bool = False,
    rotate: int = 0,
    wall: Literal["board", "other"] = "board",
    field: float = FIELD_DEG,
    output: Path = Path("tof-mount.json"),
    overwrite: bool = False,
) -> int:
    """Find where a time-of-flight sensor is beside a camera, from a flat wall with a chessboard on it.

    Stick a chessboard on a large flat wall (or a large board), fix sensor and camera to one another, and record five
    poses and more, 0.5 to 2 m away, tilted by 20 degrees and more to each side, up and down: for each an image NAME.jpg
    (or .png) and a log NAME.csv (or .jsonl, .json, .txt, .log, .npz), all in one folder. The wall must fill the field
    of the sensor; few zones beside it do no harm. The result goes to `leadline mono --tof-mount` and to
    `leadline tof show --mount`.

    With --wall other the board stands still anywhere in the camera's view, and the sensor looks at another flat wall
    all the time: the motion of the camera is known by the board, and nobody need measure the wall. Take 15 poses,
    tilted by up to 30 degrees and rolled by up to 40.

    Args:
        poses: Folder with an image and a log of each pose.
        rows: Inner corners in a column of the chessboard.
        columns: Inner corners in a row.
        square_mm: Side of a square, millimetres.
        calibration: The camera's calibration file; its images must be free of distortion.
        focal_px: Its focal length in pixels, instead; from the EXIF data if nothing is given.
        fov: Its field of view across the width, degrees, instead.
        unit: Unit of the logs' distances, where they do not say it.
        flip: Exchange left and right of the zones.
        rotate: Degrees by which the zones are turned clockwise, after the flip: 0, 90, 180 or 270.
        wall: What the sensor sees: the board's wall, or another one.
        field: Full angle of the sensor's field across, degrees.
        output: The file to write.
        overwrite: Replace it if it exists.
    """
    if wall == "other" and rows == columns:
        raise InputError(f"expected a board whose sides differ, got {rows} rows and columns; which way up is it?")
    if rotate not in (0, 90, 180, 270):
        raise InputError(f"expected a turn of 0, 90, 180 or 270 degrees, got {rotate}")
    refuse_existing(output.parent, (output.name,), overwrite)
    start = TofMount(field, rotate // 90, flip)
    board, source = Chessboard(rows, columns, square_mm / 1000.0), CameraSource(focal_px, fov, calibration)
    views: list[_View] = []
    for path in list_images(str(poses)):
        log = _log_of(path)
        try:
            views.append(_View.of(path, log, board, source, start, unit))
        except CalibrationError as error:
            say([f"left out {path.name}: {error}"])
    if wall == "board":
        fit = calibrate_mount([view.on_board for view in views], start)
    else:
        fit = calibrate_mount_by_motions([view.moved for view in _same_way_up(views, board)], start)
    write_tof_mount(output, fit.mount, {"wall": wall, **_evidence(fit, len(views))})
    _report(fit, [view.name for view in views], output)
    return 0


def _log_of(image: Path) -> Path:
    found = [image.with_suffix(suffix) for suffix in _LOGS if image.with_suffix(suffix).is_file()]
    if len(found) != 1:
        got = "none" if not found else " and ".join(path.name for path in found)
        raise InputError(
            f"expected one log for {image.name}, such as {image.stem}.csv beside it, got {got}; name it so"
        )
    return found[0]


@dataclass(frozen=True, eq=False)
class _View:
    """A pose: where the board is in the camera's frame, and what the sensor measured."""

    camera_from_board: Float64[np.ndarray, "4 4"]
    frame: TofFrame
    name: str

    @classmethod
    def of(
        cls, path: Path, log: Path, board: Chessboard, source: CameraSource, start: TofMount, unit: LengthUnit | None
    ) -> "_View":
        pixels = read_image(path).pixels
        height, width = pixels.shape[:2]
        camera = source.camera(path, height, width).camera
        if camera is None:
            raise InputError(
                f"expected a known focal length of {path}, got none; give focal_px, fov_deg or a calibration"
            )
        pose, error_px = board_pose(pixels, board, camera)
        if error_px > _WORST_PX:
            raise CalibrationError(
                f"expected a flat board, got {error_px:.1f} px of reprojection error; check the camera"
            )
        frames = start.upright(read_tof_log(log, unit)).frames
        return cls(pose, combine_frames(list(frames)), path.name)

    @property
    def on_board(self) -> WallView:
        """For a sensor that sees the board's wall."""
        normal = self.camera_from_board[:3, 2] * np.sign(self.camera_from_board[:3, 2] @ self.camera_from_board[:3, 3])
        return WallView(normal, float(normal @ self.camera_from_board[:3, 3]), self.frame, self.name)

    @property
    def moved(self) -> PosedFrame:
        """For a sensor that sees another wall."""
        return PosedFrame(np.linalg.inv(self.camera_from_board), self.frame, self.name)


def _same_way_up(views: list[_View], board: Chessboard) -> list[_View]:
    """Poses in one frame of the board: many boards look alike upside down, so their corners may begin at either end.

    The device is taken to be rolled by less than 90 degrees against the first pose.
    """
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = (board.columns - 1) * board.square_m, (board.rows - 1) * board.square_m
    return [
        view
        if float(view.camera_from_board[0, :2] @ views[0].camera_from_board[0, :2]) > 0.0
        else replace(view, camera_from_board=view.camera_from_board @ flip)
        for view in views
    ]


def _evidence(fit: MountFit, poses: int) -> dict[str, object]:
    return {
        "poses": poses,
        "zones": fit.zones,
        "outliers": fit.outliers,
        "rms_m": round(fit.rms_m, 5),
        "offset_m": round(fit.offset_m, 5),
        "shift_sigma_m": round(fit.shift_sigma_m, 5),
        "tilt_sigma_deg": round(fit.tilt_sigma_deg, 4),
    }


def _report(fit: MountFit, names: list[str], output: Path) -> None:
    for name, rms in zip(names, fit.view_rms_m, strict=False):
        print(f"  {name}: zones within {1000.0 * rms:.1f} mm (RMS) of the wall")
    place = np.linalg.inv(fit.mount.sensor_from_camera)[:3, 3] * 1000.0
    print(f"sensor at {place[0]:+.1f}, {place[1]:+.1f}, {place[2]:+.1f} mm in the camera's frame (right, down, ahead)")
    print(f"known within {1000.0 * fit.shift_sigma_m:.1f} mm and {fit.tilt_sigma_deg:.2f} degrees (one sigma)")
    offset = 1000.0 * fit.offset_m
    print(f"{fit.zones} zones within {1000.0 * fit.rms_m:.1f} mm (RMS) of their walls, {fit.outliers} saw no wall")
    print(f"distances read {abs(offset):.1f} mm too {'far' if offset > 0 else 'near'}")
    print(output)
