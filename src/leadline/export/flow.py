"""Optical-flow networks as graphs: `first` and `second` to `flow` (px, height x width x 2) and any `confidence`."""

from typing import Final

import numpy as np

from leadline.export.part import STEREO_SIZES, ExportPart, shifted_pair
from leadline.models.flow import FlowInference
from leadline.tasks import TASKS


def _example(_: FlowInference, height: int, width: int) -> dict[str, np.ndarray]:
    pair = shifted_pair(height, width)
    return {"first": pair["left"], "second": pair["right"]}


PART: Final = ExportPart(
    example=_example,
    outputs=lambda _: ("flow", "confidence"),
    metadata=lambda _: {TASKS["flow"].graph_key: "1"},
    trace_size=(96, 160),
    sizes=STEREO_SIZES,
)
