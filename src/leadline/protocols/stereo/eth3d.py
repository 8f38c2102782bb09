"""ETH3D low-resolution two-view stereo; its scenes are laid out as Middlebury's (disp0GT.pfm, mask0nocc.png).

The benchmark scores predicted pixels and reports their coverage, which is the density here; the dense rule is added so
that methods of different coverage can be compared.

>>> [metric.name for metric in ETH3D.metrics][:3]
['bad-0.5', 'bad-1', 'bad-2']
>>> ETH3D.rules, ETH3D.averaging
(('dense', 'sparse'), 'mean-over-scenes')
"""

from leadline.protocols.stereo.protocol import StereoProtocol, avgerr_metric, bad_metric, quantile_metric, rms_metric

ETH3D = StereoProtocol(
    name="eth3d",
    metrics=(
        *(bad_metric(threshold_px) for threshold_px in (0.5, 1.0, 2.0, 4.0)),
        avgerr_metric(),
        rms_metric(),
        *(quantile_metric(percent) for percent in (50, 90, 95, 99)),
    ),
    masks=("noc", "all"),
    rules=("dense", "sparse"),
    averaging="mean-over-scenes",
    source="Schoeps et al., A Multi-View Stereo Benchmark with High-Resolution Images and Multi-Camera Videos, "
    "CVPR 2017",
)
