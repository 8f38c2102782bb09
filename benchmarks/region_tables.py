"""Scores of methods by region of the image, and what their paired differences over scenes say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.table import Table

from leadline.maps import DisparityMap
from leadline.metrics.paired import PairedDifference
from leadline.protocols.stereo.selection import METRICS, PARTS, RegionScores, compare, objections, region_scores
from leadline.samples import StereoSample

ALL_REAL = "all real groups"
ABOUT = f"""\
By region: seen by both cameras; left strip, column < disparity; occluded otherwise; edges, at most 3 px from a step of
the disparity; weak, hardly any texture. Means over the scenes that have at least 100 pixels of a region. Below: a
method minus the one it is compared with, mean over scenes, in square brackets the 90 % bootstrap interval over scenes;
* where it excludes 0. A method may replace another one if EPE or bad-2 over all pixels of {ALL_REAL} falls
for certain, neither grows for certain, and none grows by more than 5 % in any region."""


@dataclass
class RegionCollector:
    """Gathers the scores of every method while scenes are evaluated; scenes keep their order in every group."""

    scores: dict[str, dict[str, list[RegionScores]]] = field(default_factory=dict)

    def add(self, group: str, scene: StereoSample, maps: Mapping[str, DisparityMap], _: object) -> None:
        """Scores one scene.

        Args:
            group: Group of the scene.
            scene: The scene, with its truth.
            maps: What each method predicted.
        """
        found = {name: region_scores(scene, disparity) for name, disparity in maps.items()}
        if not any(isinstance(scores, str) for scores in found.values()):
            for name, scores in found.items():
                self.scores.setdefault(group, {}).setdefault(name, []).append(scores)  # pyright: ignore[reportArgumentType]

    def together(self, rendered: Sequence[str]) -> None:
        """Adds the group of all real scenes.

        Args:
            rendered: Groups that are left out of it.
        """
        real = [by_method for group, by_method in self.scores.items() if group not in rendered]
        methods = real[0] if real else {}
        self.scores[ALL_REAL] = {name: [one for group in real for one in group[name]] for name in methods}


def means_table(group: str, by_method: Mapping[str, Sequence[RegionScores]]) -> Table:
    """EPE and bad-2 of each method in each part of the images."""
    table = _table(f"{group}, {_count(by_method)}: EPE px, bad-2 % by region", "method")
    for method, scores in by_method.items():
        cells = [_mean_cell(scores, part) for part in PARTS]
        table.add_row(method, *cells)
    return table


def differences_table(
    group: str, by_method: Mapping[str, Sequence[RegionScores]], pairs: Sequence[tuple[str, str]]
) -> Table:
    """Paired differences of the named pairs of methods, and what speaks against the first of each."""
    table = _table(f"{group}, {_count(by_method)}: paired differences", "method - other", "metric")
    for first, second in pairs:
        found = compare(by_method[first], by_method[second])
        for metric in METRICS:
            cells = [_difference_cell(found.get((part, metric))) for part in PARTS]
            table.add_row(f"{first} - {second}", metric, *cells)
        if group == ALL_REAL:
            reasons = objections(found)
            verdict = f"not: {'; '.join(reasons)}" if reasons else "may replace it"
            table.caption = "\n".join(filter(None, (str(table.caption or ""), f"{first} for {second}: {verdict}")))
    return table


def region_rows(scores: Mapping[str, Mapping[str, Sequence[RegionScores]]]) -> list[dict[str, Any]]:
    """Everything as plain rows: group, method, part, metric, the mean and the value of each scene."""
    return [
        {
            "group": group,
            "method": method,
            "part": part,
            "metric": metric,
            "mean": float(np.mean(values)),
            "scenes": values,
        }
        for group, by_method in scores.items()
        for method, found in by_method.items()
        for part in PARTS
        for metric in METRICS
        if (values := [one.values[part, metric] for one in found if (part, metric) in one.values])
    ]


def parse_pairs(text: str, methods: Sequence[str], reference: str) -> list[tuple[str, str]]:
    """The pairs of methods to compare: those named as FIRST:SECOND, or every method with the reference.

    Args:
        text: Pairs separated by commas; empty for the default.
        methods: All methods.
        reference: What the others are compared with by default.
    Raises:
        SystemExit: If a name is not among the methods.
    """
    if not text:
        return [(name, reference) for name in methods if name != reference]
    pairs = [tuple(pair.partition(":")[::2]) for pair in text.split(",")]
    unknown = [name for pair in pairs for name in pair if name not in methods]
    if unknown:
        raise SystemExit(f"expected pairs FIRST:SECOND of {', '.join(methods)}, got {unknown[0]!r}")
    return [(first, second) for first, second in pairs]


def _difference_cell(difference: PairedDifference | None) -> str:
    if difference is None:
        return "-"
    if difference.scenes == 1:
        return f"{difference.mean:+.2f}"
    star = "*" if difference.certain else ""
    return f"{difference.mean:+.2f}{star}\n[{difference.low:+.2f}, {difference.high:+.2f}]"


def _mean_cell(scores: Sequence[RegionScores], part: Any) -> str:
    cells = []
    for metric, digits in zip(METRICS, (2, 1), strict=True):
        values = [one.values[part, metric] for one in scores if (part, metric) in one.values]
        cells.append(f"{np.mean(values):.{digits}f}" if values else "-")
    return ", ".join(cells)


def _count(by_method: Mapping[str, Sequence[RegionScores]]) -> str:
    scenes = len(next(iter(by_method.values()), ()))
    return f"{scenes} scene{'s' * (scenes != 1)}"


def _table(title: str, *labels: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    for label in labels:
        table.add_column(label, no_wrap=True)
    for part in PARTS:
        table.add_column(part, justify="right")
    return table
