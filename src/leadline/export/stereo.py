"""Stereo networks as graphs: `left` and `right` to `disparity` (px) and any `confidence`.

A guided network takes the matcher's disparity, too, as `prior` (float32, px), and where it is valid as `prior_valid`
(uint8, 1 or 0).
"""

from typing import Final

import numpy as np

from leadline.export.part import STEREO_SIZES, ExportPart, shifted_pair
from leadline.models.stereo import StereoInference
from leadline.runtime.prior import sgbm_prior
from leadline.tasks import ENLARGE_KEY, MAX_DISPARITY_KEY


def _example(inference: StereoInference, height: int, width: int) -> dict[str, np.ndarray]:
    layers = shifted_pair(height, width)
    if inference.guided:
        found = sgbm_prior(layers["left"], layers["right"], inference.max_disparity)
        layers["prior"], layers["prior_valid"] = found
    return layers


def _metadata(inference: StereoInference) -> dict[str, str]:
    return {MAX_DISPARITY_KEY: str(inference.max_disparity), ENLARGE_KEY: str(float(inference.enlarge))}


PART: Final = ExportPart(
    example=_example,
    outputs=lambda _: ("disparity", "confidence"),
    metadata=_metadata,
    trace_size=(96, 160),
    sizes=STEREO_SIZES,
)
