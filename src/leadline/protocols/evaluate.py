"""Scoring methods on scenes under a protocol."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.protocol import Metric, StereoProtocol
from leadline.protocols.report import Exclusion, Report, Score
from leadline.protocols.scenes import StereoScene
from leadline.protocols.scored import Mask, Rule, score_pixels

StereoMethod: TypeAlias = Callable[[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]], DisparityMap]
"""Left and right picture (RGB) to the left view's disparity."""

Observer: TypeAlias = Callable[[StereoScene, Mapping[str, DisparityMap], Sequence[Score]], None]
"""Called after each scene with the methods' maps and the scene's scores: for sheets and progress."""


def evaluate(
    scenes: Iterable[StereoScene],
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
            picture, or not a single scene could be scored.
    """
    if not methods:
        raise InputError("expected at least one method to evaluate, got none")
    rows: list[Score] = []
    exclusions: list[Exclusion] = []
    names: set[str] = set()
    for scene in scenes:
        if scene.name in names:
            raise InputError(f"expected scenes of different names, got {scene.name} twice; rename a folder")
        names.add(scene.name)
        predictions: dict[str, DisparityMap] = {}
        scene_rows: list[Score] = []
        for name, method in methods.items():
            start = time.perf_counter()
            predictions[name] = method(scene.left, scene.right)
            seconds = time.perf_counter() - start
            scored, excluded = score_scene(scene, name, predictions[name], seconds, protocol)
            scene_rows += scored
            exclusions += excluded
        rows += scene_rows
        if observe is not None:
            observe(scene, predictions, scene_rows)
    if not rows:
        reasons = ", ".join(sorted({exclusion.reason for exclusion in exclusions})) or "no scenes"
        raise InputError(f"expected at least one scene that {protocol.name} can score, got {len(names)}: {reasons}")
    return Report(protocol.name, protocol.source, (*rows, *_over_scenes(rows, exclusions, protocol)), tuple(exclusions))


def score_scene(
    scene: StereoScene, method: str, prediction: DisparityMap, seconds: float, protocol: StereoProtocol
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
        InputError: If the prediction is not of the left picture's size or a score is not finite.
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
                exclusions.append(Exclusion(method, metric.name, scene.name, mask, rule, reason))
                continue
            if not np.isfinite(value):
                raise InputError(f"expected a finite {metric.name} on scene {scene.name}, got {value} for {method}")
            rows.append(
                Score(
                    method=method,
                    metric=metric.name,
                    value=value,
                    unit=metric.unit,
                    protocol=protocol.name,
                    scene=scene.name,
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


def _over_scenes(rows: list[Score], exclusions: list[Exclusion], protocol: StereoProtocol) -> list[Score]:
    """One score per method, metric, mask and rule, from those of the scenes."""
    averages: list[Score] = []
    for mask, rule in _settings(protocol):
        for method in dict.fromkeys(row.method for row in rows):
            for metric in protocol.metrics:
                key = (method, metric.name, mask, rule)
                group = [row for row in rows if (row.method, row.metric, row.mask, row.rule) == key]
                excluded = sum((e.method, e.metric, e.mask, e.rule) == key for e in exclusions)
                if group:
                    averages.append(_average(group, excluded, metric, protocol))
    return averages


def _average(group: list[Score], excluded: int, metric: Metric, protocol: StereoProtocol) -> Score:
    pixels = np.array([row.pixels for row in group], dtype=np.float64)
    density = np.array([row.density for row in group])
    weights = np.ones_like(pixels)
    density_weights = weights
    if protocol.averaging == "pixel-pooled":
        # The sparse rule scores density * truth pixels: pooled density weighs a scene by its pixels with truth.
        weights = pixels
        density_weights = pixels / density if group[0].rule == "sparse" else pixels
    sizes = sorted({row.resolution for row in group}, key=_area)
    return Score(
        method=group[0].method,
        metric=metric.name,
        value=float(np.average([row.value for row in group], weights=weights)),
        unit=metric.unit,
        protocol=protocol.name,
        scene=None,
        resolution=sizes[0] if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}",
        mask=group[0].mask,
        rule=group[0].rule,
        averaging=protocol.averaging,
        density=float(np.average(density, weights=density_weights)),
        pixels=int(pixels.sum()),
        scenes=len(group),
        excluded=excluded,
        seconds=float(np.mean([row.seconds for row in group])),
    )


def _area(resolution: str) -> int:
    width, height = resolution.split("x")
    return int(width) * int(height)
