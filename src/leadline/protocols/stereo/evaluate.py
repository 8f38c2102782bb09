"""Scoring methods on scenes under a protocol."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from leadline.maps import DisparityMap
from leadline.protocols.report import Report, Score
from leadline.protocols.scoring import evaluate_samples
from leadline.protocols.stereo.protocol import StereoProtocol
from leadline.samples import StereoSample

StereoMethod: TypeAlias = Callable[[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]], DisparityMap]
"""Left and right image (RGB) to the left view's disparity."""

Observer: TypeAlias = Callable[[StereoSample, Mapping[str, DisparityMap], Sequence[Score]], None]
"""Called after each scene with the methods' maps and the scene's scores: for sheets and progress."""


def evaluate(
    scenes: Iterable[StereoSample],
    methods: Mapping[str, StereoMethod],
    protocol: StereoProtocol,
    observe: Observer | None = None,
) -> Report:
    """Runs every method on every scene and scores it.

    One scene is in memory at a time if `scenes` is lazy, as `load_scenes` is. The measured seconds include whatever a
    method does on its first call.

    Args:
        scenes: Pairs, with truth where there is one. Scenes without are excluded and counted.
        methods: Name -> callable.
        protocol: What is measured, where, and how it is averaged.
        observe: Called after each scene.
    Returns:
        Scores per scene and over scenes.
    Raises:
        InputError: If there are no methods, a scene's name comes twice, a prediction has another size than its
            image, or not a single scene could be scored.
    """
    calls = {name: partial(_call, method) for name, method in methods.items()}
    return evaluate_samples(scenes, calls, protocol, observe)


def _call(method: StereoMethod, scene: StereoSample) -> DisparityMap:
    return method(scene.left, scene.right)
