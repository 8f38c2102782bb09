import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError, LeadlineError, OutputError
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io import read_calibration, write_middlebury_calibration, write_opencv_calibration

# The calib.txt of Middlebury 2014 Motorcycle, full size, as published.
MIDDLEBURY = """cam0=[3979.911 0 1244.772; 0 3979.911 1019.507; 0 0 1]
cam1=[3979.911 0 1369.115; 0 3979.911 1019.507; 0 0 1]
doffs=124.343
baseline=193.001
width=2964
height=1988
ndisp=280
isint=0
vmin=31
vmax=257
dyavg=0.918
dymax=1.516
"""
KITTI = """P0: 700 0 600 0 0 700 180 0 0 0 1 0
P1: 700 0 600 -378 0 700 180 0 0 0 1 0
P2: 700 0 600 42 0 700 180 0.2 0 0 1 0
P3: 700 0 600 -329 0 700 180 2.2 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
"""
SENSOR = """%YAML:1.0
sensor_type: camera
T_BS:
  cols: 4
  rows: 4
  data: [1.0, 0.0, 0.0, {x},
         0.0, 1.0, 0.0, 0.2,
         0.0, 0.0, 1.0, 0.3,
         0.0, 0.0, 0.0, 1.0]
resolution: [752, 480]
camera_model: pinhole
intrinsics: [458.654, 457.296, 367.215, 248.375] #fu, fv, cu, cv
distortion_model: radial-tangential
distortion_coefficients: [-0.28, 0.07, 0.0002, 1.8e-05]
"""
CAMCHAIN = """cam0:
  camera_model: pinhole
  distortion_coeffs: [0.01, 0.02, 0.03, 0.04]
  distortion_model: equidistant
  intrinsics: [400.0, 401.0, 320.5, 240.5]
  resolution: [640, 480]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, -0.11]
  - [0.0, 1.0, 0.0, 0.001]
  - [0.0, 0.0, 1.0, 0.002]
  - [0.0, 0.0, 0.0, 1.0]
  camera_model: pinhole
  distortion_coeffs: [0.1, 0.2, 0.3, 0.4]
  distortion_model: radtan
  intrinsics: [410.0, 411.0, 321.5, 241.5]
  resolution: [640, 480]
"""
RIG = UnrectifiedRig(
    DistortedCamera(Pinhole(500.5, 501.25, 320.125, 240.75, 480, 640), (-0.3, 0.1, 1e-3, -2e-4, 0.01), "radtan"),
    DistortedCamera(Pinhole(502.5, 503.25, 322.125, 242.75, 480, 640), (-0.2, 0.2, 2e-3, -3e-4, 0.02), "radtan"),
    np.block([[cv2.Rodrigues(np.array([0.01, -0.02, 0.03]))[0], np.array([[-0.12], [0.001], [0.002]])], [0, 0, 0, 1]]),
)


def save(folder: Path, text: str, name: str = "calib.txt") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def rectified(path: Path, size: tuple[int, int] | None = None) -> StereoRig:
    rig = read_calibration(path, size)
    assert isinstance(rig, StereoRig)
    return rig


def unrectified(path: Path, size: tuple[int, int] | None = None) -> UnrectifiedRig:
    rig = read_calibration(path, size)
    assert isinstance(rig, UnrectifiedRig)
    return rig


def assert_same(found: UnrectifiedRig, expected: UnrectifiedRig) -> None:
    assert found.left == expected.left
    assert found.right == expected.right
    assert np.allclose(found.right_from_left, expected.right_from_left, atol=1e-12)


# Middlebury


def test_middlebury(tmp_path: Path):
    rig = rectified(save(tmp_path, MIDDLEBURY))
    assert rig.left == Pinhole(3979.911, 3979.911, 1244.772, 1019.507, 1988, 2964)
    assert rig.right.center_x_px == 1369.115
    assert rig.doffs_px == pytest.approx(124.343)
    assert rig.baseline_m == pytest.approx(0.193001)


@pytest.mark.parametrize("line", ["cam1", "doffs"])
def test_middlebury_needs_only_one_of_cam1_and_doffs(tmp_path: Path, line: str):
    text = "".join(row for row in MIDDLEBURY.splitlines(keepends=True) if not row.startswith(line))
    assert rectified(save(tmp_path, text)).doffs_px == pytest.approx(124.343)


def test_middlebury_without_size(tmp_path: Path):
    path = save(tmp_path, MIDDLEBURY.replace("width", "w"))
    assert rectified(path, (10, 20)).left.height == 10
    with pytest.raises(CalibrationError, match="pass image_size"):
        read_calibration(path)


def test_a_stated_size_wins(tmp_path: Path):
    assert rectified(save(tmp_path, MIDDLEBURY), (10, 20)).left.width == 2964


def test_middlebury_round_trip_is_exact(tmp_path: Path):
    left = Pinhole(1234.5678901234567, 1234.5, 1 / 3, -0.1, 1988, 2964)
    right = Pinhole(1234.5678901234567, 1234.5, 2 / 3, -0.1, 1988, 2964)
    write_middlebury_calibration(tmp_path / "c.txt", StereoRig(left, right, 0.1), 64)
    rig = rectified(tmp_path / "c.txt")
    assert (rig.left, rig.right) == (left, right)
    assert rig.baseline_m == pytest.approx(0.1, rel=1e-15)
    assert "ndisp=64\n" in (tmp_path / "c.txt").read_text()
    write_middlebury_calibration(tmp_path / "c.txt", rig)
    assert "ndisp" not in (tmp_path / "c.txt").read_text()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("baseline=193.001\n", "", "expected a line baseline="),
        ("cam0=", "camera0=", "expected a line cam0="),
        ("baseline=193.001", "baseline=0", "positive baseline"),
        ("baseline=193.001", "baseline=wide", "a number for baseline, got 'wide'"),
        ("baseline=193.001", "baseline=", "a number for baseline"),
        ("baseline=193.001", "baseline=inf", "finite number for baseline"),
        ("[3979.911 0 1244", "[-3979.911 0 1244", "positive focal_x_px"),
        ("[3979.911 0 1244", "[nan 0 1244", "finite number for cam0"),
        ("[3979.911 0 1244", "[3979.911 0.5 1244", "of the form"),
        ("0 0 1]\ncam1", "0 0]\ncam1", "9 numbers for cam0, got 8"),
        ("doffs=124.343", "doffs=12", "expected doffs to be"),
        ("width=2964", "width=2964.5", "whole pixels"),
        ("width=2964", "width=-3", "whole pixels"),
        ("width=2964", "width=99999999999999999999", "whole pixels"),
    ],
)
def test_middlebury_errors(tmp_path: Path, old: str, new: str, reason: str):
    assert old in MIDDLEBURY
    path = save(tmp_path, MIDDLEBURY.replace(old, new))
    with pytest.raises(CalibrationError, match=reason) as caught:
        read_calibration(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_middlebury_lacking_both_doffs_and_cam1(tmp_path: Path):
    with pytest.raises(CalibrationError, match="cam1= or doffs="):
        read_calibration(save(tmp_path, MIDDLEBURY.replace("cam1", "c").replace("doffs", "d")))


def test_unwritable(tmp_path: Path):
    rig = StereoRig(RIG.left.camera, RIG.left.camera, 0.1)
    with pytest.raises(OutputError):
        write_middlebury_calibration(tmp_path / "none" / "c.txt", rig)


# KITTI


def test_kitti_takes_the_color_pair_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="leadline.io"):
        rig = rectified(save(tmp_path, KITTI), (375, 1242))
    assert rig.baseline_m == pytest.approx((42 + 329) / 700)
    assert rig.left == Pinhole(700.0, 700.0, 600.0, 180.0, 375, 1242)
    assert "colour cameras 2 and 3" in caplog.text


def test_kitti_grey_pair(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="leadline.io"):
        rig = rectified(save(tmp_path, "".join(KITTI.splitlines(keepends=True)[:2])), (375, 1242))
    assert rig.baseline_m == pytest.approx(0.54)
    assert "grey cameras 0 and 1" in caplog.text


def test_kitti_raw_states_the_size(tmp_path: Path):
    text = "calib_time: 09-Jan-2012 13:57:47\nS_rect_02: 1.242000e+03 3.750000e+02\n"
    text += "P_rect_02: 700 0 600 42 0 700 180 0.2 0 0 1 0\nP_rect_03: 700 0 600 -329 0 700 180 2.2 0 0 1 0\n"
    rig = rectified(save(tmp_path, text))
    assert (rig.left.height, rig.left.width) == (375, 1242)
    assert rig.baseline_m == pytest.approx(0.53)


def test_kitti_errors(tmp_path: Path):
    with pytest.raises(CalibrationError, match="pass image_size"):
        read_calibration(save(tmp_path, KITTI))
    with pytest.raises(CalibrationError, match="no whole pair"):
        read_calibration(save(tmp_path, KITTI.splitlines()[0]), (375, 1242))
    with pytest.raises(CalibrationError, match="12 numbers for P2"):
        read_calibration(save(tmp_path, KITTI.replace("P2: 700", "P2:")), (375, 1242))
    with pytest.raises(CalibrationError, match="positive baseline"):
        read_calibration(save(tmp_path, KITTI.replace("42", "-329")), (375, 1242))
    with pytest.raises(CalibrationError, match="positive focal_x_px"):
        read_calibration(save(tmp_path, KITTI.replace("P2: 700", "P2: -700")), (375, 1242))


@pytest.mark.parametrize(
    ("name", "baseline_m"),
    [
        ("kitti2012/calib/000027.txt", 386.1448 / 718.856),
        ("video/kitti_odometry_a/calib.txt", 379.8145 / 707.0912),
        ("video/kitti_odometry03_stereo5/sequences/03/calib.txt", 0.5327),
    ],
)
def test_real_kitti(real_dir: Path, name: str, baseline_m: float):
    assert rectified(real_dir / name, (375, 1242)).baseline_m == pytest.approx(baseline_m, abs=1e-4)


# EuRoC and Kalibr


def test_euroc_pair_from_folder_or_first_file(tmp_path: Path):
    first = save(tmp_path, SENSOR.format(x=0.1), "mav0/cam0/sensor.yaml")
    save(tmp_path, SENSOR.format(x=0.21), "mav0/cam1/sensor.yaml")
    for path in (tmp_path, tmp_path / "mav0", first):
        rig = unrectified(path)
        assert rig.left.camera == Pinhole(458.654, 457.296, 367.215, 248.375, 480, 752)
        assert rig.left.distortion == (-0.28, 0.07, 0.0002, 1.8e-05)
        assert rig.left.model == "radtan"
        # The right camera stands 0.11 m further along x: points move by -0.11.
        assert np.allclose(rig.right_from_left[:3, 3], [-0.11, 0, 0])


def test_real_euroc(real_dir: Path):
    rig = unrectified(real_dir / "euroc_unrectified")
    assert rig.baseline_m == pytest.approx(0.1101, abs=1e-4)
    assert rig.right_from_left[0, 3] < 0


def test_euroc_errors(tmp_path: Path):
    with pytest.raises(CalibrationError, match="name the folder that holds both"):
        read_calibration(save(tmp_path, SENSOR.format(x=0)))
    path = save(tmp_path, SENSOR.format(x=0), "cam0/sensor.yaml")
    with pytest.raises(InputError, match="no such file"):
        read_calibration(path)
    save(tmp_path, SENSOR.format(x=0), "cam1/sensor.yaml")
    with pytest.raises(CalibrationError, match="zero translation"):
        read_calibration(path)
    for old, new, reason in (
        ("pinhole", "omni", "camera_model pinhole"),
        ("radial-tangential", "fov", "distortion_model radtan or equidistant"),
        ("[458.654, 457.296, 367.215", "[458.654, 457.296", "4 numbers for intrinsics"),
        ("[458.654", "[-458.654", "positive focal"),
        ("[458.654", "[f", "a number for intrinsics"),
        ("resolution", "size", "2 numbers for resolution"),
        ("T_BS", "T_SB", "16 numbers for T_BS"),
        ("data: [1.0", "data: [2.0", "a rotation and a translation"),
        ("1.8e-05]", "1.8e-05, 1, 2]", "4 or 5 numbers for distortion"),
    ):
        save(tmp_path, SENSOR.format(x=1).replace(old, new), "cam1/sensor.yaml")
        with pytest.raises(CalibrationError, match=reason):
            read_calibration(path)


def test_kalibr_camchain(tmp_path: Path):
    rig = unrectified(save(tmp_path, CAMCHAIN, "camchain.yaml"))
    assert rig.left == DistortedCamera(
        Pinhole(400.0, 401.0, 320.5, 240.5, 480, 640), (0.01, 0.02, 0.03, 0.04), "equidistant"
    )
    assert rig.right == DistortedCamera(Pinhole(410.0, 411.0, 321.5, 241.5, 480, 640), (0.1, 0.2, 0.3, 0.4), "radtan")
    assert np.allclose(rig.right_from_left[:3, 3], [-0.11, 0.001, 0.002])
    ideal = CAMCHAIN.replace("equidistant", "none")
    assert unrectified(save(tmp_path, ideal)).left.distortion == ()


def test_kalibr_errors(tmp_path: Path):
    with pytest.raises(CalibrationError, match="under cam1"):
        read_calibration(save(tmp_path, CAMCHAIN[: CAMCHAIN.index("cam1")]))
    with pytest.raises(CalibrationError, match="16 numbers for T_cn_cnm1"):
        read_calibration(save(tmp_path, CAMCHAIN.replace("T_cn_cnm1", "T")))


# OpenCV


@pytest.mark.parametrize("suffix", [".yml", ".yaml", ".xml"])
@pytest.mark.parametrize("model", ["radtan", "equidistant"])
def test_opencv_round_trip(tmp_path: Path, suffix: str, model: str):
    rig = RIG
    if model == "equidistant":
        rig = UnrectifiedRig(
            DistortedCamera(RIG.left.camera, (0.1, 0.2, 0.3, 0.4), "equidistant"),
            DistortedCamera(RIG.right.camera, (0.5, 0.6, 0.7, 0.8), "equidistant"),
            RIG.right_from_left,
        )
    path = tmp_path / f"stereo{suffix}"
    write_opencv_calibration(path, rig, 0.25)
    assert_same(unrectified(path), rig)
    stored = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    assert stored.getNode("reprojection_error_px").real() == 0.25
    assert np.allclose(stored.getNode("M1").mat(), rig.left.camera.matrix)
    stored.release()


def test_an_ideal_lens_is_four_zeros(tmp_path: Path):
    ideal = DistortedCamera(RIG.left.camera, (), "radtan")
    write_opencv_calibration(tmp_path / "c.yml", UnrectifiedRig(ideal, ideal, RIG.right_from_left), 0.0)
    assert unrectified(tmp_path / "c.yml").left.distortion == (0.0, 0.0, 0.0, 0.0)


def opencv_file(path: Path, names: dict[str, str], **extra: object) -> Path:
    """A file as a user's own program writes it, with other names and without our extra keys."""
    values = {"M1": RIG.left.camera.matrix, "D1": np.array([RIG.left.distortion])}
    values |= {"M2": RIG.right.camera.matrix, "D2": np.array(RIG.right.distortion)}
    values |= {"R": RIG.right_from_left[:3, :3].copy(), "T": RIG.right_from_left[:3, 3:].copy(), **extra}
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in values.items():
        if value is not None:
            storage.write(names.get(name, name), value)
    storage.release()
    return path


@pytest.mark.parametrize("suffix", [".yml", ".xml"])
@pytest.mark.parametrize(
    "names",
    [
        {},
        {"M1": "K1", "M2": "K2"},
        {"M1": "cameraMatrix1", "M2": "cameraMatrix2", "D1": "distCoeffs1", "D2": "distCoeffs2"},
        {"M1": "camera_matrix_left", "M2": "camera_matrix_right", "D1": "dist_coeffs_left", "D2": "dist_coeffs_right"},
        {"M1": "left_camera_matrix", "M2": "right_camera_matrix", "D1": "left_dist_coeffs", "D2": "right_dist_coeffs"},
    ],
)
def test_opencv_names(tmp_path: Path, suffix: str, names: dict[str, str]):
    assert_same(unrectified(opencv_file(tmp_path / f"a{suffix}", names), (480, 640)), RIG)


def test_opencv_size_forms(tmp_path: Path):
    for index, extra in enumerate(
        (
            {"image_width": 640, "image_height": 480},
            {"imageSize": np.array([[640.0, 480.0]])},
            {"width": 640, "height": 480},
        )
    ):
        assert_same(unrectified(opencv_file(tmp_path / f"{index}.yml", {}, **extra)), RIG)
    with pytest.raises(CalibrationError, match="pass image_size"):
        read_calibration(opencv_file(tmp_path / "none.yml", {}))
    (tmp_path / "seq.yml").write_text((tmp_path / "none.yml").read_text() + "image_size: [ 640, 480 ]\n")
    assert_same(unrectified(tmp_path / "seq.yml"), RIG)
    text = opencv_file(tmp_path / "none.xml", {}).read_text()
    (tmp_path / "seq.xml").write_text(text.replace("<M1", "<imageSize>640 480</imageSize><M1"))
    assert_same(unrectified(tmp_path / "seq.xml"), RIG)


def test_opencv_sample_writes_two_files(tmp_path: Path):
    opencv_file(tmp_path / "intrinsics.yml", {}, R=None, T=None)
    opencv_file(tmp_path / "extrinsics.yml", {}, M1=None, D1=None, M2=None, D2=None)
    assert_same(unrectified(tmp_path, (480, 640)), RIG)
    with pytest.raises(CalibrationError, match="M1"):
        read_calibration(tmp_path / "extrinsics.yml", (480, 640))
    with pytest.raises(CalibrationError, match="numbers for R, got 0"):
        read_calibration(tmp_path / "intrinsics.yml", (480, 640))


def test_opencv_rotation_vector(tmp_path: Path):
    vector = cv2.Rodrigues(RIG.right_from_left[:3, :3])[0]
    assert_same(unrectified(opencv_file(tmp_path / "a.yml", {}, R=vector), (480, 640)), RIG)


@pytest.mark.parametrize("suffix", [".yml", ".xml"])
@pytest.mark.parametrize(("unit", "scale"), [("mm", 1000.0), ("cm", 100.0), ("m", 1.0)])
def test_unit_of_the_translation(tmp_path: Path, suffix: str, unit: str, scale: float):
    shift = RIG.right_from_left[:3, 3:] * scale
    assert_same(unrectified(opencv_file(tmp_path / f"a{suffix}", {}, T=shift, translation_unit=unit), (480, 640)), RIG)


def test_forgotten_millimetres_are_refused(tmp_path: Path):
    path = opencv_file(tmp_path / "a.yml", {}, T=RIG.right_from_left[:3, 3:] * 1000.0)
    with pytest.raises(CalibrationError, match="translation_unit: mm"):
        read_calibration(path, (480, 640))


def test_opencv_errors(tmp_path: Path):
    size = (480, 640)
    for extra, reason in (
        ({"M2": None}, "M2 .camera matrix. of the right camera"),
        ({"D1": None}, "D1 .distortion. of the left camera"),
        ({"T": None}, "3 numbers for T, got 0"),
        ({"T": np.zeros((3, 1))}, "zero translation"),
        ({"M1": -np.eye(3)}, "of the form"),
        ({"M1": np.diag([-1.0, 1.0, 1.0])}, "positive focal_x_px"),
        ({"M1": np.eye(4)}, "9 numbers for m1, got 16"),
        ({"M1": np.full((3, 3), np.nan)}, "number for m1"),
        ({"D1": np.zeros((1, 6))}, "numbers for d1, got 6"),
        ({"distortion_model": "fov"}, "distortion_model radtan or equidistant"),
        ({"translation_unit": "inch"}, "translation_unit m, cm or mm"),
    ):
        with pytest.raises(CalibrationError, match=reason):
            read_calibration(opencv_file(tmp_path / "a.yml", {}, **extra), size)


def test_opencv_writer_errors(tmp_path: Path):
    with pytest.raises(OutputError, match=r"ends in \.yml"):
        write_opencv_calibration(tmp_path / "a.json", RIG, 0.1)
    other = UnrectifiedRig(RIG.left.scaled(240, 320), RIG.right, RIG.right_from_left)
    with pytest.raises(OutputError, match="one image size"):
        write_opencv_calibration(tmp_path / "a.yml", other, 0.1)
    assert list(tmp_path.iterdir()) == []


# Anything else


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "- a\n- b\n",
        "{",
        "a: &a [*a]",
        "[" * 5_000,
        "a: b: c",
        "x: 1\n",
        "%YAML:1.0\n",
        "%YAML:1.0\n---\nM1: !!opencv-matrix\n   rows: 3\n",
        "!!python/object/apply:os.system ['true']",
        "cam0: !!python/object/apply:os.system ['true']",
        "<a>",
        "<?xml version='1.0'?><opencv_storage></opencv_storage>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<opencv_storage><M1><data>1 2</data></M1></opencv_storage>",
        "cam0=[1 2",
        "P0:\nP1:\n",
        "\x00\x01\x02",
    ],
)
def test_garbage_is_refused_in_one_line(tmp_path: Path, text: str):
    with pytest.raises(CalibrationError) as caught:
        read_calibration(save(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_a_calibration(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_calibration(tmp_path / "none.txt")
    with pytest.raises(LeadlineError):
        read_calibration(tmp_path / "a\0b")
    with pytest.raises(InputError, match="empty file"):
        read_calibration(save(tmp_path, ""))
    with pytest.raises(CalibrationError, match="got neither"):
        read_calibration(tmp_path)
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(CalibrationError, match="binary data"):
        read_calibration(tmp_path / "binary")
    with pytest.raises(InputError, match="at most"):
        read_calibration(save(tmp_path, " " * (1 << 20)))
