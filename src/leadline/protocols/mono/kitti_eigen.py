"""KITTI, Eigen's test split of 697 images, against the raw LiDAR: the tables of self-supervised depth.

Up-to-scale depth takes the ratio of medians image by image, and is clamped afterwards. x5.4 is the fixed scale of
networks trained on stereo. The 50 m variant counts truth from 1 to 50 m and clamps to that range. Both crops are
scored; papers since Garg et al. 2016 quote the garg-crop. The published truth is the scanner's forward distance, 0.27 m
more than the camera's depth: `KittiLidar` gives it by default, and the camera's on request.

>>> [metric.name for metric in KITTI_EIGEN.metrics][:3]
['AbsRel', 'SqRel', 'RMSE']
>>> KITTI_EIGEN.clamp_range_m, KITTI_EIGEN.alignments[0]
((0.001, 80.0), 'none')
"""

from dataclasses import replace

from leadline.protocols.mono.protocol import EIGEN_METRICS, DepthProtocol

KITTI_EIGEN = DepthProtocol(
    name="kitti-eigen",
    metrics=EIGEN_METRICS,
    crops=("garg-crop", "eigen-crop"),
    truth_range_m=(1e-3, 80.0),
    clamp_range_m=(1e-3, 80.0),
    alignments=("none", "median", "lsq-disparity", "x5.4", "lsq-depth", "huber-disparity"),
    samples_per_m=256.0,
    source="Eigen et al., Depth Map Prediction from a Single Image using a Multi-Scale Deep Network, NeurIPS 2014; "
    "Garg et al., ECCV 2016 (crop, 50 m); Zhou et al., CVPR 2017 (median ratio); Godard et al., Digging Into "
    "Self-Supervised Monocular Depth Estimation, ICCV 2019, evaluate_depth.py",
)

KITTI_EIGEN_50M = replace(KITTI_EIGEN, name="kitti-eigen-50m", truth_range_m=(1.0, 50.0), clamp_range_m=(1.0, 50.0))
