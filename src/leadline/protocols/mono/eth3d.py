"""ETH3D high-resolution images, zero-shot: every pixel with laser truth, predictions no farther than 72 m.

>>> [metric.name for metric in ETH3D_DEPTH.metrics][:3]
['AbsRel', 'delta<1.25']
>>> ETH3D_DEPTH.clamp_range_m, ETH3D_DEPTH.alignments[0]
((0.0, 72.0), 'lsq-disparity')
"""

from math import inf

from leadline.protocols.mono.protocol import DepthProtocol, abs_rel_metric, delta_metric

ETH3D_DEPTH = DepthProtocol(
    name="eth3d-depth",
    metrics=(abs_rel_metric(), delta_metric()),
    crops=("no-crop",),
    truth_range_m=(0.0, inf),
    clamp_range_m=(0.0, 72.0),
    alignments=("lsq-disparity", "lsq-depth", "median", "none", "huber-disparity"),
    source="Schoeps et al., A Multi-View Stereo Benchmark with High-Resolution Images and Multi-Camera Videos, CVPR "
    "2017 (data); Ranftl et al., Towards Robust Monocular Depth Estimation, TPAMI 2022 (AbsRel, cap, alignment); Yang "
    "et al., Depth Anything, CVPR 2024 (delta<1.25)",
)
