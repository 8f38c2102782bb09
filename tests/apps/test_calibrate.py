import cv2
import numpy as np
import pytest

from leadline.geometry import UnrectifiedRig
from leadline.io import read_calibration

K = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 119.5], [0.0, 0.0, 1.0]])
BASELINE_M = 0.1
ROWS, COLUMNS, SQUARE_M = 5, 7, 0.03


def board():
    """A printed chessboard with a white rim, 20 texels a square; its first inner corner is at texel 39.5."""
    rows, columns = np.indices(((ROWS + 1) * 20, (COLUMNS + 1) * 20)) // 20
    squares = np.where((rows + columns) % 2 == 0, 20, 235).astype(np.uint8)
    return cv2.copyMakeBorder(squares, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=235)


def seen(texture, pose):
    """What an ideal camera of 320x240 sees of the board, drawn at four times the size and averaged."""
    metres_from_texel = np.array([[0.0015, 0, -39.5 * 0.0015], [0, 0.0015, -39.5 * 0.0015], [0, 0, 1]])
    larger = np.array([[4.0, 0, 1.5], [0, 4.0, 1.5], [0, 0, 1]])
    homography = larger @ K @ pose[:3, [0, 1, 3]] @ metres_from_texel
    large = cv2.warpPerspective(texture, homography, (1280, 960), borderValue=128)
    return cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA)


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
    done = leadline("calibrate", images[0], images[1] / "[0-3].png", *SIZE)
    assert done.code == 2
    assert "got 7 left and 4 right" in done.one_line
