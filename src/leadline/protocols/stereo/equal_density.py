"""Methods compared at equal density: each is scored on as many pixels, those that it is most confident of.

A matcher leaves out what it is unsure of, a network predicts everywhere; their sparse scores are over different shares
of the pixels. Here a method with a confidence keeps its most confident pixels, at a density that is given or is that of
another method's valid pixels, so that the scores can be compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.metric import Metric, SceneAveraging
from leadline.protocols.report import Conditions, Report
from leadline.protocols.rules import NO_CONFIDENCE, Region, Rule
from leadline.protocols.scoring import evaluate_samples
from leadline.protocols.stereo.evaluate import Observer, SceneMethod
from leadline.protocols.stereo.protocol import StereoProtocol
from leadline.protocols.stereo.scored import ScoredPixels, counted_pixels
from leadline.samples import StereoSample

SPARSER: Final = "sparser than the density"


@dataclass(frozen=True, eq=False)
class EqualDensity:
    """A stereo protocol whose sparse scores are all at one density; the other rules are left out.

    Args:
        protocol: What is measured, on which masks.
        density: Share of the pixels with truth under a mask, in (0, 1]; or, by the samples' keys, the maps whose valid
            pixels give it.
        label: The density in words, for tables.
    Raises:
        InputError: If the density is no share.
    """

    protocol: StereoProtocol
    density: float | Mapping[str, DisparityMap]
    label: str

    def __post_init__(self) -> None:
        """Checks the share."""
        if not isinstance(self.density, Mapping) and not 0.0 < self.density <= 1.0:
            raise InputError(f"expected a density above 0 and at most 1, got {self.density:g}; it is a share of pixels")

    @property
    def name(self) -> str:
        """Name of the protocol."""
        return self.protocol.name

    @property
    def source(self) -> str:
        """Publication of the protocol."""
        return self.protocol.source

    @property
    def metrics(self) -> tuple[Metric[ScoredPixels], ...]:
        """Metrics of the protocol."""
        return self.protocol.metrics

    @property
    def averaging(self) -> SceneAveraging:
        """Averaging of scenes."""
        return self.protocol.averaging

    @property
    def settings(self) -> list[tuple[Region, Rule]]:
        """The protocol's masks under the sparse rule."""
        return [(mask, "sparse") for mask in self.protocol.masks]

    def size(self, sample: StereoSample) -> tuple[int, int]:
        """Height and width of the left image."""
        return self.protocol.size(sample)

    def score_pixels(
        self, sample: StereoSample, prediction: DisparityMap, region: Region, rule: Rule
    ) -> ScoredPixels | str:
        """The errors of the most confident pixels, or in a few words why there are none."""
        pixels = self.protocol.score_pixels(sample, prediction, region, rule)
        counted = counted_pixels(sample, region)
        if isinstance(pixels, str):
            return pixels
        if isinstance(counted, str):
            return counted
        total = int(counted.sum())
        if isinstance(self.density, Mapping):
            wanted = int((self.density[sample.key].valid & counted).sum())
        else:
            wanted = max(1, round(self.density * total))
        kept = most_confident(pixels.mask, prediction, wanted)
        if isinstance(kept, str):
            return kept
        conditions = Conditions(at_density=self.label)
        return replace(pixels, mask=kept, density=wanted / total, conditions=conditions)


def evaluate_at_density(
    scenes: Iterable[StereoSample],
    methods: Mapping[str, SceneMethod],
    protocol: StereoProtocol,
    density: float | str,
    observe: Observer | None = None,
) -> Report:
    """Runs every method on every scene and scores the pixels that it is most confident of, at one density for all.

    Args:
        scenes: As for `leadline.protocols.stereo.evaluate.evaluate`.
        methods: Name -> callable; `on_sample` makes it of one on images. A method without a confidence is scored only
            where all its valid pixels make the density.
        protocol: What is measured; only under the sparse rule.
        density: A share of the pixels with truth, in (0, 1]; or one of the methods, whose valid pixels give the density
            of each scene.
        observe: Called after each scene.
    Returns:
        Scores that name the density, per scene and over scenes; a scene on which a method has fewer valid pixels is
        left out of its scores and counted.
    Raises:
        InputError: If the density is neither a share nor a method, and as for `evaluate`.
    """
    latest: dict[str, DisparityMap] = {}

    def call(name: str, scene: StereoSample) -> DisparityMap:
        found = methods[name](scene)
        if name == density:
            latest.clear()
            latest[scene.key] = found
        return found

    if isinstance(density, str):
        if density not in methods:
            raise InputError(f"expected a method out of {', '.join(methods)} to give the density, got {density!r}")
        equal = EqualDensity(protocol, latest, f"of {density}")
    else:
        equal = EqualDensity(protocol, density, f"{density:g}")
    return evaluate_samples(scenes, {name: partial(call, name) for name in methods}, equal, observe)


def most_confident(
    mask: Bool[np.ndarray, "h w"], prediction: DisparityMap, wanted: int
) -> Bool[np.ndarray, "h w"] | str:
    """The most confident pixels of a mask, as many as are wanted; of equal confidence the first in rows.

    Args:
        mask: The pixels to choose from.
        prediction: Its confidence ranks them.
        wanted: How many; at least 1.
    Returns:
        The chosen pixels, or in a few words why they cannot be chosen.
    Example:
        >>> confidence = np.array([[0.2, 0.9, 0.5]], np.float32)
        >>> prediction = DisparityMap(np.ones((1, 3), np.float32), np.ones((1, 3), bool), confidence)
        >>> most_confident(prediction.valid, prediction, 2).tolist()
        [[False, True, True]]
    """
    present = np.flatnonzero(mask)
    if wanted == 0 or len(present) < wanted:
        return SPARSER
    if len(present) == wanted:
        return mask
    if prediction.confidence is None:
        return NO_CONFIDENCE
    order = np.argsort(-prediction.confidence.ravel()[present], kind="stable")
    kept = np.zeros(mask.size, dtype=bool)
    kept[present[order[:wanted]]] = True
    return kept.reshape(mask.shape)
