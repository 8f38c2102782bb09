"""KITTI, the 652 images of Eigen's test split that have improved truth: LiDAR of 11 frames, filtered by stereo.

There is no crop, and every pixel with truth counts, beyond 80 m too; only predictions are clamped.

>>> [metric.name for metric in KITTI_EIGEN_IMPROVED.metrics][:3]
['AbsRel', 'SqRel', 'RMSE']
>>> KITTI_EIGEN_IMPROVED.clamp_range_m, KITTI_EIGEN_IMPROVED.alignments[0]
((0.001, 80.0), 'none')
"""

from math import inf

from leadline.protocols.mono.protocol import EIGEN_METRICS, DepthProtocol

KITTI_EIGEN_IMPROVED = DepthProtocol(
    name="kitti-eigen-improved",
    metrics=EIGEN_METRICS,
    crops=("no-crop",),
    truth_range_m=(0.0, inf),
    clamp_range_m=(1e-3, 80.0),
    alignments=("none", "median", "lsq-disparity", "x5.4", "lsq-depth", "huber-disparity"),
    samples_per_m=256.0,
    source="Uhrig et al., Sparsity Invariant CNNs, 3DV 2017 (truth); Godard et al., Digging Into Self-Supervised "
    "Monocular Depth Estimation, ICCV 2019, evaluate_depth.py, split eigen_benchmark",
)
