"""Calibrations as people keep them: bare numbers, recorded ROS messages, other orders, another size's numbers."""

import json
from pathlib import Path

import pytest

from leadline.errors import CalibrationError
from leadline.geometry.camera import Pinhole
from leadline.io.calib import read_stereo_calibration
from leadline.io.rigs import fitted_rig, single_camera

SIZE = (480, 640)
CAMERA = Pinhole(500.0, 510.0, 319.5, 239.5, 480, 640)
MATRIX = [[500.0, 0.0, 319.5], [0.0, 510.0, 239.5], [0.0, 0.0, 1.0]]
INFO = """header:
  frame_id: left
height: 480
width: 640
distortion_model: {model}
{d}: [0.0, 0.0, 0.0, 0.0]
{k}: [500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0]
{r}: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
{p}: [500.0, 0.0, 319.5, {shift}, 0.0, 510.0, 239.5, 0.0, 0.0, 0.0, 1.0, 0.0]
binning_x: {binning}
binning_y: {binning}
roi:
  x_offset: 0
  y_offset: 0
  height: {rows}
  width: 0
  do_rectify: false
---
header:
  frame_id: left
"""


def info(capitals=True, shift=0.0, binning=0, rows=0, model="plumb_bob") -> str:
    letters = {name: name.upper() if capitals else name for name in "dkrp"}
    return INFO.format(shift=shift, binning=binning, rows=rows, model=model, **letters)


@pytest.mark.parametrize(
    "text",
    [
        "500 510 319.5 239.5\n",
        "# fx fy cx cy\r\n500, 510, 319.5, 239.5\r\n",
        "500 0 319.5 0\n0 510 239.5 0\n0 0 1 0\n0 0 0 1\n",
        "500 0 319.5 0\n0 510 239.5 0\n0 0 1 0\n",
        "[[500.   0.  319.5]\n [  0.  510.  239.5]\n [  0.    0.    1. ]]",
        "// intrinsics\n500 0 319.5\n0 510 239.5\n0 0 1\n",
        info(),
        info(capitals=False),
        info(capitals=False, binning=1),
        json.dumps({"fx": 500, "fy": 510, "cx": 319.5, "cy": 239.5}),
    ],
)
def test_one_camera_however_it_is_kept(tmp_path: Path, text: str):
    (tmp_path / "K.txt").write_text(text)
    assert single_camera(tmp_path / "K.txt", SIZE) == (CAMERA, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("500 0 0\n0 510 0\n319.5 239.5 1\n", "got a transposed one, column by column as MATLAB"),
        (json.dumps({"K": [500, 0, 0, 0, 510, 0, 319.5, 239.5, 1], "w": 640, "h": 480}), "got a transposed one"),
        ("1 0 0 5\n0 1 0 2\n0 0 1 3\n0 0 0 1\n", "a pose or projection is no camera"),
        ("500 0 319.5 -60 0 510 239.5 0 0 0 1 0", "a pose or projection is no camera"),
        (info(binning=2), "camera_info of whole images, got binning 2x2"),
        (info(rows=240), r"region \[0.0, 0.0, 240.0, 0.0\]"),
        ("250 0 159.5\n0 255 119.5\n0 0 1\n", "the middle of images of about 320x240; divide .* by 0.5 for these"),
        ("754.668 0 489.379 0 754.668 265.16 0 0 1", None),
        ("2262.5 0 1096.98 0 2265.3 513.137 0 0 1", "the middle of images of about 2195x1027"),
        ("1000 1020 639.5 479.5", "the middle of images of about 1280x960; divide .* by 2 for these"),
    ],
)
def test_what_would_be_another_camera_is_refused(tmp_path: Path, text: str, message: str | None):
    (tmp_path / "K.txt").write_text(text)
    size = SIZE
    if message is None:  # 960x540, given 480x320
        size, message = (320, 480), "the middle of images of about 980x531"
    with pytest.raises(CalibrationError, match=message):
        single_camera(tmp_path / "K.txt", size)


def test_the_mend_for_another_size_mends(tmp_path: Path):
    (tmp_path / "K.txt").write_text("1000 1020 639.5 479.5")
    with pytest.raises(CalibrationError, match="by 2 for these"):
        single_camera(tmp_path / "K.txt", SIZE)
    (tmp_path / "K.txt").write_text(" ".join(str(number / 2) for number in (1000, 1020, 639.5, 479.5)))
    assert single_camera(tmp_path / "K.txt", SIZE)[0].focal_x_px == 500.0
    # A centre that is off along one axis alone is a shifted lens or a crop.
    (tmp_path / "K.txt").write_text("500 510 150 239.5")
    assert single_camera(tmp_path / "K.txt", SIZE)[0].center_x_px == 150.0


def test_kitti_and_a_stereo_file_of_half_the_size(tmp_path: Path):
    path = tmp_path / "calib.txt"
    path.write_text("P2: 250 0 159.5 0 0 250 119.5 0 0 0 1 0\nP3: 250 0 159.5 -60 0 250 119.5 0 0 0 1 0\n")
    with pytest.raises(CalibrationError, match="images of about 320x240"):
        fitted_rig(path, (SIZE, SIZE))
    assert fitted_rig(path, ((240, 320), (240, 320))).rectified is not None


def test_a_pair_of_ros_2(tmp_path: Path):
    (tmp_path / "left.yaml").write_text(info(capitals=False))
    (tmp_path / "right.yaml").write_text(info(capitals=False, shift=-60.0))
    found = read_stereo_calibration(tmp_path / "left.yaml")
    assert found.rectified is not None
    assert found.rectified.baseline_m == pytest.approx(0.12)  # 60 / 500
    (tmp_path / "left.yaml").write_text(info(capitals=False, model="double_sphere"))
    with pytest.raises(CalibrationError, match="expected distortion_model plumb_bob"):
        read_stereo_calibration(tmp_path / "left.yaml")


@pytest.mark.parametrize(("vector", "degrees"), [([1.0, 0.5, 0.0], 64), ([0.3, 0.3, 0.1], None), ([0.02, 0, 0], None)])
def test_a_rotation_vector_in_degrees(tmp_path: Path, vector: list[float], degrees: int | None):
    lens = {"D1": [0.0] * 5, "D2": [0.0] * 5, "M1": MATRIX, "M2": MATRIX, "T": [-0.12, 0, 0], "translation_unit": "m"}
    (tmp_path / "rig.json").write_text(json.dumps({**lens, "R": vector}))
    if degrees is not None:
        with pytest.raises(CalibrationError, match=f"got {degrees} degrees between them; a rotation vector is in rad"):
            read_stereo_calibration(tmp_path / "rig.json", SIZE)
        return
    notes = " ".join(read_stereo_calibration(tmp_path / "rig.json", SIZE).notes)
    assert ("the cameras look 24 degrees apart" in notes) == (vector[0] == 0.3)


def test_a_named_unit_is_not_doubted(tmp_path: Path):
    fields = {"fx": 500, "fy": 500, "cx": 319.5, "cy": 239.5, "baseline_mm": 50}
    (tmp_path / "rig.json").write_text(json.dumps(fields))
    assert read_stereo_calibration(tmp_path / "rig.json", SIZE).notes == ()
