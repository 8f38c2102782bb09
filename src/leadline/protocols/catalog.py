"""The protocols by name."""

from collections.abc import Mapping
from typing import TypeVar

from leadline.errors import InputError
from leadline.protocols.flow import kitti2012 as flow_kitti2012
from leadline.protocols.flow import kitti2015 as flow_kitti2015
from leadline.protocols.flow.middlebury import MIDDLEBURY
from leadline.protocols.flow.sintel import SINTEL
from leadline.protocols.mono.confidence import DEPTH_CONFIDENCE
from leadline.protocols.mono.diode import DIODE
from leadline.protocols.mono.eth3d import ETH3D_DEPTH
from leadline.protocols.mono.generic import GENERIC
from leadline.protocols.mono.kitti_eigen import KITTI_EIGEN, KITTI_EIGEN_50M
from leadline.protocols.mono.kitti_eigen_improved import KITTI_EIGEN_IMPROVED
from leadline.protocols.mono.nyu import NYU
from leadline.protocols.mono.sintel import SINTEL_DEPTH
from leadline.protocols.mono.tum_rgbd import TUM_RGBD
from leadline.protocols.stereo.confidence import CONFIDENCE
from leadline.protocols.stereo.eth3d import ETH3D
from leadline.protocols.stereo.kitti2012 import KITTI2012
from leadline.protocols.stereo.kitti2015 import KITTI2015
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014

STEREO_PROTOCOLS = {protocol.name: protocol for protocol in (MIDDLEBURY2014, ETH3D, KITTI2012, KITTI2015, CONFIDENCE)}

DEPTH_PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        KITTI_EIGEN,
        KITTI_EIGEN_50M,
        KITTI_EIGEN_IMPROVED,
        NYU,
        SINTEL_DEPTH,
        ETH3D_DEPTH,
        DIODE,
        TUM_RGBD,
        GENERIC,
        DEPTH_CONFIDENCE,
    )
}

FLOW_PROTOCOLS = {
    protocol.name: protocol for protocol in (MIDDLEBURY, SINTEL, flow_kitti2012.KITTI2012, flow_kitti2015.KITTI2015)
}


ProtocolT = TypeVar("ProtocolT")


def find_protocol(name: str, protocols: Mapping[str, ProtocolT]) -> ProtocolT:
    """The protocol of this name.

    Args:
        name: As scores carry it.
        protocols: Those of a task: `STEREO_PROTOCOLS`, `DEPTH_PROTOCOLS`, `FLOW_PROTOCOLS`.
    Raises:
        InputError: If there is none.
    Example:
        >>> find_protocol("kitti2015", STEREO_PROTOCOLS).averaging
        'pixel-pooled'
        >>> find_protocol("nyu", DEPTH_PROTOCOLS).clamp_range_m
        (0.001, 10.0)
    """
    if name not in protocols:
        raise InputError(f"expected a protocol out of {', '.join(protocols)}, got {name!r}")
    return protocols[name]
