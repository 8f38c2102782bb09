"""Optical-flow networks as graphs: `first` and `second` to `flow` (px, height x width x 2) and any `confidence`.

A guided network takes what classical flow says, too, as `prior` (float32, layers of `leadline.classical.flow_prior`).
"""

from typing import Final

import numpy as np

from leadline.classical.flow_prior import flow_prior
from leadline.export.part import STEREO_SIZES, ExportPart, shifted_pair
from leadline.models.flow import FlowInference
from leadline.tasks import TASKS


def _example(inference: FlowInference, height: int, width: int) -> dict[str, np.ndarray]:
    pair = shifted_pair(height, width)
    layers = {"first": pair["left"], "second": pair["right"]}
    if inference.guided:
        layers["prior"] = flow_prior(layers["first"], layers["second"])
    return layers


PART: Final = ExportPart(
    example=_example,
    outputs=lambda _: ("flow", "confidence"),
    metadata=lambda _: {TASKS["flow"].graph_key: "1"},
    trace_size=(96, 160),
    sizes=STEREO_SIZES,
    axes={"prior": (0, 2)},
)
