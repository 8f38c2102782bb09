from pathlib import Path

import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError
from leadline.io import read_kitti_camera, read_kitti_projection

CAMERAS = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
R_rect_00: 0 1 0 -1 0 0 0 0 1
S_rect_02: 1.242000e+03 3.750000e+02
P_rect_02: 700 0 600 45 0 700 170 0.5 0 0 1 0.25
"""
SCANNER = "calib_time: 15-Mar-2012 11:37:16\nR: 0 -1 0 0 0 -1 1 0 0\nT: 1 2 3\n"


def test_one_camera(tmp_path: Path):
    (tmp_path / "calib_cam_to_cam.txt").write_text(CAMERAS)
    camera = read_kitti_camera(tmp_path, 2)
    assert (camera.height, camera.width) == (375, 1242)
    assert camera.matrix.tolist() == [[700, 0, 600], [0, 700, 170], [0, 0, 1]]


def test_a_point_by_hand(tmp_path: Path):
    (tmp_path / "calib_cam_to_cam.txt").write_text(CAMERAS)
    (tmp_path / "calib_velo_to_cam.txt").write_text(SCANNER)
    projected = read_kitti_projection(tmp_path, 2) @ np.array([10.0, 4.0, 5.0, 1.0])
    # [R t]: (-4 + 1, -5 + 2, 10 + 3); R_rect: (y, -x, z) = (-3, 3, 13); P_rect: Z = 13.25.
    assert projected.tolist() == [700 * -3 + 600 * 13 + 45, 700 * 3 + 170 * 13 + 0.5, 13.25]


def test_what_is_missing_or_damaged_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"a KITTI calibration at .*calib_cam_to_cam.txt, got no such file"):
        read_kitti_camera(tmp_path, 2)
    (tmp_path / "calib_cam_to_cam.txt").write_text(CAMERAS)
    with pytest.raises(CalibrationError, match=r"a line S_rect_03: in .*calib_cam_to_cam.txt, got none"):
        read_kitti_camera(tmp_path, 3)
    with pytest.raises(InputError, match=r"calib_velo_to_cam.txt, got no such file"):
        read_kitti_projection(tmp_path, 2)
    (tmp_path / "calib_velo_to_cam.txt").write_text("R: 1 2 3\n")
    with pytest.raises(CalibrationError, match=r"9 numbers for R in .*calib_velo_to_cam.txt, got 3"):
        read_kitti_projection(tmp_path, 2)
    (tmp_path / "calib_velo_to_cam.txt").write_text(SCANNER.replace("R: 0", "R: 1"))
    with pytest.raises(CalibrationError, match=r"R in .*calib_velo_to_cam\.txt to be a rotation"):
        read_kitti_projection(tmp_path, 2)
    (tmp_path / "calib_velo_to_cam.txt").write_text(SCANNER.replace("T: 1", "T: 1e308"))
    with pytest.raises(CalibrationError, match="got absurd numbers"):
        read_kitti_projection(tmp_path, 2)
