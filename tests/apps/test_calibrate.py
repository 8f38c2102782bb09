import json
import re

import cv2
import numpy as np
import pytest

from leadline.geometry import UnrectifiedRig
from leadline.geometry.calibrate import CharucoBoard
from leadline.io import read_calibration
from leadline.io.images import read_image
from leadline.io.pfm import read_pfm

K = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 119.5], [0.0, 0.0, 1.0]])
BASELINE_M = 0.1
ROWS, COLUMNS, SQUARE_M = 5, 7, 0.03


def board():
    """A printed chessboard with a white rim, 20 texels a square; its first inner corner is at texel 39.5."""
    rows, columns = np.indices(((ROWS + 1) * 20, (COLUMNS + 1) * 20)) // 20
    squares = np.where((rows + columns) % 2 == 0, 20, 235).astype(np.uint8)
    return cv2.copyMakeBorder(squares, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=235)


def seen(texture, pose, size=1):
    """What an ideal camera of 320x240 times the size sees of the board, drawn at four times that and averaged."""
    metres_from_texel = np.array([[0.0015, 0, -39.5 * 0.0015], [0, 0.0015, -39.5 * 0.0015], [0, 0, 1]])
    factor = 4.0 * size
    larger = np.array([[factor, 0, factor / 2 - 0.5], [0, factor, factor / 2 - 0.5], [0, 0, 1]])
    homography = larger @ K @ pose[:3, [0, 1, 3]] @ metres_from_texel
    large = cv2.warpPerspective(texture, homography, (1280 * size, 960 * size), borderValue=128)
    return cv2.resize(large, (320 * size, 240 * size), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def images(tmp_path_factory, write_image):
    """Six pairs of parallel cameras 10 cm apart, and one pair without a board."""
    folder, texture = tmp_path_factory.mktemp("board"), board()
    for index in range(6):
        pose = np.eye(4)
        angle = 2 * np.pi * index / 6
        pose[:3, :3] = cv2.Rodrigues(0.6 * np.array([np.cos(angle), np.sin(angle), 0.1]))[0]
        pose[:3, 3] = [BASELINE_M / 2, 0.0, 0.5] - pose[:3, :3] @ [0.09, 0.06, 0.0]
        for side, shift in (("left", 0.0), ("right", BASELINE_M)):
            moved = pose.copy()
            moved[0, 3] -= shift
            write_image(folder / side / f"{index}.png", seen(texture, moved))
    for side in ("left", "right"):
        write_image(folder / side / "nothing.png", np.full((240, 320), 128, np.uint8))
    return folder / "left", folder / "right"


SIZE = ("--rows", ROWS, "--columns", COLUMNS, "--square-m", SQUARE_M)


def test_chessboard(leadline, images, tmp_path):
    file = tmp_path / "deep" / "rig.yml"
    done = leadline("calibrate", *images, *SIZE, "--output", file)
    assert (done.code, done.err) == (0, "")
    assert "over 6 of 7 pairs" in done.out
    assert "nothing.png: left out: board not found in the left image" in done.out
    rig = read_calibration(file)
    assert isinstance(rig, UnrectifiedRig)
    assert rig.baseline_m == pytest.approx(BASELINE_M, rel=0.01)
    assert rig.left.camera.focal_x_px == pytest.approx(300, rel=0.01)
    storage = cv2.FileStorage(str(file), cv2.FILE_STORAGE_READ)
    stored = storage.getNode("reprojection_error_px").real()
    storage.release()
    assert 0 < stored < 0.2
    assert f"reprojection error {stored:.3f} px" in done.out


TURNED = cv2.Rodrigues(np.array([0.01, -0.04, 0.02]))[0]
"""right_from_left of a rig whose cameras stand 10 cm apart and look slightly inwards and askew."""


def shown(texture, pose, folder, name, write_image):
    """Both raw images, 640x480, of a flat texture; pose is left_from_texture."""
    right = np.eye(4)
    right[:3, :3], right[:3, 3] = TURNED, TURNED @ [-BASELINE_M, 0.0, 0.0]
    for side, camera in (("left", np.eye(4)), ("right", right)):
        write_image(folder / side / name, seen(texture, camera @ pose, 2))


def test_own_rig_in_three_commands(leadline, tmp_path, write_image):
    """Board images, a calibration, raw images of a wall: the rig within 0.2 % and 0.05 degrees, the wall within 1 %."""
    rng = np.random.default_rng(4)
    for index in range(12):
        pose, angle = np.eye(4), 2 * np.pi * index / 12
        pose[:3, :3] = cv2.Rodrigues(0.6 * np.array([np.cos(angle), np.sin(angle), 0.1]))[0]
        place = [BASELINE_M / 2, 0.0, 0.45] + 0.05 * rng.standard_normal(3)
        pose[:3, 3] = place - pose[:3, :3] @ [0.09, 0.06, 0.0]
        shown(board(), pose, tmp_path / "board", f"{index}.png", write_image)
    done = leadline(
        "calibrate", tmp_path / "board/left", tmp_path / "board/right", *SIZE, "--output", tmp_path / "r.yml"
    )
    assert done.code == 0
    rig = read_calibration(tmp_path / "r.yml")
    assert rig.baseline_m == pytest.approx(BASELINE_M, rel=0.002)
    assert np.rad2deg(np.linalg.norm(cv2.Rodrigues(rig.right_from_left[:3, :3] @ TURNED.T)[0])) < 0.05

    blobs = sum(s * cv2.GaussianBlur(rng.normal(size=(900, 1200)), (0, 0), s) for s in (2.0, 4.0, 8.0))
    wall = np.clip(128 + 60 * blobs / blobs.std(), 0, 255).astype(np.uint8)
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array([0.1, 0.3, 0.0]))[0]
    pose[:3, 3] = [0.0, 0.0, 0.9] - pose[:3, :3] @ [0.9, 0.675, 0.0]
    shown(wall, pose, tmp_path / "wall", "0.png", write_image)
    raw = tmp_path / "wall/left/0.png", tmp_path / "wall/right/0.png"
    done = leadline("stereo", *raw, "--calibration", tmp_path / "r.yml", "--output", tmp_path / "out")
    assert done.code == 0
    assert "raw cameras: images rectified here" in done.err
    depth, summary = read_pfm(tmp_path / "out/depth.pfm"), json.loads((tmp_path / "out/summary.json").read_text())
    camera = summary["rig"]["left"]
    y, x = np.nonzero(read_image(tmp_path / "out/valid.png").pixels[..., 0])
    z = depth[y, x].astype(float)
    place = [(x - camera["center_x_px"]) / camera["focal_x_px"], (y - camera["center_y_px"]) / camera["focal_y_px"]]
    plane = np.linalg.lstsq(np.stack([*place, np.ones(len(z))], axis=1), 1 / z, rcond=None)[0]
    # The rectified camera is turned against the raw one about the same place: its distance to the wall stays.
    assert 1 / np.linalg.norm(plane) == pytest.approx(pose[:3, 2] @ pose[:3, 3], rel=0.01)
    assert np.median(np.abs(np.stack([*place, np.ones(len(z))], axis=1) @ plane * z - 1)) < 0.01


def test_existing_file(leadline, images, tmp_path):
    (tmp_path / "rig.yml").write_text("mine")
    done = leadline("calibrate", *images, *SIZE, "--output", tmp_path / "rig.yml")
    assert done.code == 2
    assert "--overwrite" in done.one_line
    assert (tmp_path / "rig.yml").read_text() == "mine"


def test_bad_fit_warns(leadline, images, tmp_path, monkeypatch):
    monkeypatch.setattr("leadline.apps.cli.calibrate._GOOD_ERROR_PX", 0.0)
    done = leadline("calibrate", *images, *SIZE, "--output", tmp_path / "rig.yml")
    assert done.code == 0
    assert done.one_line.startswith("warning: a good calibration")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--marker-m", "0.02"], "--board charuco"),
        (["--legacy"], "--board charuco"),
        (["--board", "charuco"], "expected --marker-m"),
        (["--board", "charuco", "--marker-m", "0.05"], "marker_m"),
        (["--board", "charuco", "--marker-m", "0.02"], "at least 4 pairs, got 0"),
        (["--rows", "2"], "at least 3 rows"),
        (["--square-m", "0"], "square side"),
        (["--rows", "6"], "at least 4 pairs, got 0"),
        (["--lens", "pinhole"], "equidistant"),
        (["--output", "rig.txt"], ".yml"),
    ],
)
def test_bad_options(leadline, images, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    given = dict(zip(SIZE[::2], SIZE[1::2], strict=True))
    kept = [word for name, value in given.items() if name not in words for word in (name, value)]
    done = leadline("calibrate", *images, *kept, *words)
    assert done.code == 2
    assert expected in done.one_line
    assert not list(tmp_path.iterdir())


def test_bad_folders(leadline, images, tmp_path):
    done = leadline("calibrate", images[0], tmp_path, *SIZE)
    assert done.code == 2
    assert "expected images in" in done.one_line
    done = leadline("calibrate", images[0] / "0.png", images[1] / "0.png", *SIZE)
    assert done.code == 2
    assert "name its folder" in done.one_line
    done = leadline("calibrate", *SIZE)
    assert done.code == 2
    assert "--board FILE.pdf" in done.one_line


def test_images_are_matched_by_name(leadline, images, tmp_path, monkeypatch):
    """Two right images are missing: no later pair is shifted."""
    monkeypatch.chdir(tmp_path)
    done = leadline("calibrate", images[0], images[1] / "[0-35].png", *SIZE)
    assert done.code == 0
    assert "4.png, nothing.png left out: no right image" in done.err
    assert "over 5 of 5 pairs" in done.out
    assert read_calibration(tmp_path / "calibration.yml").baseline_m == pytest.approx(BASELINE_M, rel=0.01)


def test_side_by_side_images_and_millimetres(leadline, images, tmp_path):
    (tmp_path / "both").mkdir()
    for index in range(6):
        views = [cv2.imread(str(folder / f"{index}.png"), 0) for folder in images]
        cv2.imwrite(str(tmp_path / "both" / f"{index}.png"), np.hstack(views))
    size = ("--rows", ROWS, "--columns", COLUMNS, "--square-mm", 1000 * SQUARE_M)
    done = leadline("calibrate", tmp_path / "both", *size, "--output", tmp_path / "rig.yml")
    assert done.code == 0
    rig = read_calibration(tmp_path / "rig.yml")
    assert rig.baseline_m == pytest.approx(BASELINE_M, rel=0.01)


def test_coverage_deviations_and_drawn_corners(leadline, images, tmp_path):
    done = leadline("calibrate", *images, *SIZE, "--output", tmp_path / "rig.yml")
    assert "left camera 320x240, corners in" in done.out
    assert "bring the board into all corners" in done.out
    assert done.out.count("fx 30") + done.out.count("fx 29") == 2
    assert done.out.count("k1 ") == 2
    sheet = cv2.imread(str(tmp_path / "rig.corners.png"))
    assert sheet.shape == (240, 320 + 10 + 320, 3)
    drawn = np.ptp(sheet.astype(int), axis=2) > 60
    assert drawn[:, :320].mean() > 0.02
    assert drawn[:, 330:].mean() > 0.02


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--square-m", "25"), "25 mm would be 0.025 m"),
        (("--square-m", "0.03", "--square-mm", "30"), "got both or neither"),
        ((), "got both or neither"),
        (("--square-mm", "30", "--board", "circles"), "chessboard, charuco or a .pdf file"),
    ],
)
def test_bad_sizes(leadline, images, tmp_path, words, expected):
    done = leadline("calibrate", *images, "--rows", ROWS, "--columns", COLUMNS, *words, "--output", tmp_path / "r.yml")
    assert done.code == 2
    assert expected in done.one_line


def test_squares_given_for_inner_corners(leadline, images, tmp_path):
    words = ("--rows", ROWS + 1, "--columns", COLUMNS + 1, "--square-m", SQUARE_M, "--output", tmp_path / "r.yml")
    done = leadline("calibrate", *images, *words)
    assert done.code == 2
    assert f"one less than squares: give rows {ROWS} and columns {COLUMNS}" in done.one_line


def drawn_pdf(path, dots_per_m):
    """The black rectangles of a PDF as an image, and the page's size in metres."""
    text = path.read_bytes().decode("latin-1")
    width, height = (float(v) / 72 * 0.0254 for v in re.search(r"MediaBox \[0 0 (\S+) (\S+)\]", text).groups())
    image = np.full((round(height * dots_per_m), round(width * dots_per_m)), 255, np.uint8)
    for found in re.finditer(r"^(\S+) (\S+) (\S+) (\S+) re f$", text, re.MULTILINE):
        x, y, w, h = (float(v) / 72 * 0.0254 * dots_per_m for v in found.groups())
        top = image.shape[0] - y - h
        image[round(top) : round(top + h), round(x) : round(x + w)] = 0
    return image, (width, height)


def test_a_printed_chessboard_is_found_at_its_size(leadline, tmp_path):
    done = leadline("calibrate", "--board", tmp_path / "b.pdf", "--rows", 5, "--columns", 7, "--square-mm", 25)
    assert done.code == 0
    assert "A4 landscape. Chessboard of 7x5 inner corners, squares of 25 mm" in done.out
    image, page = drawn_pdf(tmp_path / "b.pdf", 5000)
    assert page == pytest.approx((0.297, 0.210), abs=1e-6)
    found, corners = cv2.findChessboardCornersSB(image, (7, 5))
    assert found
    steps = np.linalg.norm(np.diff(corners.reshape(5, 7, 2), axis=1), axis=2)
    assert steps.mean() / 5000 == pytest.approx(0.025, rel=1e-3)
    again = leadline("calibrate", "--board", tmp_path / "b.pdf", "--rows", 5, "--columns", 7, "--square-mm", 25)
    assert again.code == 2
    large = leadline("calibrate", "--board", tmp_path / "l.pdf", "--rows", 20, "--columns", 30, "--square-mm", 60)
    assert "1884x1292 mm" in large.out


@pytest.mark.parametrize("legacy", [False, True])
def test_a_printed_charuco_board_is_found_at_its_size(leadline, tmp_path, legacy):
    size = ("--rows", 6, "--columns", 8, "--square-mm", 30, "--marker-m", 0.022)
    done = leadline("calibrate", "--board", tmp_path / "b.pdf", *size, *(["--legacy"] if legacy else []))
    assert done.code == 0
    image, _ = drawn_pdf(tmp_path / "b.pdf", 5000)
    board = CharucoBoard(6, 8, 0.03, 0.022, legacy=legacy)
    corners, numbers, _, markers = cv2.aruco.CharucoDetector(board.opencv()).detectBoard(image)
    assert len(numbers) == 5 * 7
    assert len(markers) == 24
    ordered = corners.reshape(-1, 2)[np.argsort(np.ravel(numbers))].reshape(5, 7, 2)
    assert np.linalg.norm(np.diff(ordered, axis=1), axis=2).mean() / 5000 == pytest.approx(0.030, rel=2e-3)


def test_the_pdf_is_whole(leadline, tmp_path):
    """Its table of contents points at each object."""
    leadline("calibrate", "--board", tmp_path / "b.pdf", "--rows", 5, "--columns", 7, "--square-mm", 30)
    data = (tmp_path / "b.pdf").read_bytes()
    start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    assert data[start : start + 4] == b"xref"
    places = [int(line.split()[0]) for line in data[start:].splitlines()[3:8]]
    assert [data[place:].split(b" ", 1)[0] for place in places] == [b"1", b"2", b"3", b"4", b"5"]
    length = int(re.search(rb"/Length (\d+)", data)[1])
    assert data[data.index(b"stream\n") + 7 + length :].startswith(b"\nendstream")
