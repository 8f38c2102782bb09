"""Scoring methods on scenes under a protocol."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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

SceneMethod: TypeAlias = Callable[[StereoSample], DisparityMap]
"""A sample to the left view's disparity: for methods that are given more than the images."""

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
    Example:
        >>> from leadline.protocols.stereo.kitti2015 import KITTI2015
        >>> def seven(left, right):
        ...     return DisparityMap(np.full((2, 9), 7.0, np.float32), np.ones((2, 9), bool))
        >>> image = np.zeros((2, 9, 3), np.uint8)
        >>> scene = StereoSample("a", image, image, seven(image, image))
        >>> report = evaluate([scene], {"seven": seven}, KITTI2015)
        >>> report.score("seven", "D1-all", "all", "sparse").value
        0.0
    """
    return evaluate_samples(scenes, {name: on_sample(method) for name, method in methods.items()}, protocol, observe)


def on_sample(method: StereoMethod) -> SceneMethod:
    """A method that is given the whole sample, of one that is given the images."""
    return lambda scene: method(scene.left, scene.right)
