"""The real pair that comes with scikit-image: Middlebury's Motorcycle at a quarter of its resolution."""

from typing import Any, cast

import numpy as np

from leadline.errors import MissingExtraError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap
from leadline.samples import StereoSample


def motorcycle() -> tuple[StereoSample, StereoRig]:
    """The pair with its truth, and the rig that took it: nothing is downloaded.

    Raises:
        MissingExtraError: If scikit-image is not installed.
    Source: Scharstein et al., GCPR 2014; calibration from the docstring of `skimage.data.stereo_motorcycle`.
    Example:
        >>> scene, rig = motorcycle()
        >>> scene.left.shape, rig.baseline_m, round(rig.doffs_px, 3)
        ((500, 741, 3), 0.193001, 31.086)
    """
    try:
        from skimage.data import stereo_motorcycle
    except ImportError:
        raise MissingExtraError(
            'expected scikit-image, which carries the Motorcycle pair; pip install "leadline[demo]"'
        ) from None
    layers = cast(Any, stereo_motorcycle)()  # it comes without types
    left, right = (np.asarray(layer, dtype=np.uint8) for layer in layers[:2])
    disparity = np.asarray(layers[2], dtype=np.float32)
    known = np.isfinite(disparity)
    scene = StereoSample("motorcycle", left, right, DisparityMap(np.where(known, disparity, np.float32(0.0)), known))
    height, width = known.shape
    cameras = (Pinhole(994.978, 994.978, 311.193 + shift, 254.877, height, width) for shift in (0.0, 31.086))
    return scene, StereoRig(*cameras, baseline_m=0.193001)
