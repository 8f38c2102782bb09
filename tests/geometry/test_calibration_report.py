"""Deviations of a calibration against those of many noisy repetitions, and coverage by hand."""

import cv2
import numpy as np
import pytest

from leadline.geometry.calibration_report import camera_report, coverage
from leadline.geometry.camera import DistortedCamera, Pinhole

CAMERA = Pinhole(400.0, 410.0, 320.0, 240.0, 480, 640)
BOARD = np.array([[x * 0.03, y * 0.03, 0.0] for y in range(6) for x in range(8)], np.float32)


def test_coverage_by_hand():
    quarter = np.array([[x, y] for x in range(0, 320, 10) for y in range(0, 240, 10)], np.float32)
    assert coverage([quarter], 480, 640) == 12 / 48
    assert coverage([], 480, 640) == 0.0


@pytest.mark.parametrize("model", ["radtan", "equidistant"])
def test_deviations_are_those_of_repetitions(model: str):
    lens = DistortedCamera(CAMERA, (-0.1, 0.02, 0.001, -0.001), model)
    rng = np.random.default_rng(1)
    poses, ideal = [], []
    for index in range(8):
        pose = np.eye(4)
        angle = 2 * np.pi * index / 8
        pose[:3, :3] = cv2.Rodrigues(0.5 * np.array([np.cos(angle), np.sin(angle), 0.1]))[0]
        pose[:3, 3] = np.array([0.1 * np.cos(angle), 0.08 * np.sin(angle), 0.45]) - pose[:3, :3] @ [0.105, 0.075, 0]
        poses.append(pose)
        project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
        turn = cv2.Rodrigues(pose[:3, :3])[0]
        points = BOARD.reshape(-1, 1, 3).astype(np.float64)
        ideal.append(
            project(points, turn, pose[:3, 3:].copy(), CAMERA.matrix, np.array(lens.distortion))[0].reshape(-1, 2)
        )
    noise_px, repeated, told = 0.2, [], None
    for _ in range(60):
        seen = [(points + rng.normal(0, noise_px, points.shape)).astype(np.float32) for points in ideal]
        told = camera_report(lens, [BOARD] * 8, seen, poses)
        if model == "radtan":
            found = cv2.calibrateCamera(
                [BOARD] * 8,
                seen,
                (640, 480),
                CAMERA.matrix,
                np.zeros(5),
                flags=cv2.CALIB_FIX_K3 | cv2.CALIB_USE_INTRINSIC_GUESS,
            )
            repeated.append([found[1][0, 0], found[1][1, 1], found[1][0, 2], found[1][1, 2], *found[2].ravel()[:4]])
    assert told is not None
    assert min(told.focal_deviation_px) > 0
    if model == "radtan":
        spread = np.std(repeated, axis=0)
        claimed = [*told.focal_deviation_px, *told.center_deviation_px, *told.distortion_deviation]
        assert np.all(np.abs(np.log(np.array(claimed) / spread)) < 0.35)
