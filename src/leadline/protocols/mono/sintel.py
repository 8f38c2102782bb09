"""MPI Sintel, zero-shot: pixels nearer than 72 m, every method aligned by scale and shift of disparity.

>>> [metric.name for metric in SINTEL_DEPTH.metrics][:3]
['AbsRel', 'delta<1.25']
>>> SINTEL_DEPTH.clamp_range_m, SINTEL_DEPTH.alignments[0]
((0.0, 72.0), 'lsq-disparity')
"""

from leadline.protocols.mono.protocol import DepthProtocol, abs_rel_metric, delta_metric

SINTEL_DEPTH = DepthProtocol(
    name="sintel-depth",
    metrics=(abs_rel_metric(), delta_metric()),
    crops=("no-crop",),
    truth_range_m=(0.0, 72.0),
    clamp_range_m=(0.0, 72.0),
    alignments=("lsq-disparity", "lsq-depth", "median", "none", "huber-disparity"),
    source="Butler et al., A Naturalistic Open Source Movie for Optical Flow Evaluation, ECCV 2012 (data); Ranftl et "
    "al., Towards Robust Monocular Depth Estimation, TPAMI 2022 (AbsRel, cap, alignment); Yang et al., Depth Anything, "
    "CVPR 2024 (delta<1.25)",
)
