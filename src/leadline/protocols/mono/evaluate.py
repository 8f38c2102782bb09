"""Scoring methods on single images with depth under a protocol."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from leadline.maps import DepthMap
from leadline.metrics.align import AlignmentName
from leadline.protocols.mono.protocol import DepthProtocol
from leadline.protocols.report import Report, Score
from leadline.protocols.scoring import evaluate_samples
from leadline.samples import DepthSample

DepthMethod: TypeAlias = Callable[[UInt8[np.ndarray, "h w 3"]], DepthMap]
"""An image (RGB) to its depth."""

SceneMethod: TypeAlias = Callable[[DepthSample], DepthMap]
"""A scene to its depth: for methods that are given more than the image."""

DepthObserver: TypeAlias = Callable[[DepthSample, Mapping[str, DepthMap], Sequence[Score]], None]
"""Called after each scene with the methods' maps and the scene's scores: for sheets and progress."""


def evaluate_depth(
    scenes: Iterable[DepthSample],
    methods: Mapping[str, DepthMethod],
    protocol: DepthProtocol,
    alignment: AlignmentName | None = None,
    observe: DepthObserver | None = None,
) -> Report:
    """Runs every method on every image and scores it.

    Args:
        scenes: Images, with truth where there is one. Those without are excluded and counted.
        methods: Name -> callable. A method must give the same kind of depth for every image.
        protocol: What is measured, where, and how it is averaged.
        alignment: Which of the protocol's alignments to take; by default its first for the kind of the prediction.
        observe: Called after each scene.
    Returns:
        Scores per scene and over scenes.
    Raises:
        InputError: If there are no methods, a scene's name comes twice, a prediction has another size than its
            image or a kind that the protocol cannot align, a method changes its kind of depth, or not a single
            scene could be scored.
    Example:
        >>> from leadline.protocols.mono.generic import GENERIC
        >>> def one_metre(image):
        ...     return DepthMap(np.ones((2, 9), np.float32), np.ones((2, 9), bool), "metric")
        >>> image = np.zeros((2, 9, 3), np.uint8)
        >>> truth = DepthMap(np.full((2, 9), 2.0, np.float32), np.ones((2, 9), bool), "metric")
        >>> scene = DepthSample("a", image, truth)
        >>> report = evaluate_depth([scene], {"one": one_metre}, GENERIC)
        >>> report.score("one", "AbsRel", "no-crop", "dense").value
        0.5
    """
    calls = {name: on_sample(method) for name, method in methods.items()}
    return evaluate_scenes(scenes, calls, protocol, alignment, observe)


def evaluate_scenes(
    scenes: Iterable[DepthSample],
    methods: Mapping[str, SceneMethod],
    protocol: DepthProtocol,
    alignment: AlignmentName | None = None,
    observe: DepthObserver | None = None,
) -> Report:
    """Runs and scores methods that are given more of a scene than its image; all else is as for `evaluate_depth`."""
    return evaluate_samples(scenes, methods, protocol.aligned_by(alignment), observe)


def on_sample(method: DepthMethod) -> SceneMethod:
    """A method that is given the whole sample, of one that is given the image."""
    return lambda scene: method(scene.image)
