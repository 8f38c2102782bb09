"""Middlebury flow: mean endpoint error, mean angular error and R0.5 to R2.0, mean over the pairs.

The benchmark's regions at discontinuities and without texture are not published for the pairs with truth: all pixels
with truth count.

>>> [metric.name for metric in MIDDLEBURY.metrics]
['EPE', 'AE', 'R-0.5', 'R-1', 'R-2']
"""

from leadline.protocols.flow.protocol import FlowProtocol, ae_metric, epe_metric, out_metric

MIDDLEBURY = FlowProtocol(
    name="middlebury",
    metrics=(epe_metric(), ae_metric(), *(out_metric(threshold_px, "R") for threshold_px in (0.5, 1.0, 2.0))),
    regions=("all",),
    rules=("dense",),
    averaging="mean-over-scenes",
    source="Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011",
)
