"""DIODE, validation split indoors and outdoors, zero-shot: truth between 0.6 and 350 m.

>>> [metric.name for metric in DIODE.metrics][:3]
['AbsRel', 'delta<1.25']
>>> DIODE.clamp_range_m, DIODE.alignments[0]
((0.6, 350.0), 'lsq-disparity')
"""

from leadline.protocols.mono.protocol import DepthProtocol, abs_rel_metric, delta_metric

DIODE = DepthProtocol(
    name="diode",
    metrics=(abs_rel_metric(), delta_metric()),
    crops=("no-crop",),
    truth_range_m=(0.6, 350.0),
    clamp_range_m=(0.6, 350.0),
    alignments=("lsq-disparity", "lsq-depth", "median", "none", "huber-disparity"),
    source="Vasiljevic et al., DIODE: A Dense Indoor and Outdoor Depth Dataset, 2019 (data); Ke et al., Repurposing "
    "Diffusion-Based Image Generators for Monocular Depth Estimation (Marigold), CVPR 2024, src/dataset and "
    "script/depth/eval.py (ranges)",
)
