from pathlib import Path

import pytest

from leadline.errors import CalibrationError
from leadline.io import ColmapCamera, read_colmap_cameras, read_colmap_images


def write(folder: Path, text: str) -> Path:
    (folder / "a.txt").write_text(text)
    return folder / "a.txt"


def test_cameras(tmp_path: Path):
    text = "# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n\n1 SIMPLE_RADIAL 3072 2304 2559.81 1536 1152 -0.0204997\n"
    cameras = read_colmap_cameras(write(tmp_path, text + "12 PINHOLE 8 6 4.5 5 4 3\n"))
    assert sorted(cameras) == [1, 12]
    assert cameras[1] == ColmapCamera("SIMPLE_RADIAL", 2304, 3072, (2559.81, 1536.0, 1152.0, -0.0204997))
    assert cameras[12].parameters == (4.5, 5.0, 4.0, 3.0)


def test_only_models_without_distortion_are_pinholes():
    assert ColmapCamera("SIMPLE_RADIAL", 6, 8, (4.0, 4.0, 3.0, 0.0)).pinhole() is None
    camera = ColmapCamera("SIMPLE_PINHOLE", 6, 8, (5.0, 4.0, 3.0)).pinhole()
    assert camera is not None
    # The centre of an 8x6 image is (4, 3) for COLMAP, but (3.5, 2.5) from the first pixel's centre.
    assert (camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px) == (5.0, 5.0, 3.5, 2.5)
    assert (camera.height, camera.width) == (6, 8)


def test_images_have_two_lines_of_which_the_second_may_be_empty(tmp_path: Path):
    first, second = "1 1 0 0 0 0 0 0 3 a b.jpg", "2 1 0 0 0 0 0 0 4 c.jpg"
    text = f"# IMAGE_ID ...\n# POINTS2D[] ...\n{first}\n\n{second}\n1.5 2.5 -1\n"
    assert read_colmap_images(write(tmp_path, text)) == {"a b.jpg": 3, "c.jpg": 4}
    assert read_colmap_images(write(tmp_path, first)) == {"a b.jpg": 3}


@pytest.mark.parametrize(
    "line", ["PINHOLE 8 6 4 4 3", "1 PINHOLE 8 6", "1 PINHOLE 0 6 4", "1 PINHOLE 8 6.5 4", "1 PINHOLE 8 6 nan"]
)
def test_other_cameras_are_refused(tmp_path: Path, line: str):
    with pytest.raises(CalibrationError):
        read_colmap_cameras(write(tmp_path, line))


@pytest.mark.parametrize("line", ["1 1 0 0 0 0 0 0 a.jpg", "1 1 0 0 0 0 0 0 x a.jpg", "1.5 2.5 -1"])
def test_other_images_are_refused(tmp_path: Path, line: str):
    with pytest.raises(CalibrationError, match="IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"):
        read_colmap_images(write(tmp_path, line))


def test_lines_that_are_no_camera_are_quoted(tmp_path: Path):
    with pytest.raises(CalibrationError, match="CAMERA_ID MODEL WIDTH HEIGHT PARAMS, got 'hello'"):
        read_colmap_cameras(write(tmp_path, "hello"))
