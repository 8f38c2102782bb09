"""TUM RGB-D, the sequences with moving people, zero-shot: share of pixels off by more than 1.25, cap 10 m.

>>> [metric.name for metric in TUM_RGBD.metrics][:3]
['delta>1.25']
>>> TUM_RGBD.clamp_range_m, TUM_RGBD.alignments[0]
((0.0, 10.0), 'lsq-disparity')
"""

from math import inf

from leadline.protocols.mono.protocol import DepthProtocol, delta_outliers_metric

TUM_RGBD = DepthProtocol(
    name="tum-rgbd",
    metrics=(delta_outliers_metric(),),
    crops=("no-crop",),
    truth_range_m=(0.0, inf),
    clamp_range_m=(0.0, 10.0),
    samples_per_m=5000.0,
    alignments=("lsq-disparity", "lsq-depth", "median", "none", "huber-disparity"),
    source="Sturm et al., A Benchmark for the Evaluation of RGB-D SLAM Systems, IROS 2012 (data); Ranftl et al., "
    "Towards Robust Monocular Depth Estimation, TPAMI 2022 (delta>1.25, cap, alignment)",
)
