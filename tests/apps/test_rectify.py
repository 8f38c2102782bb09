import re

import numpy as np
import pytest

from leadline.geometry import StereoRig, UnrectifiedRig
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.io import read_calibration, read_image, write_opencv_calibration


def offsets(out):
    """Median vertical offsets before and after."""
    return [float(found) for found in re.findall(r"median ([\d.]+) px", out)]


@pytest.fixture
def tilted(tmp_path, texture, write_image):
    """Views 6 px apart in height, as a right camera that is pitched by 6 / 300 sees them; and the calibration."""
    left = write_image(tmp_path / "l.png", texture[:110, :160])
    right = write_image(tmp_path / "r.png", texture[6:116, 7:167])
    pitch = np.arctan(6.0 / 300.0)
    transform = np.eye(4)
    # Turned down, the camera sees points 6 px higher: y' = y - 6.
    transform[1:3, 1:3] = [[np.cos(pitch), -np.sin(pitch)], [np.sin(pitch), np.cos(pitch)]]
    transform[0, 3] = -0.2
    lens = DistortedCamera(Pinhole(300.0, 300.0, 79.5, 54.5, 110, 160), (0.0, 0.0, 0.0, 0.0), "radtan")
    write_opencv_calibration(tmp_path / "rig.yml", UnrectifiedRig(lens, lens, transform), 0.1)
    return left, right, tmp_path / "rig.yml"


def test_calibrated(leadline, tilted, tmp_path):
    left, right, rig = tilted
    done = leadline("rectify", left, right, "--calibration", rig, "--output", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    before, after = offsets(done.out)
    assert before == pytest.approx(6, abs=0.05)
    assert after < 0.3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"im0.png", "im1.png", "calib.txt"}
    found = read_calibration(tmp_path / "out" / "calib.txt")
    assert isinstance(found, StereoRig)
    assert found.baseline_m == pytest.approx(0.2)
    assert read_image(tmp_path / "out" / "im0.png").pixels.shape[:2] == (found.left.height, found.left.width)
    assert leadline("check", tmp_path / "out" / "im0.png", tmp_path / "out" / "im1.png").code == 0
    # What it wrote is what `leadline stereo` takes.
    words = (
        tmp_path / "out" / "im0.png",
        tmp_path / "out" / "im1.png",
        "--calibration",
        tmp_path / "out" / "calib.txt",
    )
    assert leadline("stereo", *words, "--model", "sgbm", "--output", tmp_path / "depth").code == 0
    assert (tmp_path / "depth" / "cloud.ply").exists()


def test_uncalibrated(leadline, tilted, tmp_path):
    done = leadline("rectify", *tilted[:2], "--uncalibrated", "--output", tmp_path / "out")
    assert done.code == 0
    before, after = offsets(done.out)
    assert before == pytest.approx(6, abs=0.05)
    assert after < 0.3
    assert "depth will only be up to scale" in done.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"im0.png", "im1.png"}


def test_existing_output(leadline, tilted, tmp_path):
    left, right, rig = tilted
    assert leadline("rectify", left, right, "--calibration", rig, "--output", tmp_path / "out").code == 0
    done = leadline("rectify", left, right, "--uncalibrated", "--output", tmp_path / "out")
    assert done.code == 2
    assert "--overwrite" in done.one_line
    assert leadline("rectify", left, right, "--uncalibrated", "--overwrite", "--output", tmp_path / "out").code == 0
    # A calibration that belongs to other images must not stay beside the new ones.
    assert not (tmp_path / "out" / "calib.txt").exists()


def test_scaled_images(leadline, texture, tilted, tmp_path, write_image):
    views = [texture[:110, :160][::2, ::2], texture[6:116, 7:167][::2, ::2]]
    files = [write_image(tmp_path / f"small{i}.png", view) for i, view in enumerate(views)]
    done = leadline("rectify", *files, "--calibration", tilted[2], "--output", tmp_path / "out")
    assert done.code == 0
    assert "scaled to the images' 80x55" in done.err


def test_failure_while_writing_leaves_nothing(leadline, tilted, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("leadline.apps.cli.rectify.write_middlebury_calibration", interrupted)
    done = leadline("rectify", *tilted[:2], "--calibration", tilted[2], "--output", tmp_path / "out")
    assert done.code == 130
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "either --calibration FILE or --uncalibrated"),
        (["--uncalibrated", "--calibration", "rig.yml"], "either --calibration FILE or --uncalibrated"),
        (["--calibration", "none.yml"], "no such file"),
        (["--calibration", "rectified.txt"], "give it to `leadline stereo` as it is"),
        (["--calibration", "rig.yml", "--alpha", "2"], "alpha"),
        (["--calibration", "broken.yml"], "expected"),
    ],
)
def test_bad_options(leadline, tilted, calibration, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    calibration.rename("rectified.txt")
    (tmp_path / "broken.yml").write_text("M1: [1, 2")
    done = leadline("rectify", *tilted[:2], *words, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.one_line
    assert not (tmp_path / "out").exists()


def test_images_of_another_shape(leadline, pair, tilted, tmp_path):
    done = leadline("rectify", *pair, "--calibration", tilted[2], "--output", tmp_path / "out")
    assert done.code == 2
    assert "160x110" in done.one_line


def test_flat_images(leadline, tmp_path, write_image):
    black = write_image(tmp_path / "black.png", np.zeros((120, 160, 3), np.uint8))
    done = leadline("rectify", black, black, "--uncalibrated", "--output", tmp_path / "out")
    assert done.code == 2
    assert "features that match" in done.one_line


def test_euroc(leadline, real_dir, tmp_path):
    folder = real_dir / "euroc_unrectified" / "mav0"
    if not folder.is_dir():
        pytest.skip("no EuRoC pairs in the folder of real scenes")
    name = "1403715273262142976.png"
    for calibration in (folder, folder / "cam0" / "sensor.yaml"):
        files = (folder / camera / "data" / name for camera in ("cam0", "cam1"))
        words = ("--calibration", calibration, "--output", tmp_path / calibration.name)
        done = leadline("rectify", *files, *words)
        assert done.code == 0
        before, after = offsets(done.out)
        assert before > 10
        assert after < 0.3
        assert "baseline 0.1101 m" in done.out


def raw_file(folder, right_first=False):
    """Two ideal cameras 0.1 m apart."""
    matrix = "!!opencv-matrix {rows: 3, cols: 3, dt: d, data: [150, 0, 79.5, 0, 150, 59.5, 0, 0, 1]}"
    shift = 0.1 if right_first else -0.1
    path = folder / "raw.yml"
    path.write_text(
        f"image_width: 160\nimage_height: 120\nM1: {matrix}\nM2: {matrix}\n"
        f"D1: [0, 0, 0, 0, 0]\nD2: [0, 0, 0, 0, 0]\nR: [1, 0, 0, 0, 1, 0, 0, 0, 1]\nT: [{shift}, 0, 0]\n"
    )
    return path


def test_folders_become_folders_with_one_calibration(leadline, folders, tmp_path):
    done = leadline("rectify", *folders, "--calibration", raw_file(tmp_path), "--output", tmp_path / "out")
    assert done.code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"left", "right", "calib.txt"}
    assert [path.name for path in sorted((tmp_path / "out" / "right").iterdir())] == ["a.png", "b.png", "c.png"]
    rectified, words = tmp_path / "out", ("--model", "sgbm", "--max-disparity", 31, "--output", tmp_path / "depth")
    views = rectified / "left", rectified / "right"
    matched = leadline("stereo", *views, "--calibration", rectified / "calib.txt", *words)
    assert matched.code == 0
    assert (tmp_path / "depth" / "b" / "cloud.ply").exists()
    again = leadline("rectify", *folders, "--calibration", raw_file(tmp_path), "--output", tmp_path / "out")
    assert again.code == 2
    free = leadline("rectify", *folders, "--uncalibrated", "--output", tmp_path / "other")
    assert free.code == 2
    assert "one by one" in free.one_line


def test_a_right_camera_first_is_exchanged_and_swapped_images_are_told(leadline, pair, tmp_path):
    path = raw_file(tmp_path, right_first=True)
    done = leadline("rectify", *pair, "--calibration", path, "--output", tmp_path / "out")
    assert done.code == 0
    assert "its first camera stands on the right" in done.err
    assert "baseline 0.1000 m" in done.out
    swapped = leadline("rectify", *pair[::-1], "--calibration", path, "--output", tmp_path / "wrong")
    mended = leadline("rectify", *pair[::-1], "--swap", "--calibration", path, "--output", tmp_path / "right")
    assert mended.code == 0
    if "WARNING" in swapped.err:
        assert "(--swap)" in swapped.err
    assert (tmp_path / "right" / "im0.png").read_bytes() == (tmp_path / "out" / "im0.png").read_bytes()


def test_translation_in_squares(leadline, pair, tmp_path):
    path = raw_file(tmp_path)
    path.write_text(path.read_text().replace("-0.1", "-4"))
    done = leadline("rectify", *pair, "--calibration", path, "--output", tmp_path / "a")
    assert "states no unit" in done.err
    assert "--square-mm" in done.err
    done = leadline("rectify", *pair, "--calibration", path, "--square-mm", 25, "--output", tmp_path / "b")
    assert "baseline 0.1000 m" in done.out
    assert "states no unit" not in done.err
