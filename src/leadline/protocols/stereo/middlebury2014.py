"""Middlebury stereo evaluation 3, on scenes in the layout of the 2014 data sets.

Scenes are averaged with equal weights (the web site halves the weight of some of its own scenes). Predictions are not
clipped to a scene's disparity range. Under the sparse rule all values are over predicted pixels; the development kit's
"bad" column divides by all pixels with truth instead, which is this value times the density.

>>> [metric.name for metric in MIDDLEBURY2014.metrics][:3]
['bad-0.5', 'bad-1', 'bad-2']
>>> MIDDLEBURY2014.rules, MIDDLEBURY2014.averaging
(('dense', 'sparse'), 'mean-over-scenes')
"""

from leadline.protocols.stereo.protocol import StereoProtocol, avgerr_metric, bad_metric, quantile_metric, rms_metric

MIDDLEBURY2014 = StereoProtocol(
    name="middlebury2014",
    metrics=(
        *(bad_metric(threshold_px) for threshold_px in (0.5, 1.0, 2.0, 4.0)),
        avgerr_metric(),
        rms_metric(),
        *(quantile_metric(percent) for percent in (50, 90, 95, 99)),
    ),
    masks=("noc", "all"),
    rules=("dense", "sparse"),
    averaging="mean-over-scenes",
    source="Scharstein et al., High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth, GCPR 2014; "
    "Middlebury stereo evaluation 3 development kit",
)
