"""What all evaluations share: running methods on scenes, and turning scores of scenes into scores over scenes."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from leadline.errors import InputError
from leadline.protocols.metric import SceneAveraging
from leadline.protocols.report import Exclusion, Report, Score
from leadline.protocols.rules import Region, Rule


@runtime_checkable
class Named(Protocol):
    """A sample of any task."""

    @property
    def key(self) -> str:
        """Short name for tables."""
        ...


SceneT = TypeVar("SceneT", bound=Named)
MapT = TypeVar("MapT")


@dataclass(frozen=True)
class Terms:
    """What turning scores of scenes into a report asks of a protocol.

    Args:
        name: Short name that every score carries.
        source: Where the protocol is published.
        metrics: Names, in the order of tables.
        settings: Regions and rules, in the order of tables.
        averaging: How scenes become one number.
    """

    name: str
    source: str
    metrics: Sequence[str]
    settings: Sequence[tuple[Region, Rule]]
    averaging: SceneAveraging


def run_methods(
    scenes: Iterable[SceneT],
    methods: Mapping[str, Callable[[SceneT], MapT]],
    judge: Callable[[SceneT, str, MapT, float], tuple[list[Score], list[Exclusion]]],
    observe: Callable[[SceneT, Mapping[str, MapT], Sequence[Score]], None] | None,
) -> tuple[list[Score], list[Exclusion]]:
    """Runs every method on every scene, one scene in memory at a time if `scenes` is lazy.

    Args:
        scenes: What is predicted on.
        methods: Name -> callable.
        judge: A scene, a method's name, its prediction and its seconds to scores and what could not be scored.
        observe: Called after each scene.
    Returns:
        The scores of the scenes, and what could not be scored.
    Raises:
        InputError: If there are no methods or a scene's name comes twice.
    """
    if not methods:
        raise InputError("expected at least one method to evaluate, got none")
    rows: list[Score] = []
    exclusions: list[Exclusion] = []
    names: set[str] = set()
    for scene in scenes:
        if scene.key in names:
            raise InputError(f"expected scenes of different names, got {scene.key} twice; rename a folder")
        names.add(scene.key)
        predictions: dict[str, MapT] = {}
        scene_rows: list[Score] = []
        for name, method in methods.items():
            start = time.perf_counter()
            predictions[name] = method(scene)
            seconds = time.perf_counter() - start
            scored, excluded = judge(scene, name, predictions[name], seconds)
            scene_rows += scored
            exclusions += excluded
        rows += scene_rows
        if observe is not None:
            observe(scene, predictions, scene_rows)
    return rows, exclusions


def report_of(rows: list[Score], exclusions: list[Exclusion], terms: Terms) -> Report:
    """Adds the scores over scenes.

    Args:
        rows: Scores of single scenes.
        exclusions: What could not be scored.
        terms: The protocol.
    Raises:
        InputError: If not a single scene could be scored.
    """
    if not rows:
        reasons = ", ".join(sorted({exclusion.reason for exclusion in exclusions})) or "no scenes"
        seen = len({exclusion.scene for exclusion in exclusions})
        raise InputError(f"expected at least one scene that {terms.name} can score, got {seen}: {reasons}")
    return Report(terms.name, terms.source, (*rows, *_over_scenes(rows, exclusions, terms)), tuple(exclusions))


def _over_scenes(rows: list[Score], exclusions: list[Exclusion], terms: Terms) -> list[Score]:
    """One score per method, metric, mask and rule, from those of the scenes."""
    averages: list[Score] = []
    for mask, rule in terms.settings:
        for method in dict.fromkeys(row.method for row in rows):
            for metric in terms.metrics:
                key = (method, metric, mask, rule)
                group = [row for row in rows if (row.method, row.metric, row.mask, row.rule) == key]
                excluded = sum((e.method, e.metric, e.mask, e.rule) == key for e in exclusions)
                if group:
                    averages.append(_average(group, excluded, terms.averaging))
    return averages


def _average(group: list[Score], excluded: int, averaging: SceneAveraging) -> Score:
    pixels = np.array([row.pixels for row in group], dtype=np.float64)
    density = np.array([row.density for row in group])
    weights = np.ones_like(pixels)
    density_weights = weights
    if averaging == "pixel-pooled":
        # The sparse rule scores density * truth pixels: pooled density weighs a scene by its pixels with truth.
        weights = pixels
        density_weights = pixels / density if group[0].rule == "sparse" else pixels
    sizes = sorted({row.resolution for row in group}, key=_area)
    return replace(
        group[0],
        value=float(np.average([row.value for row in group], weights=weights)),
        scene=None,
        resolution=sizes[0] if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}",
        averaging=averaging,
        density=float(np.average(density, weights=density_weights)),
        pixels=int(pixels.sum()),
        scenes=len(group),
        excluded=excluded,
        seconds=float(np.mean([row.seconds for row in group])),
        scale=None,
        shift=None,
    )


def _area(resolution: str) -> int:
    width, height = resolution.split("x")
    return int(width) * int(height)
