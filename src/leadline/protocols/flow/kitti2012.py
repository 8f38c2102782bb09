"""KITTI flow 2012: outliers above 2 to 5 px and mean endpoint error, on non-occluded and all pixels, mean over images.

Out-Noc and Out-All at t px are out-t in the regions noc and all; Avg-Noc and Avg-All are EPE. The sparse rule is the
devkit's figure over estimated pixels only.

>>> KITTI2012.rules, KITTI2012.averaging
(('background-interpolated', 'sparse'), 'mean-over-scenes')
"""

from leadline.protocols.flow.protocol import FlowProtocol, epe_metric, out_metric

KITTI2012 = FlowProtocol(
    name="kitti2012",
    metrics=(*(out_metric(threshold_px) for threshold_px in (2.0, 3.0, 4.0, 5.0)), epe_metric()),
    regions=("noc", "all"),
    rules=("background-interpolated", "sparse"),
    averaging="mean-over-scenes",
    source="Geiger et al., Are we ready for Autonomous Driving?, CVPR 2012; evaluate_stereo_flow.cpp of the devkit",
)
