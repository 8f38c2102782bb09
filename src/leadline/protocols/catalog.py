"""The stereo protocols by name."""

from leadline.errors import InputError
from leadline.protocols.confidence import CONFIDENCE
from leadline.protocols.eth3d import ETH3D
from leadline.protocols.kitti2012 import KITTI2012
from leadline.protocols.kitti2015 import KITTI2015
from leadline.protocols.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.protocol import StereoProtocol

STEREO_PROTOCOLS = {protocol.name: protocol for protocol in (MIDDLEBURY2014, ETH3D, KITTI2012, KITTI2015, CONFIDENCE)}


def stereo_protocol(name: str) -> StereoProtocol:
    """The stereo protocol of this name.

    Raises:
        InputError: If there is none.
    """
    if name not in STEREO_PROTOCOLS:
        raise InputError(f"expected a stereo protocol out of {', '.join(STEREO_PROTOCOLS)}, got {name!r}")
    return STEREO_PROTOCOLS[name]
