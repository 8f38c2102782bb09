"""Cameras and rigs, and what follows from them: rectification, epipolar checks, calibration, points from depth."""

from leadline.geometry.calibrate import (
    Board,
    CalibrationView,
    CharucoBoard,
    Chessboard,
    StereoCalibration,
    calibrate_stereo,
)
from leadline.geometry.camera import DistortedCamera, DistortionModel, Pinhole
from leadline.geometry.check import PairCheck, check_pair
from leadline.geometry.epipolar import Matches, fundamental_matrix, match_views, sampson_distances_px
from leadline.geometry.rectify import Rectification, rectify
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.geometry.uncalibrated import rectify_uncalibrated
from leadline.geometry.unproject import PointCloud, depth_from_disparity, points_from_depth

__all__ = [
    "Board",
    "CalibrationView",
    "CharucoBoard",
    "Chessboard",
    "DistortedCamera",
    "DistortionModel",
    "Matches",
    "PairCheck",
    "Pinhole",
    "PointCloud",
    "Rectification",
    "StereoCalibration",
    "StereoRig",
    "UnrectifiedRig",
    "calibrate_stereo",
    "check_pair",
    "depth_from_disparity",
    "fundamental_matrix",
    "match_views",
    "points_from_depth",
    "rectify",
    "rectify_uncalibrated",
    "sampson_distances_px",
]
