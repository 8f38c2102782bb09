"""Depth on the pixels that a protocol scores: what its metrics are given."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64

from leadline.protocols.report import Conditions

Range = tuple[float, float]
"""Lower and upper end, metres."""

ClampOrder = Literal["after-alignment", "before-alignment"]
"""after-alignment is what is published. before-alignment is a mistake of some evaluators, here to reproduce theirs: it
cuts depth of an unknown scale at metres, and the median ratio may then push it out of the range again."""

DepthRule = Literal["dense", "sparse"]
"""Meaning of a missing prediction, as for stereo. dense: every pixel with truth counts, and invalid pixels count with
the method's guess; an image with a pixel that has none is left out. sparse: only valid pixels count."""


@dataclass(frozen=True, eq=False)
class ScoredDepth:
    """One method's aligned depth on one image, in one crop and under one rule.

    Args:
        depth: Metres, aligned and clamped; finite wherever the mask is true.
        truth: Metres.
        mask: The pixels that count; at least one.
        density: Share of the pixels with truth in the crop and range, in [0, 1], that have a prediction: under the
            sparse rule a valid one, else any.
        confidence: The method's, if it gives one; higher is more certain.
        conditions: How the depth was aligned and clamped.
        moving: Pixels that show objects which move by themselves; None if not known.
    Example:
        >>> one = np.ones((1, 1))
        >>> pixels = ScoredDepth(one, one.astype(np.float32), one > 0, 1.0, None, Conditions("none"))
        >>> pixels.density, pixels.conditions.alignment
        (1.0, 'none')
    """

    depth: Float64[np.ndarray, "h w"]
    truth: Float32[np.ndarray, "h w"]
    mask: Bool[np.ndarray, "h w"]
    density: float
    confidence: Float32[np.ndarray, "h w"] | None
    conditions: Conditions
    moving: Bool[np.ndarray, "h w"] | None = None
