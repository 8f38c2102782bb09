"""KITTI flow 2015: Fl (above 3 px and above 5 % of the true motion), pixels pooled over all images.

Fl-all, Fl-bg and Fl-fg are Fl in the regions all, bg and fg; the last two need the devkit's obj_map. The sparse rule is
the devkit's figure over estimated pixels only.

>>> KITTI2015.regions, KITTI2015.averaging
(('all', 'bg', 'fg', 'noc', 'noc-bg', 'noc-fg'), 'pixel-pooled')
"""

from leadline.protocols.flow.protocol import FlowProtocol, epe_metric, fl_metric

KITTI2015 = FlowProtocol(
    name="kitti2015",
    metrics=(fl_metric(), epe_metric()),
    regions=("all", "bg", "fg", "noc", "noc-bg", "noc-fg"),
    rules=("background-interpolated", "sparse"),
    averaging="pixel-pooled",
    source="Menze and Geiger, Object Scene Flow for Autonomous Vehicles, CVPR 2015; "
    "evaluate_scene_flow.cpp of the devkit",
)
