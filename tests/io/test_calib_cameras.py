"""Calibrations as the tools of cameras print them: RealSense's text and table, camera_info messages of ROS 1 and 2."""

import json

import numpy as np
import pytest

from leadline.errors import CalibrationError
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib import read_one_camera, read_stereo_calibration
from leadline.io.rigs import fitted_rig


def intrinsic(index, width, height, focal, coefficients="0  	0  	0  	0  	0"):
    return f"""
 Intrinsic of "Infrared {index}" / {width}x{height} / {{Y8}}
  Width:      	{width}
  Height:     	{height}
  PPX:        	{width / 2 - 0.5}
  PPY:        	{height / 2 - 0.5}
  Fx:         	{focal}
  Fy:         	{focal}
  Distortion: 	Brown Conrady
  Coeffs:     	{coefficients}
  FOV (deg):  	89.97 x 58.69
"""


EXTRINSIC = """
Extrinsic from "Infrared 1"	  To	  "Color" :
 Rotation Matrix:
   0.999997         0.00234246      -0.000769757
  -0.00233787       0.99998          0.00592037
   0.000783609     -0.00591855       0.999982

 Translation Vector: 0.0256999991834164  -0.000733263499569148  0.00431601284071803

Extrinsic from "Infrared 1"	  To	  "Infrared 2" :
 Rotation Matrix:
   1   0   0
   0   1   0
   0   0   1

 Translation Vector: -0.0950561240315437  0  0

"""


def printed(**changed):
    sizes = [(640, 360, 320.0), (848, 480, 424.0), (1280, 720, 640.0)]
    return "Device info: D455\n" + "".join(
        intrinsic(index, *size, **changed) for size in sizes for index in (1, 2)
    ) + EXTRINSIC  # fmt: skip


def test_what_rs_enumerate_devices_prints(tmp_path):
    path = tmp_path / "d455.txt"
    path.write_text(printed())
    found = read_stereo_calibration(path)
    assert isinstance(found.rig, StereoRig)
    assert (found.rig.left.focal_x_px, found.rig.left.width) == (640.0, 1280)
    assert found.rig.baseline_m == pytest.approx(0.0950561)
    assert read_stereo_calibration(path, (480, 848)).rig.left.focal_x_px == 424.0
    # Half of 640x360: the same shape, scaled.
    assert fitted_rig(path, ((180, 320), (180, 320))).rectified.left.focal_x_px == pytest.approx(160.0)
    assert read_one_camera(path, (360, 640))[0].focal_x_px == 320.0


def test_a_realsense_with_distortion_is_raw(tmp_path):
    path = tmp_path / "d400.txt"
    path.write_text(printed(coefficients="0.1  	0  	0  	0  	0"))
    found = read_stereo_calibration(path)
    assert isinstance(found.rig, UnrectifiedRig)
    assert found.rig.left.distortion[0] == pytest.approx(0.1)


def test_a_part_of_the_text(tmp_path):
    path = tmp_path / "part.txt"
    for text in (printed().replace("Infrared 2", "Infrared 3"), printed().replace("Translation", "Shift")):
        path.write_text(text)
        with pytest.raises(CalibrationError, match="got only a part; copy all"):
            read_stereo_calibration(path)


def test_the_table_of_realsenses_viewer(tmp_path):
    table = {"baseline": "-49.9496", "intrinsic_left.x.x": "0.501421"}
    for place, (width, height, focal) in enumerate([(1920, 1080, 970.688), (1280, 720, 647.125), (848, 480, 428.72)]):
        values = {"fx": focal, "fy": focal, "ppx": width / 2, "ppy": height / 2, "width": width, "height": height}
        table |= {f"rectified.{place}.{name}": str(value) for name, value in values.items()}
    path = tmp_path / "table.json"
    path.write_text(json.dumps(table))
    rig = read_stereo_calibration(path, (720, 1280)).rig
    assert isinstance(rig, StereoRig)
    assert (rig.left.focal_x_px, rig.left.center_x_px) == (647.125, 640.0)
    assert rig.baseline_m == pytest.approx(0.0499496)
    assert read_stereo_calibration(path).rig.left.width == 1920
    path.write_text(json.dumps({"baseline": "-50", "rectified.0.fx": "0"}))
    with pytest.raises(CalibrationError, match="save the table again"):
        read_stereo_calibration(path)


@pytest.mark.parametrize("capital", [True, False])
def test_camera_info_as_it_is_echoed(tmp_path, capital):
    """ROS 1 names the matrices in capitals, ROS 2 does not; both end a message with three dashes."""

    def message(shift):
        values = {
            "height": 480, "width": 640, "distortion_model": "plumb_bob", "d": [0.1, 0.0, 0.0, 0.0, 0.0],
            "k": [500.0, 0, 320, 0, 500.0, 240, 0, 0, 1], "r": np.eye(3).ravel().tolist(),
            "p": [480.0, 0, 320, shift, 0, 480.0, 240, 0, 0, 0, 1, 0],
        }  # fmt: skip
        words = {name.upper() if capital and len(name) == 1 else name: value for name, value in values.items()}
        header = "header:\n  stamp:\n    sec: 1557919254\n    nanosec: 636695623\n  frame_id: camera\n"
        return header + "".join(f"{name}: {json.dumps(value)}\n" for name, value in words.items()) + "---\n"

    for side, shift in (("left", 0.0), ("right", -48.0)):
        (tmp_path / f"{side}.yaml").write_text(message(shift))
    for place in (tmp_path, tmp_path / "left.yaml"):
        found = read_stereo_calibration(place)
        assert found.rectified.baseline_m == pytest.approx(0.1)
        assert found.rectified.left.focal_x_px == 480.0
        assert found.raw.left.camera.focal_x_px == 500.0
        assert found.raw.left.distortion[0] == pytest.approx(0.1)
    assert read_one_camera(tmp_path / "left.yaml")[0].focal_x_px == 500.0
