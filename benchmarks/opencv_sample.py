"""Semi-global matching as most people run it: OpenCV's own sample, in 3 directions, and background filling."""

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.classical.fill import fill_background
from leadline.maps import DisparityMap

NAME = "opencv-sample"
_DISPARITIES = 96
_BLOCK = 3
_SUBPIXEL = 16


def opencv_sample(left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"]) -> DisparityMap:
    """Disparity up to 95 px; OpenCV finds none in the first 96 columns, which are filled.

    Args:
        left: RGB.
        right: The same size.
    Source: OpenCV 4, samples/cpp/stereo_match.cpp with --algorithm=sgbm3way, whose left-right check is `disp12MaxDiff`.
    """
    smoothness = left.shape[2] * _BLOCK**2
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=_DISPARITIES,
        blockSize=_BLOCK,
        P1=8 * smoothness,
        P2=32 * smoothness,
        disp12MaxDiff=1,
        preFilterCap=63,
        uniquenessRatio=10,
        speckleWindowSize=100,
        speckleRange=32,
        mode=cv2.StereoSGBM_MODE_SGBM_3WAY,
    )
    raw = np.asarray(matcher.compute(left, right))
    valid = raw >= 0
    return DisparityMap(fill_background(raw.astype(np.float32) / _SUBPIXEL, valid), valid)
