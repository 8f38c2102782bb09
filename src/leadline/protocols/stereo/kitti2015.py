"""KITTI stereo 2015: D1 (above 3 px and above 5 % of the truth), pixels pooled over all images.

D1-all is over background and foreground together. The sparse rule is the devkit's figure over estimated pixels only.

>>> [metric.name for metric in KITTI2015.metrics][:3]
['D1-all']
>>> KITTI2015.rules, KITTI2015.averaging
(('background-interpolated', 'sparse'), 'pixel-pooled')
"""

from leadline.metrics.disparity import d1
from leadline.protocols.metric import Metric
from leadline.protocols.stereo.protocol import StereoProtocol

KITTI2015 = StereoProtocol(
    name="kitti2015",
    metrics=(Metric("D1-all", "%", lambda pixels: 100.0 * d1(pixels.outlier_error, pixels.truth, pixels.mask)),),
    masks=("noc", "all"),
    rules=("background-interpolated", "sparse"),
    averaging="pixel-pooled",
    source="Menze and Geiger, Object Scene Flow for Autonomous Vehicles, CVPR 2015; "
    "evaluate_scene_flow.cpp of the devkit",
)
