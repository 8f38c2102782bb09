"""Files in and out: pictures, stereo pairs, disparity, depth, calibrations and point clouds; all written whole."""

from leadline.io.atomic import atomic_write, make_output_folder
from leadline.io.calib import read_calibration
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.calib_opencv import write_opencv_calibration
from leadline.io.images import Picture, read_image, write_depth_mm_png, write_image
from leadline.io.kitti_png import read_kitti_disparity, write_kitti_disparity
from leadline.io.npy import read_npy
from leadline.io.pairs import PicturePair, read_pair
from leadline.io.pfm import read_pfm, write_pfm
from leadline.io.ply import read_ply, write_ply

__all__ = [
    "Picture",
    "PicturePair",
    "atomic_write",
    "make_output_folder",
    "read_calibration",
    "read_image",
    "read_kitti_disparity",
    "read_npy",
    "read_pair",
    "read_pfm",
    "read_ply",
    "write_depth_mm_png",
    "write_image",
    "write_kitti_disparity",
    "write_middlebury_calibration",
    "write_opencv_calibration",
    "write_pfm",
    "write_ply",
]
