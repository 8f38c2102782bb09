"""The one scoring loop: it runs methods of any task on samples, scores them under a protocol, and averages.

A task brings a protocol type (`stereo.protocol`, `mono.protocol`) that says which pixels of a sample count and what a
prediction is worth there; all else is here.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.protocols.metric import Metric, SceneAveraging
from leadline.protocols.report import Conditions, Exclusion, Report, Score
from leadline.protocols.rules import NO_CONFIDENCE, UNDEFINED, Region, Rule


@runtime_checkable
class Keyed(Protocol):
    """A sample of any task."""

    @property
    def key(self) -> str:
        """Short name for tables."""
        ...


@runtime_checkable
class Predicted(Protocol):
    """A map of any task."""

    @property
    def confidence(self) -> np.ndarray | None:
        """The method's confidence, if it gives one."""
        ...


@runtime_checkable
class Scored(Protocol):
    """The pixels of one sample that count, in whatever form the metrics of a task take them."""

    @property
    def mask(self) -> Bool[np.ndarray, "h w"]:
        """True where pixels count; somewhere at least."""
        ...

    @property
    def density(self) -> float:
        """Share of the pixels with truth that have a prediction, in [0, 1]."""
        ...

    @property
    def conditions(self) -> Conditions:
        """Treatment of the prediction before it was scored."""
        ...


SampleT = TypeVar("SampleT", bound=Keyed)
MapT = TypeVar("MapT", bound=Predicted)
PixelsT = TypeVar("PixelsT", bound=Scored)

SampleT_contra = TypeVar("SampleT_contra", bound=Keyed, contravariant=True)
MapT_contra = TypeVar("MapT_contra", bound=Predicted, contravariant=True)


@runtime_checkable
class ScoringProtocol(Protocol[SampleT_contra, MapT_contra, PixelsT]):
    """Interface of a task's protocol: frozen dataclasses such as `StereoProtocol` have it."""

    @property
    def name(self) -> str:
        """Short name that every score carries."""
        ...

    @property
    def source(self) -> str:
        """Publication of the protocol."""
        ...

    @property
    def metrics(self) -> tuple[Metric[PixelsT], ...]:
        """Metrics, in the order of tables."""
        ...

    @property
    def settings(self) -> Sequence[tuple[Region, Rule]]:
        """Regions and rules, in the order of tables."""
        ...

    @property
    def averaging(self) -> SceneAveraging:
        """Averaging of scenes."""
        ...

    def size(self, sample: SampleT_contra) -> tuple[int, int]:
        """Height and width of the scored map."""
        ...

    def score_pixels(
        self, sample: SampleT_contra, prediction: MapT_contra, region: Region, rule: Rule
    ) -> PixelsT | str:
        """The pixels that count, or in a few words why none do."""
        ...


def evaluate_samples(
    samples: Iterable[SampleT],
    methods: Mapping[str, Callable[[SampleT], MapT]],
    protocol: ScoringProtocol[SampleT, MapT, PixelsT],
    observe: Callable[[SampleT, Mapping[str, MapT], Sequence[Score]], None] | None = None,
) -> Report:
    """Runs every method on every sample and scores it, one sample in memory at a time if `samples` is lazy.

    Args:
        samples: What is predicted on. Those without truth are excluded and counted.
        methods: Name -> callable.
        protocol: What is measured, where, and how it is averaged.
        observe: Called after each sample.
    Returns:
        Scores per sample and over samples.
    Raises:
        InputError: If there are no methods, a sample's name comes twice, a prediction cannot be scored, a method's
            predictions are aligned in two ways, or not a single sample could be scored.
    """
    if not methods:
        raise InputError("expected at least one method to evaluate, got none")
    rows: list[Score] = []
    exclusions: list[Exclusion] = []
    keys: set[str] = set()
    for sample in samples:
        if sample.key in keys:
            raise InputError(f"expected scenes of different names, got {sample.key} twice; rename a folder")
        keys.add(sample.key)
        timed = {name: _timed(method, sample) for name, method in methods.items()}
        sample_rows: list[Score] = []
        for name, (prediction, seconds) in timed.items():
            scored, excluded = score_sample(sample, name, prediction, seconds, protocol)
            sample_rows += scored
            exclusions += excluded
        rows += sample_rows
        _require_one_alignment(rows, sample.key)
        if observe is not None:
            observe(sample, {name: prediction for name, (prediction, _) in timed.items()}, sample_rows)
    return _report(rows, exclusions, protocol)


def score_sample(
    sample: SampleT,
    method: str,
    prediction: MapT,
    seconds: float,
    protocol: ScoringProtocol[SampleT, MapT, PixelsT],
) -> tuple[list[Score], list[Exclusion]]:
    """All of a protocol's scores of one prediction.

    Args:
        sample: The images and their truth.
        method: Name of who predicted.
        prediction: The map.
        seconds: How long it took.
        protocol: What is measured.
    Returns:
        The scores, and what could not be scored.
    Raises:
        InputError: If the prediction is not of the image's size or of a kind that the protocol refuses, or a score is
            not finite.
    Example:
        >>> from leadline.protocols.stereo.eth3d import ETH3D
        >>> from leadline.samples import DisparityMap, StereoSample
        >>> image, seen = np.zeros((2, 4, 3), np.uint8), np.ones((2, 4), bool)
        >>> truth, found = (DisparityMap(np.full((2, 4), value, np.float32), seen) for value in (1.0, 1.5))
        >>> scores, _ = score_sample(StereoSample("a", image, image, truth), "half", found, 0.0, ETH3D)
        >>> [score.value for score in scores if (score.metric, score.mask, score.rule) == ("avgerr", "all", "dense")]
        [0.5]
    """
    rows: list[Score] = []
    exclusions: list[Exclusion] = []
    height, width = protocol.size(sample)
    for region, rule in protocol.settings:
        pixels = protocol.score_pixels(sample, prediction, region, rule)
        for metric in protocol.metrics:
            value = None if isinstance(pixels, str) else metric.score(pixels)
            if isinstance(pixels, str) or value is None:
                undefined = metric.undefined or (NO_CONFIDENCE if prediction.confidence is None else UNDEFINED)
                reason = pixels if isinstance(pixels, str) else undefined
                exclusions.append(Exclusion(method, metric.name, sample.key, region, rule, reason))
                continue
            if not np.isfinite(value):
                raise InputError(f"expected a finite {metric.name} on scene {sample.key}, got {value} for {method}")
            rows.append(
                Score(
                    method=method,
                    metric=metric.name,
                    value=value,
                    unit=metric.unit,
                    protocol=protocol.name,
                    scene=sample.key,
                    resolution=f"{width}x{height}",
                    mask=region,
                    rule=rule,
                    averaging="one-scene",
                    density=pixels.density,
                    pixels=int(pixels.mask.sum()) if metric.count is None else metric.count(pixels),
                    scenes=1,
                    excluded=0,
                    seconds=seconds,
                    **asdict(pixels.conditions),
                )
            )
    return rows, exclusions


def _timed(method: Callable[[SampleT], MapT], sample: SampleT) -> tuple[MapT, float]:
    start = time.perf_counter()
    prediction = method(sample)
    return prediction, time.perf_counter() - start


def _require_one_alignment(rows: Sequence[Score], key: str) -> None:
    for method in dict.fromkeys(row.method for row in rows):
        if len({row.alignment for row in rows if row.method == method}) > 1:
            raise InputError(
                f"expected one kind of depth from {method}, got another for scene {key}; scores of different "
                "alignments have no mean: choose one alignment for all"
            )


def _report(
    rows: list[Score], exclusions: list[Exclusion], protocol: ScoringProtocol[SampleT, MapT, PixelsT]
) -> Report:
    """The scores of samples and those over samples; refused if there are none."""
    if not rows:
        reasons = ", ".join(sorted({exclusion.reason for exclusion in exclusions})) or "no scenes"
        seen = len({exclusion.scene for exclusion in exclusions})
        raise InputError(f"expected at least one scene that {protocol.name} can score, got {seen}: {reasons}")
    averages: list[Score] = []
    for region, rule in protocol.settings:
        for method in dict.fromkeys(row.method for row in rows):
            for metric in protocol.metrics:
                key = (method, metric.name, region, rule)
                group = [row for row in rows if (row.method, row.metric, row.mask, row.rule) == key]
                excluded = sum((e.method, e.metric, e.mask, e.rule) == key for e in exclusions)
                if group:
                    averages.append(_average(group, excluded, protocol.averaging))
    return Report(protocol.name, protocol.source, (*rows, *averages), tuple(exclusions))


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
