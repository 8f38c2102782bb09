"""Calibrations of other kits: each read to numbers that are worked out by hand."""

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io import read_calibration
from leadline.io.calib import read_one_camera, read_stereo_calibration
from leadline.io.rigs import fitted_rig, rectified_rig, single_camera, unrectified_rig

MATRIX = "!!opencv-matrix\n   rows: {r}\n   cols: {c}\n   dt: d\n   data: [ {d} ]\n"


def matrix(name: str, values: np.ndarray) -> str:
    numbers = ", ".join(repr(float(v)) for v in values.ravel())
    return f"{name}: " + MATRIX.format(r=values.shape[0], c=values.shape[1], d=numbers)


def raw_rig() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    turn = np.asarray(cv2.Rodrigues(np.array([0.006, 0.009, -0.008]))[0])
    return (
        np.array([[330.0, 0, 200], [0, 330, 150], [0, 0, 1]]),
        np.array([[-0.05, 0.01, 0, 0, 0]]),
        turn,
        np.array([[-0.0605], [0.0003], [0.0019]]),
    )


def full_opencv(path: Path, width: int = 400, height: int = 300) -> Path:
    """The whole harvest of stereoCalibrate and stereoRectify in one file."""
    k, d, turn, move = raw_rig()
    r1, r2, p1, p2, q = (np.asarray(x) for x in cv2.stereoRectify(k, d, k, d, (width, height), turn, move)[:5])
    parts = {"M1": k, "D1": d, "M2": k, "D2": d, "R": turn, "T": move, "R1": r1, "R2": r2, "P1": p1, "P2": p2, "Q": q}
    path.write_text("%YAML:1.0\n---\n" + "".join(matrix(name, value) for name, value in parts.items()))
    return path


def test_opencv_with_p1_and_p2_is_not_kitti(tmp_path: Path):
    found = read_stereo_calibration(full_opencv(tmp_path / "stereo.yml"), (300, 400))
    assert isinstance(found.rig, UnrectifiedRig)
    assert found.rig.baseline_m == pytest.approx(float(np.linalg.norm([0.0605, 0.0003, 0.0019])))
    assert found.rectified is not None
    assert found.rectified.baseline_m == pytest.approx(found.rig.baseline_m, rel=1e-6)
    assert found.rectified.doffs_px == pytest.approx(0.0, abs=1e-9)


def test_p1_p2_and_q_of_rectified_images(tmp_path: Path):
    left, right = np.eye(3, 4) * 350.0, np.eye(3, 4) * 350.0
    for projection in (left, right):
        projection[:, 2] = [240.0, 160.0, 1.0]
    right[0, 2], right[0, 3] = 250.0, -35.0
    q = np.array([[1, 0, 0, -240.0], [0, 1, 0, -160.0], [0, 0, 0, 350.0], [0, 0, 10.0, 100.0]])
    for parts in ({"P1": left, "P2": right}, {"Q": q}):
        path = tmp_path / "rectified.yml"
        path.write_text("%YAML:1.0\n---\n" + "".join(matrix(name, value) for name, value in parts.items()))
        rig = read_calibration(path, (320, 480))
        assert isinstance(rig, StereoRig)
        assert rig.left == Pinhole(350.0, 350.0, 240.0, 160.0, 320, 480)
        assert rig.baseline_m == pytest.approx(0.1)  # 35 / 350; -1 / Q[3, 2]
        assert rig.doffs_px == pytest.approx(10.0)  # cx' - cx; Q[3, 3] = (cx - cx') / Tx = -10 / -0.1


def test_a_right_camera_calibrated_first(tmp_path: Path):
    left, right = np.eye(3, 4) * 350.0, np.eye(3, 4) * 350.0
    for projection in (left, right):
        projection[:, 2] = [240.0, 160.0, 1.0]
    right[0, 2], right[0, 3] = 250.0, 35.0
    path = tmp_path / "rectified.yml"
    path.write_text(matrix("P1", left) + matrix("P2", right))
    found = read_stereo_calibration(path, (320, 480))
    assert found.rectified is not None
    assert found.rectified.baseline_m == pytest.approx(0.1)
    assert found.rectified.left.center_x_px == 250.0
    assert any("exchanged" in note for note in found.notes)


def test_a_damaged_q_is_refused(tmp_path: Path):
    (tmp_path / "q.yml").write_text(matrix("Q", np.eye(4)))
    with pytest.raises(CalibrationError, match="expected Q"):
        read_calibration(tmp_path / "q.yml", (3, 4))


def test_a_vertical_pair_is_refused(tmp_path: Path):
    left, right = np.eye(3, 4) * 350.0, np.eye(3, 4) * 350.0
    for projection in (left, right):
        projection[:, 2] = [240.0, 160.0, 1.0]
    right[0, 3], right[1, 3] = -1.0, -35.0
    (tmp_path / "v.yml").write_text(matrix("P1", left) + matrix("P2", right))
    with pytest.raises(CalibrationError, match="one above the other"):
        read_calibration(tmp_path / "v.yml", (320, 480))


def info(side: str, shift: float, turn: np.ndarray, folder: Path, plain: bool = False) -> Path:
    numbers = ", ".join(repr(float(v)) for v in turn.ravel())
    names = (
        ("K", "D", "R", "P", "height", "width")
        if plain
        else (
            *("camera_matrix", "distortion_coefficients", "rectification_matrix", "projection_matrix"),
            *("image_height", "image_width"),
        )
    )
    parts = (
        "[400, 0, 320, 0, 401, 240, 0, 0, 1]",
        "[-0.3, 0.1, 0.001, -0.002, 0]",
        f"[{numbers}]",
        f"[410, 0, 330, {shift!r}, 0, 410, 235, 0, 0, 0, 1, 0]",
    )
    wrap = "{}" if plain else "\n  rows: 3\n  cols: 3\n  data: {}"
    text = "".join(f"{name}: {wrap.format(part)}\n" for name, part in zip(names[:4], parts, strict=True))
    text += f"distortion_model: plumb_bob\n{names[4]}: 480\n{names[5]}: 640\n"
    path = folder / f"{side}.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("plain", [False, True])
def test_ros_camera_infos(tmp_path: Path, plain: bool):
    turns = [np.asarray(cv2.Rodrigues(np.array(v))[0]) for v in ([0.01, 0.02, 0.03], [-0.02, 0.01, 0.0])]
    left = info("left", 0.0, turns[0], tmp_path, plain)
    info("right", -0.06 * 410, turns[1], tmp_path, plain)
    for path in (tmp_path, left):
        found = read_stereo_calibration(path)
        assert found.rectified is not None
        assert found.rectified.left == found.rectified.right == Pinhole(410.0, 410.0, 330.0, 235.0, 480, 640)
        assert found.rectified.baseline_m == pytest.approx(0.06)
        assert found.raw is not None
        assert found.raw.left.distortion == (-0.3, 0.1, 0.001, -0.002, 0.0)
        # A point of the left camera, taken to the rectified frame and on to the right camera.
        point = np.array([0.3, -0.2, 2.0, 1.0])
        expected = turns[1].T @ (turns[0] @ point[:3] - [0.06, 0.0, 0.0])
        assert np.allclose((found.raw.right_from_left @ point)[:3], expected)


def test_ros_errors(tmp_path: Path):
    left = info("left", 0.0, np.eye(3), tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_calibration(left)
    right = info("right", 0.0, np.eye(3), tmp_path)
    with pytest.raises(CalibrationError, match="without a baseline"):
        read_calibration(left)
    with pytest.raises(CalibrationError, match=r"name left\.yaml"):
        read_calibration(right)
    info("right", -24.0, np.eye(3), tmp_path)
    right.write_text(right.read_text().replace("640", "320"))
    with pytest.raises(CalibrationError, match="one image size"):
        read_calibration(left)
    left.write_text(left.read_text().replace("plumb_bob", "fov"))
    with pytest.raises(CalibrationError, match="distortion_model"):
        read_one_camera(left)
    with pytest.raises(CalibrationError, match="holds both"):
        read_calibration(left.rename(tmp_path / "camera.yaml"))


ZED = """[LEFT_CAM_HD]
fx=700.5
fy=700.1
cx=639.2
cy=361.8
k1=-0.171
k2=0.0273
k3=0.001
p1=0.0001
p2=-0.0002

[RIGHT_CAM_HD]
fx=701
fy=700.6
cx=641.5
cy=360.2
k1=-0.169
k2=0.0261
k3=0

[LEFT_CAM_VGA]
fx=350
fy=350
cx=330
cy=190
[RIGHT_CAM_VGA]
fx=351
fy=350
cx=331
cy=190

[STEREO]
Baseline=119.87
TY=0.1
TZ=-0.2
CV_HD=0.0021
RX_HD=-0.0009
RZ_HD=0.0004
"""


def test_zed(tmp_path: Path):
    path = tmp_path / "SN1.conf"
    path.write_text(ZED)
    rig = read_calibration(path)
    assert isinstance(rig, UnrectifiedRig)
    assert rig.left.camera == Pinhole(700.5, 700.1, 639.2, 361.8, 720, 1280)
    assert rig.left.distortion == (-0.171, 0.0273, 0.0001, -0.0002, 0.001)
    assert np.allclose(rig.right_from_left[:3, 3], [-0.11987, 0.0001, -0.0002])
    vector = cv2.Rodrigues(rig.right_from_left[:3, :3])[0].ravel()
    assert np.allclose(vector, [-0.0009, 0.0021, 0.0004])
    assert not rig.right_first
    # The section that fits the images; here also halved ones.
    for size, width in (((376, 672), 672), ((720, 1280), 1280), ((360, 640), 1280)):
        small = read_calibration(path, size)
        assert isinstance(small, UnrectifiedRig)
        assert small.left.camera.width == width


def test_zed_errors(tmp_path: Path):
    path = tmp_path / "SN1.conf"
    for old, new, reason in (
        ("Baseline", "B", "Baseline in"),
        ("fx=700.5", "fx=wide", "a number for fx"),
        ("RIGHT_CAM", "R_CAM", "sections of both cameras"),
        ("119.87", "0.11987", "m if it is in m"),
    ):
        path.write_text(ZED.replace(old, new))
        with pytest.raises(CalibrationError, match=reason):
            read_calibration(path)


def oak(translation: tuple[float, float, float] = (-7.5, 0.0, 0.0), backwards: bool = False) -> dict:
    turn = np.asarray(cv2.Rodrigues(np.array([0.0, 0.02, 0.0]))[0])
    extrinsics = {
        "rotationMatrix": turn.tolist(),
        "toCameraSocket": 1 if backwards else 2,
        "translation": dict(zip("xyz", translation, strict=True)),
    }
    none = {"rotationMatrix": [], "toCameraSocket": -1, "translation": {"x": 0.0, "y": 0.0, "z": 0.0}}
    camera = {
        "cameraType": 0,
        "distortionCoeff": [-7.64, 19.1, 0.0007, 0.0011, -12.51, -7.64, 19.06, -12.45, *[0.0] * 6],
        "height": 800,
        "width": 1280,
        "intrinsicMatrix": [[903.9, 0.0, 645.6], [0.0, 905.3, 386.9], [0.0, 0.0, 1.0]],
    }
    first, second = (none, extrinsics) if backwards else (extrinsics, none)
    return {"cameraData": [[1, {**camera, "extrinsics": first}], [2, {**camera, "extrinsics": second}]]}


def test_oak(tmp_path: Path):
    path = tmp_path / "oak.json"
    path.write_text(json.dumps(oak()))
    rig = read_calibration(path)
    assert isinstance(rig, UnrectifiedRig)
    assert rig.left.camera == Pinhole(903.9, 905.3, 645.6, 386.9, 800, 1280)
    assert len(rig.left.distortion) == 14
    assert np.allclose(rig.right_from_left[:3, 3], [-0.075, 0.0, 0.0])
    # The same rig, stated from the right camera.
    turn = rig.right_from_left[:3, :3]
    back = -turn.T @ [-7.5, 0.0, 0.0]
    path.write_text(json.dumps(oak(tuple(back.tolist()), backwards=True)).replace("[[0.99", "[[0.99"))
    other = read_calibration(path)
    assert isinstance(other, UnrectifiedRig)
    assert other.baseline_m == pytest.approx(0.075)
    for change, reason in (
        ({"cameraData": oak()["cameraData"][:1]}, "right camera at socket 2"),
        ({"cameraData": [[1, {}], [2, {}]]}, "extrinsics"),
    ):
        path.write_text(json.dumps(change))
        with pytest.raises(CalibrationError, match=reason):
            read_calibration(path)


def test_realsense_pair(tmp_path: Path):
    camera = {"width": 640, "height": 480, "fx": 385.1, "fy": 385.1, "ppx": 320.5, "ppy": 240.5, "coeffs": [0] * 5}
    file = {
        "infra1": {**camera, "model": "distortion.brown_conrady"},
        "infra2": camera,
        "infra1_to_infra2": {"rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1], "translation": [-0.0501, 0.0, 0.0]},
    }
    path = tmp_path / "rs.json"
    path.write_text(json.dumps(file))
    rig = read_calibration(path)
    assert isinstance(rig, StereoRig)
    assert rig.left == Pinhole(385.1, 385.1, 320.5, 240.5, 480, 640)
    assert rig.baseline_m == pytest.approx(0.0501)
    del file["infra1_to_infra2"]
    path.write_text(json.dumps({**file, "baseline_mm": 50.1}))
    assert read_calibration(path).baseline_m == pytest.approx(0.0501)
    path.write_text(json.dumps({**file, "baseline_mm": 50.1, "infra2": {**camera, "model": "ftheta"}}))
    with pytest.raises(CalibrationError, match="expected a model"):
        read_calibration(path)
    path.write_text(json.dumps(file))
    with pytest.raises(CalibrationError, match="expected a baseline"):
        read_calibration(path)


def test_focal_length_and_baseline(tmp_path: Path):
    path = tmp_path / "d.json"
    path.write_text(
        json.dumps({"baseline_meters": 0.075, "fx": 451.0, "fy": 452.0, "cx0": 299.0, "cx1": 301.5, "cy": 255})
    )
    rig = read_calibration(path, (480, 640))
    assert isinstance(rig, StereoRig)
    assert (rig.doffs_px, rig.baseline_m, rig.left.center_y_px) == (2.5, 0.075, 255.0)


def test_cityscapes(tmp_path: Path):
    path = tmp_path / "camera.json"
    path.write_text(
        json.dumps(
            {
                "extrinsic": {"baseline": 0.209313, "pitch": 0.038},
                "intrinsic": {"fx": 2262.52, "fy": 2265.3, "u0": 1096.98, "v0": 513.137},
            }
        )
    )
    rig = read_calibration(path, (1024, 2048))
    assert isinstance(rig, StereoRig)
    assert rig.left == Pinhole(2262.52, 2265.3, 1096.98, 513.137, 1024, 2048)
    assert (rig.baseline_m, rig.doffs_px) == (0.209313, 0.0)


def test_matrix_and_baseline(tmp_path: Path):
    path = tmp_path / "K.txt"
    path.write_text("754.67 0.0 489.38 0.0 754.67 265.16 0.0 0.0 1.0\n0.063\n")
    rig = read_calibration(path, (540, 960))
    assert isinstance(rig, StereoRig)
    assert rig.left == Pinhole(754.67, 754.67, 489.38, 265.16, 540, 960)
    assert rig.baseline_m == 0.063
    path.write_text("754.67 0.0 489.38 0.0 754.67 265.16 0.0 0.0 1.0\n")
    with pytest.raises(CalibrationError, match="baseline in metres below"):
        read_calibration(path, (540, 960))


def test_driving_stereo_takes_the_true_translation(tmp_path: Path):
    """Its half-size files have the full size's f t in P: 1.089 m where the cameras stand 0.545 m apart."""
    path = tmp_path / "2018.txt"
    path.write_text(
        "calib_time: 20180703\nS_rect_101: 8.81e+2 4.0e+2\nT_101: 0 0 0\n"
        "P_rect_101: 1.003556e+3 0 4.55689e+2 0 0 1.003556e+3 1.976634e+2 0 0 0 1 0\n"
        "T_103: -5.446076e-01 -7.50061e-04 -2.395167e-03\n"
        "P_rect_103: 1.003556e+3 0 4.55689e+2 -1.093101e+3 0 1.003556e+3 1.976634e+2 0 0 0 1 0\n"
    )
    found = read_stereo_calibration(path)
    assert found.rectified is not None
    assert found.rectified.baseline_m == pytest.approx(0.54461, abs=1e-4)
    assert (found.rectified.left.height, found.rectified.left.width) == (400, 881)
    assert any("T taken" in note for note in found.notes)


def test_kitti_grey_images_take_the_grey_pair(tmp_path: Path):
    path = tmp_path / "calib.txt"
    path.write_text(
        "P0: 700 0 600 0 0 700 180 0 0 0 1 0\nP1: 700 0 600 -378 0 700 180 0 0 0 1 0\n"
        "P2: 700 0 600 42 0 700 180 0 0 0 1 0\nP3: 700 0 600 -329 0 700 180 0 0 0 1 0\n"
    )
    assert read_stereo_calibration(path, (375, 1242), grey=True).rig.baseline_m == pytest.approx(378 / 700)
    colour = read_stereo_calibration(path, (375, 1242))
    assert colour.rig.baseline_m == pytest.approx(371 / 700)
    assert "colour cameras 2 and 3 taken of several pairs" in colour.notes[0]


def test_json_with_tabs_and_opencv_names(tmp_path: Path):
    k, d, turn, move = raw_rig()
    fields = {
        "K1": k.tolist(),
        "D1": d.tolist(),
        "K2": k.tolist(),
        "D2": d.tolist(),
        "R": turn.tolist(),
        "T": move.tolist(),
    }
    texts = [json.dumps(fields), json.dumps(fields, indent=1), json.dumps(fields, indent="\t")]
    rigs = []
    for index, text in enumerate(texts):
        (tmp_path / f"{index}.json").write_text(text)
        rigs.append(read_calibration(tmp_path / f"{index}.json", (300, 400)))
    assert all(isinstance(rig, UnrectifiedRig) for rig in rigs)
    assert all(np.array_equal(rig.right_from_left, rigs[0].right_from_left) for rig in rigs)


def test_npz_of_opencv(tmp_path: Path):
    k, d, turn, move = raw_rig()
    arrays = {"mtx1": k, "dist1": d, "mtx2": k, "dist2": d, "R": turn, "T": move, "objpoints": np.zeros((20, 54, 3))}
    np.savez_compressed(tmp_path / "c.npz", **arrays, image_size=np.array([400, 300]))
    rig = read_calibration(tmp_path / "c.npz")
    assert isinstance(rig, UnrectifiedRig)
    assert np.allclose(rig.right_from_left[:3, 3], move.ravel())
    assert (rig.left.camera.height, rig.left.camera.width) == (300, 400)
    data = (tmp_path / "c.npz").read_bytes()
    for cut in (10, len(data) // 2, len(data) - 5):
        (tmp_path / "cut.npz").write_bytes(data[:cut])
        with pytest.raises(CalibrationError):
            read_calibration(tmp_path / "cut.npz")
    np.savez(tmp_path / "o.npz", R=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CalibrationError):
        read_calibration(tmp_path / "o.npz")


def test_omnidirectional_cameras_are_refused(tmp_path: Path):
    path = four(tmp_path / "c.yml", 300.0, "-0.1, 0.01, 0, 0", "xi1: [1.2]\nxi2: [1.2]\n")
    with pytest.raises(CalibrationError, match="omnidirectional"):
        read_calibration(path, (480, 640))


@pytest.mark.parametrize("content", ["[" * 200_000, '{"a": ' * 40_000, "%YAML:1.0\n---\na: " + "[" * 200_000])
@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_deep_nesting_is_refused_at_once(tmp_path: Path, name: str, content: str):
    """A reader of YAML looks at all open brackets for each one: minutes for 200 kB."""
    (tmp_path / name).write_text(content)
    start = time.process_time()
    with pytest.raises(CalibrationError, match="damaged or other file"):
        read_calibration(tmp_path / name)
    assert time.process_time() - start < 5.0


def test_yaml_aliases_are_refused(tmp_path: Path):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    (tmp_path / "bomb.yaml").write_text(bomb)
    with pytest.raises(CalibrationError, match="aliases"):
        read_calibration(tmp_path / "bomb.yaml")


def four(path: Path, focal: float, coefficients: str, extra: str = "") -> Path:
    k = matrix("K1", np.array([[focal, 0, 319.5], [0, focal, 239.5], [0, 0, 1.0]]))
    path.write_text(
        k + k.replace("K1", "K2") + f"D1: [{coefficients}]\nD2: [{coefficients}]\n"
        "R: [1,0,0,0,1,0,0,0,1]\nT: [-0.1, 0, 0]\n" + extra
    )
    return path


@pytest.mark.parametrize(
    ("focal", "coefficients", "model"),
    [
        (150.0, "0.0129, 0.0027, -0.0059, 0.0013", "equidistant"),  # 130 degrees without barrel distortion
        (285.0, "-0.0084, 0.0446, -0.0425, 0.0081", "equidistant"),  # no lens has p1 of -0.04
        (458.0, "-0.28, 0.07, 0.0002, 1.8e-05", "radtan"),
        (300.0, "-0.28, 0.07, 0.0002, 1.8e-05", "radtan"),
        (600.0, "0.02, -0.05, 0.0002, 0.0001", "radtan"),  # narrow: the models hardly differ
        (100.0, "0, 0, 0, 0", "radtan"),
    ],
)
def test_four_coefficients_of_an_unstated_model(tmp_path: Path, focal: float, coefficients: str, model: str):
    found = read_stereo_calibration(four(tmp_path / "c.yml", focal, coefficients), (480, 640))
    assert found.raw is not None
    assert found.raw.left.model == model
    assert any("unstated lens model" in note for note in found.notes) == (model == "equidistant")


def test_four_coefficients_that_may_be_either_are_questioned(tmp_path: Path):
    path = four(tmp_path / "c.yml", 340.0, "0.01, 0.002, -0.003, 0.001")
    with pytest.raises(CalibrationError, match="distortion_model: radtan' or 'distortion_model: equidistant'"):
        read_calibration(path, (480, 640))
    for model in ("radtan", "equidistant"):
        mended = four(tmp_path / "c.yml", 340.0, "0.01, 0.002, -0.003, 0.001", f"distortion_model: {model}\n")
        rig = read_calibration(mended, (480, 640))
        assert isinstance(rig, UnrectifiedRig)
        assert rig.left.model == model


def test_ndisp_and_doffs_say_where_to_search(tmp_path: Path):
    lines = "cam0=[375 0 230; 0 375 150; 0 0 1]\ncam1=[375 0 249.5; 0 375 150; 0 0 1]\n"
    lines += "baseline=680\nwidth=480\nheight=300\n"
    path = tmp_path / "calib.txt"
    path.write_text(lines)
    found = fitted_rig(path, ((300, 480), (300, 480)))
    assert (found.disparities, found.smallest) == (None, -20)  # doffs 19.5: what is far away has -19.5
    half = fitted_rig(path, ((150, 240), (150, 240)))
    assert half.smallest == -10
    path.write_text(lines + "ndisp=265\n")
    found = fitted_rig(path, ((150, 240), (150, 240)))
    assert (found.disparities, found.smallest) == (133, None)
    path.write_text(lines + "ndisp=9999\n")
    assert fitted_rig(path, ((300, 480), (300, 480))).disparities is None


def test_a_file_with_both_kinds_serves_both(tmp_path: Path):
    path = full_opencv(tmp_path / "stereo.yml")
    rectified, _ = rectified_rig(path, (300, 400))
    raw, _ = unrectified_rig(path, ((300, 400), (300, 400)))
    assert rectified.baseline_m == pytest.approx(raw.baseline_m)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("K.txt", "300 0 150\n0 310 115\n0 0 1\n"),
        ("one.txt", "300 0 150 0 310 115 0 0 1"),
        ("cameras.txt", "# one line each\n1 PINHOLE 320 240 300 310 150.5 115.5\n"),
        ("c.json", '{"fx": 300, "fy": 310, "ppx": 150, "ppy": 115, "width": 320, "height": 240}'),
        ("o3d.json", '{"width": 320, "height": 240, "intrinsic_matrix": [300, 0, 0, 0, 310, 0, 150, 115, 1]}'),
        ("cv.yaml", "camera_matrix: {rows: 3, cols: 3, data: [300, 0, 150, 0, 310, 115, 0, 0, 1]}\n"),
        ("calib.txt", "cam0=[300 0 150; 0 310 115; 0 0 1]\ndoffs=0\nbaseline=100\n"),
        (
            "info.yaml",
            "image_width: 320\nimage_height: 240\ncamera_matrix: {data: [300, 0, 150, 0, 310, 115, 0, 0, 1]}\n"
            "distortion_coefficients: {data: [0, 0, 0, 0, 0]}\nprojection_matrix: {data: []}\n",
        ),
    ],
)
def test_one_camera(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    camera, notes = single_camera(tmp_path / name, (240, 320))
    assert camera == Pinhole(300.0, 310.0, 150.0, 115.0, 240, 320)
    assert notes == ()


def test_one_camera_with_a_lens_is_noted_and_scaled(tmp_path: Path):
    (tmp_path / "cv.yaml").write_text(
        "image_width: 320\nimage_height: 240\ncamera_matrix: [300, 0, 150, 0, 310, 115, 0, 0, 1]\n"
        "dist_coeffs: [-0.3, 0.1, 0, 0, 0]\n"
    )
    camera, notes = single_camera(tmp_path / "cv.yaml", (480, 640))
    assert camera.focal_x_px == 600.0
    assert "not corrected" in notes[0]
    with pytest.raises(InputError, match="as calibrated"):
        single_camera(tmp_path / "cv.yaml", (480, 480))
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 320 240 300 310 150 115\n2 OPENCV 320 240 3 3 1 1 0 0 0 0\n")
    with pytest.raises(CalibrationError, match="expected one PINHOLE"):
        single_camera(tmp_path / "cameras.txt", (240, 320))


def test_real_oak(real_dir: Path):
    """Luxonis' own recordings: cameras 75 mm apart by design."""
    if not (real_dir / "camera").is_dir():
        pytest.skip("no camera recordings: expected camera in the folder of real scenes")
    for name in ("depthai_v5.json", "depthai_v6_three_cameras.json"):
        rig = read_calibration(real_dir / "camera" / name)
        assert isinstance(rig, UnrectifiedRig)
        assert rig.baseline_m == pytest.approx(0.075, rel=0.01)
        assert not rig.right_first
        assert (rig.left.camera.height, rig.left.camera.width) == (800, 1280)


def test_real_stereodemo(real_dir: Path):
    path = real_dir / "photos" / "oak_d" / "stereodemo_calibration.json"
    if not path.is_file():
        pytest.skip("no OAK-D photos: expected photos/oak_d in the folder of real scenes")
    rig = read_calibration(path)
    assert isinstance(rig, StereoRig)
    assert rig.baseline_m == 0.075


@pytest.mark.parametrize("focal", ["4.2", "0.9", "1e6"])
def test_focal_lengths_that_are_no_pixels_are_refused(tmp_path: Path, focal: str):
    """In millimetres, as shares of the width, or in micrometres."""
    (tmp_path / "K.txt").write_text(f"{focal} 0 320 0 {focal} 240 0 0 1\n0.12\n")
    with pytest.raises(CalibrationError, match="expected focal lengths in pixels of 640x480"):
        fitted_rig(tmp_path / "K.txt", ((480, 640), (480, 640)))
    (tmp_path / "K.txt").write_text(f"{focal} 0 320 0 {focal} 240 0 0 1\n")
    with pytest.raises(CalibrationError, match="expected focal lengths in pixels of 640x480"):
        single_camera(tmp_path / "K.txt", (480, 640))
