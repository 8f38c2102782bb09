"""Scoring methods on scenes under a protocol."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.report import Exclusion, Report, Score
from leadline.protocols.rules import Mask, Rule
from leadline.protocols.scoring import Terms, report_of, run_methods
from leadline.protocols.stereo.protocol import StereoProtocol
from leadline.protocols.stereo.scored import score_pixels
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

    def judge(
        scene: StereoSample, name: str, prediction: DisparityMap, seconds: float
    ) -> tuple[list[Score], list[Exclusion]]:
        return score_scene(scene, name, prediction, seconds, protocol)

    calls = {name: partial(_call, method) for name, method in methods.items()}
    rows, exclusions = run_methods(scenes, calls, judge, observe)
    terms = Terms(
        protocol.name, protocol.source, [m.name for m in protocol.metrics], _settings(protocol), protocol.averaging
    )
    return report_of(rows, exclusions, terms)


def score_scene(
    scene: StereoSample, method: str, prediction: DisparityMap, seconds: float, protocol: StereoProtocol
) -> tuple[list[Score], list[Exclusion]]:
    """All of a protocol's scores of one prediction.

    Args:
        scene: The pair and its truth.
        method: Name of who predicted.
        prediction: Disparity of the left view.
        seconds: How long it took.
        protocol: What is measured.
    Returns:
        The scores, and what could not be scored.
    Raises:
        InputError: If the prediction is not of the left image's size or a score is not finite.
    """
    rows: list[Score] = []
    exclusions: list[Exclusion] = []
    height, width = scene.left.shape[:2]
    for mask, rule in _settings(protocol):
        pixels = score_pixels(scene, prediction, mask, rule)
        for metric in protocol.metrics:
            value = None if isinstance(pixels, str) else metric.score(pixels)
            if isinstance(pixels, str) or value is None:
                reason = pixels if isinstance(pixels, str) else _undefined(prediction)
                exclusions.append(Exclusion(method, metric.name, scene.key, mask, rule, reason))
                continue
            if not np.isfinite(value):
                raise InputError(f"expected a finite {metric.name} on scene {scene.key}, got {value} for {method}")
            rows.append(
                Score(
                    method=method,
                    metric=metric.name,
                    value=value,
                    unit=metric.unit,
                    protocol=protocol.name,
                    scene=scene.key,
                    resolution=f"{width}x{height}",
                    mask=mask,
                    rule=rule,
                    averaging="one-scene",
                    density=pixels.density,
                    pixels=int(pixels.mask.sum()),
                    scenes=1,
                    excluded=0,
                    seconds=seconds,
                )
            )
    return rows, exclusions


def _settings(protocol: StereoProtocol) -> list[tuple[Mask, Rule]]:
    return [(mask, rule) for rule in protocol.rules for mask in protocol.masks]


def _undefined(prediction: DisparityMap) -> str:
    return "no confidence" if prediction.confidence is None else "undefined on these pixels"


def _call(method: StereoMethod, scene: StereoSample) -> DisparityMap:
    return method(scene.left, scene.right)
