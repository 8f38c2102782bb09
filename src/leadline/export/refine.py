"""Networks that mend disparities as graphs: `left`, `right`, `prior` and `prior_valid` to `disparity`, `confidence`.

The prior is a disparity (float32, px), filled where it is unknown; prior_valid (uint8) is 1 where it was known, else 0.
"""

from typing import Any, Final

import numpy as np

from leadline.export.part import STEREO_SIZES, ExportPart, shifted_pair
from leadline.tasks import TASKS


def _example(_: Any, height: int, width: int) -> dict[str, np.ndarray]:  # noqa: ANN401 - what other parts take
    """A pair with a disparity that is wrong in places and unknown in others."""
    disparity = np.full((height, width), 9.0, np.float32)
    disparity[height // 3 : height // 2, width // 4 : width // 2] = 20.25
    valid = (np.random.default_rng(height).random((height, width)) < 0.9).astype(np.uint8)
    return {**shifted_pair(height, width), "prior": disparity, "prior_valid": valid}


PART: Final = ExportPart(
    example=_example,
    outputs=lambda _: ("disparity", "confidence"),
    metadata=lambda _: {TASKS["refine"].graph_key: "1"},
    trace_size=(96, 160),
    sizes=STEREO_SIZES,
)
