"""Scoring methods on single images with depth under a protocol."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.metrics.align import AlignmentName, align
from leadline.metrics.depth import has_depth
from leadline.metrics.disparity import density
from leadline.protocols.mono.crops import crop_mask
from leadline.protocols.mono.protocol import DepthProtocol
from leadline.protocols.mono.scored import DepthRule, ScoredDepth
from leadline.protocols.report import Exclusion, Report, Score
from leadline.protocols.rules import NO_PIXEL, NO_TRUTH, NOTHING_PREDICTED, Crop
from leadline.protocols.scoring import Terms, report_of, run_methods
from leadline.samples import DepthSample

DepthMethod: TypeAlias = Callable[[UInt8[np.ndarray, "h w 3"]], DepthMap]
"""An image (RGB) to its depth."""

SceneMethod: TypeAlias = Callable[[DepthSample], DepthMap]
"""A scene to its depth: for methods that are given more than the image."""

DepthObserver: TypeAlias = Callable[[DepthSample, Mapping[str, DepthMap], Sequence[Score]], None]
"""Called after each scene with the methods' maps and the scene's scores: for sheets and progress."""

HOLES = "prediction has holes"


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
    """
    calls = {name: partial(_call, method) for name, method in methods.items()}
    return evaluate_scenes(scenes, calls, protocol, alignment, observe)


def evaluate_scenes(
    scenes: Iterable[DepthSample],
    methods: Mapping[str, SceneMethod],
    protocol: DepthProtocol,
    alignment: AlignmentName | None = None,
    observe: DepthObserver | None = None,
) -> Report:
    """Runs and scores methods that are given more of a scene than its image; all else is as for `evaluate_depth`."""
    chosen: dict[str, AlignmentName] = {}

    def judge(
        scene: DepthSample, name: str, prediction: DepthMap, seconds: float
    ) -> tuple[list[Score], list[Exclusion]]:
        taken = protocol.alignment_for(prediction.kind, alignment)
        if chosen.setdefault(name, taken) != taken:
            raise InputError(
                f"expected one kind of depth from {name}, got another for scene {scene.key}; scores of different "
                "alignments have no mean: choose one alignment for all"
            )
        return score_depth_scene(scene, name, prediction, seconds, protocol, taken)

    rows, exclusions = run_methods(scenes, methods, judge, observe)
    terms = Terms(
        protocol.name, protocol.source, [m.name for m in protocol.metrics], _settings(protocol), protocol.averaging
    )
    return report_of(rows, exclusions, terms)


def score_depth_scene(
    scene: DepthSample,
    method: str,
    prediction: DepthMap,
    seconds: float,
    protocol: DepthProtocol,
    alignment: AlignmentName,
) -> tuple[list[Score], list[Exclusion]]:
    """All of a protocol's scores of one prediction.

    Args:
        scene: The image and its truth.
        method: Name of who predicted.
        prediction: Its depth.
        seconds: How long it took.
        protocol: What is measured.
        alignment: How the prediction becomes metric.
    Returns:
        The scores, and what could not be scored.
    Raises:
        InputError: If the prediction is not of the image's size, the alignment refuses it, or a score is not finite.
    """
    rows: list[Score] = []
    exclusions: list[Exclusion] = []
    height, width = scene.image.shape[:2]
    for crop, rule in _settings(protocol):
        pixels = score_depth(scene, prediction, protocol, crop, rule, alignment)
        for metric in protocol.metrics:
            value = None if isinstance(pixels, str) else metric.score(pixels)
            if isinstance(pixels, str) or value is None:
                reason = pixels if isinstance(pixels, str) else "no confidence"
                exclusions.append(Exclusion(method, metric.name, scene.key, crop, rule, reason))
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
                    mask=crop,
                    rule=rule,
                    averaging="one-scene",
                    density=pixels.density,
                    pixels=int(pixels.mask.sum()),
                    scenes=1,
                    excluded=0,
                    seconds=seconds,
                    alignment=alignment,
                    clamp_range_m=protocol.clamp_range_m,
                    scale=pixels.scale,
                    shift=pixels.shift,
                )
            )
    return rows, exclusions


def score_depth(
    scene: DepthSample,
    prediction: DepthMap,
    protocol: DepthProtocol,
    crop: Crop,
    rule: DepthRule,
    alignment: AlignmentName,
) -> ScoredDepth | str:
    """The depth that counts, aligned and clamped, or in a few words why none does.

    Args:
        scene: An image with truth.
        prediction: What the method says about it.
        protocol: Its ranges and the order of clamp and alignment.
        crop: Where pixels count.
        rule: What a missing prediction means.
        alignment: How the prediction becomes metric; it is fitted on the pixels that count.
    Returns:
        The scored pixels; a reason if this image must be left out.
    Raises:
        InputError: If the prediction is not of the image's size, or the alignment refuses it.
    """
    size = scene.image.shape[:2]
    if prediction.depth.shape != size:
        raise InputError(
            f"expected depth of the image's (height, width) {size} for scene {scene.key}, "
            f"got {prediction.depth.shape}; resize it"
        )
    if scene.truth is None:
        return NO_TRUTH
    if scene.truth.kind != "metric":
        raise InputError(f"expected metric truth for scene {scene.key}, got {scene.truth.kind}; give it in metres")
    truth = scene.truth.depth
    nearest, farthest = protocol.truth_range_m
    mask = scene.truth.valid & crop_mask(crop, *size) & (truth > nearest) & (truth < farthest)
    if not mask.any():
        return NO_PIXEL
    predicted = prediction.valid if rule == "sparse" else has_depth(prediction)
    share = density(predicted, mask)
    if rule == "dense" and share < 1.0:
        return HOLES
    if share == 0.0:
        return NOTHING_PREDICTED
    mask = mask & predicted
    low, high = protocol.clamp_range_m
    if protocol.clamp == "before-alignment":
        prediction = replace(prediction, depth=np.clip(prediction.depth, low, high))
    aligned = align(prediction, truth, mask, alignment, high)
    depth = np.clip(aligned.depth, low, high) if protocol.clamp == "after-alignment" else aligned.depth
    return ScoredDepth(depth, truth, mask, share, aligned.scale, aligned.shift, prediction.confidence)


def _settings(protocol: DepthProtocol) -> list[tuple[Crop, DepthRule]]:
    return [(crop, rule) for rule in protocol.rules for crop in protocol.crops]


def _call(method: DepthMethod, scene: DepthSample) -> DepthMap:
    return method(scene.image)
