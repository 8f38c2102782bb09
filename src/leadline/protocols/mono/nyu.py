"""NYU Depth v2, the official test split of 654 images of 640x480, filled truth, centre crop.

>>> [metric.name for metric in NYU.metrics][:3]
['delta<1.25', 'delta<1.25^2', 'delta<1.25^3']
>>> NYU.clamp_range_m, NYU.alignments[0]
((0.001, 10.0), 'none')
"""

from leadline.protocols.mono.protocol import DepthProtocol, abs_rel_metric, delta_metric, log10_metric, rmse_metric

NYU = DepthProtocol(
    name="nyu",
    metrics=(*(delta_metric(power) for power in (1, 2, 3)), abs_rel_metric(), rmse_metric(), log10_metric()),
    crops=("nyu-crop",),
    truth_range_m=(1e-3, 10.0),
    clamp_range_m=(1e-3, 10.0),
    alignments=("none", "median", "lsq-disparity", "lsq-depth", "huber-disparity"),
    source="Silberman et al., Indoor Segmentation and Support Inference from RGBD Images, ECCV 2012 (data); Eigen et "
    "al., NeurIPS 2014 (crop); Lee et al., From Big to Small, 2019, bts_eval.py",
)
