"""ETH3D low-resolution two-view stereo; its scenes are laid out as Middlebury's and scored likewise.

The benchmark scores predicted pixels and reports their coverage, which is the density here; the dense rule is added so
that methods of different coverage can be compared.

>>> [metric.name for metric in ETH3D.metrics][:3]
['bad-0.5', 'bad-1', 'bad-2']
>>> ETH3D.rules, ETH3D.averaging
(('dense', 'sparse'), 'mean-over-scenes')
"""

from dataclasses import replace

from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014

ETH3D = replace(
    MIDDLEBURY2014,
    name="eth3d",
    source="Schoeps et al., A Multi-View Stereo Benchmark with High-Resolution Images and Multi-Camera Videos, "
    "CVPR 2017",
)
