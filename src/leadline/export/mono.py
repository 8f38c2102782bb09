"""Networks for single images as graphs: `image` to `inverse_depth` (s/Z + t) and any `confidence`.

A network that knows distances has the output `depth` (up to scale) instead.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from leadline.export.part import ExportPart, texture
from leadline.models.mono import MonoInference
from leadline.tasks import CANONICAL_KEY, DEPTH_KIND_KEY

_OUTPUTS: Final[Mapping[str, tuple[str, str]]] = {
    "affine_inverse": ("inverse_depth", "confidence"),
    "up_to_scale": ("depth", "confidence"),
}


def _example(_: MonoInference, height: int, width: int) -> dict[str, np.ndarray]:
    return {"image": texture(np.random.default_rng(height), height, width)}


def _metadata(inference: MonoInference) -> dict[str, str]:
    canonical = {CANONICAL_KEY: "1"} if inference.canonical else {}
    return {DEPTH_KIND_KEY: inference.kind, **canonical}


PART: Final = ExportPart(
    example=_example,
    outputs=lambda inference: _OUTPUTS[inference.kind],
    metadata=_metadata,
    trace_size=(240, 320),
    sizes=((240, 320), (371, 250), (17, 16), (480, 853)),
)
