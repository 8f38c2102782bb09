"""Files in and out: images, stereo pairs, disparity, depth, calibrations and point clouds; all written whole."""

from leadline.io.atomic import atomic_write, make_output_folder
from leadline.io.calib import read_calibration
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.calib_opencv import write_opencv_calibration
from leadline.io.colmap import ColmapCamera, read_colmap_cameras, read_colmap_images
from leadline.io.dpt import read_dpt, read_sintel_camera
from leadline.io.exif import ExifFocal, read_exif_focal
from leadline.io.grey_png import read_depth_png, read_grey8, read_png16
from leadline.io.hdf5 import read_hdf5_plane
from leadline.io.images import Image, read_image, write_depth_mm_png, write_image
from leadline.io.kitti_png import read_kitti_disparity, write_kitti_disparity
from leadline.io.kitti_raw import read_kitti_camera, read_kitti_projection
from leadline.io.known_depths import read_known_points, read_tof_zones
from leadline.io.npy import read_npy, read_npy_plane
from leadline.io.pairs import ImagePair, read_pair
from leadline.io.pfm import read_pfm, write_pfm
from leadline.io.ply import read_ply, write_ply
from leadline.io.raw_float import read_raw_float32
from leadline.io.text import read_lines, read_matrix
from leadline.io.velodyne import read_velodyne

__all__ = [
    "ColmapCamera",
    "ExifFocal",
    "Image",
    "ImagePair",
    "atomic_write",
    "make_output_folder",
    "read_calibration",
    "read_colmap_cameras",
    "read_colmap_images",
    "read_depth_png",
    "read_dpt",
    "read_exif_focal",
    "read_grey8",
    "read_hdf5_plane",
    "read_image",
    "read_kitti_camera",
    "read_kitti_disparity",
    "read_kitti_projection",
    "read_known_points",
    "read_lines",
    "read_matrix",
    "read_npy",
    "read_npy_plane",
    "read_pair",
    "read_pfm",
    "read_ply",
    "read_png16",
    "read_raw_float32",
    "read_sintel_camera",
    "read_tof_zones",
    "read_velodyne",
    "write_depth_mm_png",
    "write_image",
    "write_kitti_disparity",
    "write_middlebury_calibration",
    "write_opencv_calibration",
    "write_pfm",
    "write_ply",
]
