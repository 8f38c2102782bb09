"""The protocols by name."""

from leadline.errors import InputError
from leadline.protocols.mono.confidence import DEPTH_CONFIDENCE
from leadline.protocols.mono.diode import DIODE
from leadline.protocols.mono.eth3d import ETH3D_DEPTH
from leadline.protocols.mono.generic import GENERIC
from leadline.protocols.mono.kitti_eigen import KITTI_EIGEN, KITTI_EIGEN_50M
from leadline.protocols.mono.kitti_eigen_improved import KITTI_EIGEN_IMPROVED
from leadline.protocols.mono.nyu import NYU
from leadline.protocols.mono.protocol import DepthProtocol
from leadline.protocols.mono.sintel import SINTEL_DEPTH
from leadline.protocols.mono.tum_rgbd import TUM_RGBD
from leadline.protocols.stereo.confidence import CONFIDENCE
from leadline.protocols.stereo.eth3d import ETH3D
from leadline.protocols.stereo.kitti2012 import KITTI2012
from leadline.protocols.stereo.kitti2015 import KITTI2015
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.stereo.protocol import StereoProtocol

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


def stereo_protocol(name: str) -> StereoProtocol:
    """The stereo protocol of this name.

    Raises:
        InputError: If there is none.
    """
    if name not in STEREO_PROTOCOLS:
        raise InputError(f"expected a stereo protocol out of {', '.join(STEREO_PROTOCOLS)}, got {name!r}")
    return STEREO_PROTOCOLS[name]


def depth_protocol(name: str) -> DepthProtocol:
    """The protocol of this name for depth from a single image.

    Raises:
        InputError: If there is none.
    """
    if name not in DEPTH_PROTOCOLS:
        raise InputError(f"expected a depth protocol out of {', '.join(DEPTH_PROTOCOLS)}, got {name!r}")
    return DEPTH_PROTOCOLS[name]
