"""MPI Sintel: mean endpoint error of all, matched (noc) and unmatched (occ) pixels, and by speed; pixels pooled.

d0-10 to d60-140, by the distance from an occlusion's border, are not scored: the pairs with truth state no such maps.

>>> SINTEL.regions
('all', 'noc', 'occ', 's0-10', 's10-40', 's40+')
"""

from leadline.protocols.flow.protocol import FlowProtocol, epe_metric

SINTEL = FlowProtocol(
    name="sintel",
    metrics=(epe_metric(),),
    regions=("all", "noc", "occ", "s0-10", "s10-40", "s40+"),
    rules=("dense",),
    averaging="pixel-pooled",
    source="Butler et al., A Naturalistic Open Source Movie for Optical Flow Evaluation, ECCV 2012",
)
