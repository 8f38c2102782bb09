"""KITTI stereo 2012: outliers above 2 to 5 px and the mean error, on non-occluded and on all pixels, mean over images.

Out-Noc and Out-All at t px are out-t under the masks noc and all; Avg-Noc and Avg-All are avg. The sparse rule is the
devkit's figure over estimated pixels only.

>>> [metric.name for metric in KITTI2012.metrics][:3]
['out-2', 'out-3', 'out-4']
>>> KITTI2012.rules, KITTI2012.averaging
(('background-interpolated', 'sparse'), 'mean-over-scenes')
"""

from leadline.protocols.stereo.protocol import StereoProtocol, avgerr_metric, bad_metric

KITTI2012 = StereoProtocol(
    name="kitti2012",
    metrics=(*(bad_metric(threshold_px, prefix="out") for threshold_px in (2.0, 3.0, 4.0, 5.0)), avgerr_metric("avg")),
    masks=("noc", "all"),
    rules=("background-interpolated", "sparse"),
    averaging="mean-over-scenes",
    source="Geiger et al., Are we ready for Autonomous Driving?, CVPR 2012; evaluate_stereo.cpp of the devkit",
)
