"""Any images with metric depth that no benchmark is about: all of it from 1 mm to 80 m, and every metric.

Nobody published it; the numbers compare methods with each other on the same images.

>>> [metric.name for metric in GENERIC.metrics][:3]
['AbsRel', 'SqRel', 'RMSE']
>>> GENERIC.clamp_range_m, GENERIC.alignments[0]
((0.001, 80.0), 'none')
"""

from leadline.protocols.mono.protocol import EIGEN_METRICS, DepthProtocol, log10_metric, silog_metric

GENERIC = DepthProtocol(
    name="generic",
    metrics=(*EIGEN_METRICS, log10_metric(), silog_metric()),
    crops=("no-crop",),
    truth_range_m=(1e-3, 80.0),
    clamp_range_m=(1e-3, 80.0),
    alignments=("none", "median", "lsq-disparity", "lsq-depth", "huber-disparity"),
    source="leadline; the metrics are those of Eigen et al., NeurIPS 2014, and of the KITTI depth benchmark",
    rules=("dense", "sparse"),
)
