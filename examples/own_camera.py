"""From images of a chessboard to live depth: calibrate, rectify, match.

    python examples/own_camera.py
    python examples/own_camera.py --left boards/left --right boards/right --rows 6 --columns 9 --camera 0

Without arguments, the images of the board and the recording are rendered. With `--camera N`, the frames come from a
camera that delivers both views side by side; with `--frames FOLDER`, from FOLDER/left and FOLDER/right.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from leadline import StereoSession
from leadline.cameras import open_source
from leadline.geometry import Chessboard, Pinhole, calibrate_stereo, rectify
from leadline.io import make_output_folder, read_image, write_image, write_opencv_calibration
from leadline.visual.colormap import plasma

BASELINE_M = 0.1
SQUARE_M = 0.03
CAMERA = Pinhole(300.0, 300.0, 159.5, 119.5, height=240, width=320)
DISTANCE_M = 0.5


def board_texture(rows: int, columns: int) -> np.ndarray:
    """A printed chessboard with a white rim, 20 texels a square."""
    y, x = np.indices(((rows + 1) * 20, (columns + 1) * 20)) // 20
    squares = np.where((x + y) % 2 == 0, 20, 235).astype(np.uint8)
    return cv2.copyMakeBorder(squares, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=235)


def render_view(texture: np.ndarray, pose: np.ndarray, squares: float) -> np.ndarray:
    """What a camera sees of a flat texture; `pose` takes points of the texture's plane into the camera's frame."""
    metres = squares / 20.0
    metres_from_texel = np.array([[metres, 0, -39.5 * metres], [0, metres, -39.5 * metres], [0, 0, 1]])
    larger = np.array([[4.0, 0, 1.5], [0, 4.0, 1.5], [0, 0, 1]])
    homography = larger @ CAMERA.matrix @ pose[:3, [0, 1, 3]] @ metres_from_texel
    size = 4 * CAMERA.width, 4 * CAMERA.height
    large = cv2.warpPerspective(texture, homography, size, borderValue=128)
    grey = cv2.resize(large, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_AREA)
    return np.repeat(np.asarray(grey)[..., None], 3, axis=2)


def render_boards(folder: Path, rows: int, columns: int, count: int = 8) -> None:
    """Pairs of the board, tilted in all directions."""
    texture = board_texture(rows, columns)
    for index in range(count):
        angle = 2 * np.pi * index / count
        pose = np.eye(4)
        pose[:3, :3] = cv2.Rodrigues(0.6 * np.array([np.cos(angle), np.sin(angle), 0.1]))[0]
        middle = np.array([(columns - 1) / 2, (rows - 1) / 2, 0.0]) * SQUARE_M
        pose[:3, 3] = np.array([BASELINE_M / 2, 0.0, DISTANCE_M]) - pose[:3, :3] @ middle
        write_pair(folder, index, texture, pose)


def render_recording(folder: Path, count: int = 3) -> None:
    """Pairs of a textured wall that moves away from the camera."""
    noise = np.random.default_rng(1).integers(0, 256, (60, 80), dtype=np.uint8)
    texture = cv2.resize(noise, (800, 600), interpolation=cv2.INTER_CUBIC)
    for index in range(count):
        pose = np.eye(4)
        pose[:3, 3] = [-0.57, -0.42, DISTANCE_M + 0.1 * index]
        write_pair(folder, index, texture, pose)


def write_pair(folder: Path, index: int, texture: np.ndarray, pose: np.ndarray) -> None:
    """Both views, `BASELINE_M` apart."""
    for side, shift in (("left", 0.0), ("right", BASELINE_M)):
        moved = pose.copy()
        moved[0, 3] -= shift
        write_image(make_output_folder(folder / side) / f"{index:03}.png", render_view(texture, moved, SQUARE_M))


def images(folder: Path) -> list[np.ndarray]:
    """All images of a folder, in order."""
    return [read_image(path).pixels for path in sorted(folder.iterdir())]


def parsed() -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--left", type=Path, help="folder of left images of the board")
    parser.add_argument("--right", type=Path, help="folder of right images of the board")
    parser.add_argument("--rows", type=int, default=5, help="inner corners in a column")
    parser.add_argument("--columns", type=int, default=7, help="inner corners in a row")
    parser.add_argument("--square-m", type=float, default=SQUARE_M, help="side of a square in metres")
    parser.add_argument("--frames", type=Path, help="folder with left/ and right/ to match")
    parser.add_argument("--camera", type=int, help="number of a side-by-side camera to match")
    parser.add_argument("--output", type=Path, default=Path("own-camera"))
    return parser.parse_args()


def main() -> None:
    """Calibrate, then match every frame and say how far the middle of the image is."""
    options = parsed()
    boards, recording = options.output / "boards", options.frames or options.output / "recording"
    if options.left is None:
        render_boards(boards, options.rows, options.columns)
    if options.frames is None and options.camera is None:
        render_recording(recording)

    board = Chessboard(options.rows, options.columns, options.square_m)
    left, right = options.left or boards / "left", options.right or boards / "right"
    calibration = calibrate_stereo(images(left), images(right), board)
    print(f"baseline {calibration.rig.baseline_m:.4f} m, reprojection error {calibration.error_px:.2f} px")
    write_opencv_calibration(options.output / "rig.yml", calibration.rig, calibration.error_px)

    rectification = rectify(calibration.rig)
    rig = rectification.rig
    assert rig is not None
    match = StereoSession("leadline-fast")
    source = f"file:{recording}" if options.camera is None else f"uvc:{options.camera}"
    # leadline.live(source, calibration=options.output / "rig.yml") does the rest on threads; here it is step by step.
    with open_source(source) as pairs:
        for index, pair in enumerate(pairs):
            disparity = match(*rectification.apply(pair.left, pair.right))
            depth = disparity.to_depth(rig).depth
            middle = depth[depth.shape[0] // 2 - 10 :, depth.shape[1] // 2 - 10 :][:20, :20]
            print(f"frame {index}: {np.median(middle):.3f} m")
            write_image(options.output / f"disparity-{index:03}.png", plasma(disparity.disparity, disparity.valid))


if __name__ == "__main__":
    main()
