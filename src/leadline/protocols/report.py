"""Scores with everything that is needed to read them rightly."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.table import Table

from leadline.errors import InputError
from leadline.metrics.align import AlignmentName
from leadline.protocols.metric import SceneAveraging, Unit
from leadline.protocols.rules import SCENE_REASONS, Region, Rule

Averaging = Literal["one-scene"] | SceneAveraging


@dataclass(frozen=True)
class Conditions:
    """Treatment of a prediction before it was scored; Score holds the same fields.

    Args:
        alignment: How depth was aligned with the truth; None for stereo.
        clamp_range_m: Depth was clamped to this range; None for stereo.
        scale: What the alignment multiplied the prediction, or its inverse, by.
        shift: What it added then.
        at_density: Only the most confident pixels were scored, at this density; None where all of a rule's were.
    """

    alignment: AlignmentName | None = None
    clamp_range_m: tuple[float, float] | None = None
    scale: float | None = None
    shift: float | None = None
    at_density: str | None = None


@dataclass(frozen=True)
class Score:
    """One number and where it comes from.

    Args:
        method: Who predicted.
        metric: Name in the protocol.
        value: In the unit.
        unit: "%", "px", "m", "deg", or "1" for a plain number.
        protocol: Name of the protocol.
        scene: The scene; None for a value over scenes.
        resolution: WIDTHxHEIGHT of the scored map; "smallest to largest" where scenes differ.
        mask: Which pixels with truth count.
        rule: What a missing prediction means.
        averaging: How scenes became one number.
        density: Share of the pixels with truth that have a prediction, a valid one under the sparse rule, in [0, 1];
            averaged as the value is.
        pixels: Scored pixels.
        scenes: Scenes behind the value.
        excluded: Scenes left out of it; the report's exclusions say why.
        seconds: Run time of the method, mean over the scenes.
        alignment: How depth was aligned with the truth; None for stereo, as all that follows.
        clamp_range_m: Depth was clamped to this range.
        scale: What the alignment multiplied the prediction, or its inverse, by; None over scenes.
        shift: What it added then; None over scenes.
        at_density: Only the most confident pixels were scored, at this density: a share, or "of METHOD".
    """

    method: str
    metric: str
    value: float
    unit: Unit
    protocol: str
    scene: str | None
    resolution: str
    mask: Region
    rule: Rule
    averaging: Averaging
    density: float
    pixels: int
    scenes: int
    excluded: int
    seconds: float
    alignment: AlignmentName | None = None
    clamp_range_m: tuple[float, float] | None = None
    scale: float | None = None
    shift: float | None = None
    at_density: str | None = None


@dataclass(frozen=True)
class Exclusion:
    """A scene that a number could not be computed on; it never counts as 0.

    Args:
        method: Who predicted.
        metric: Name in the protocol.
        scene: The scene.
        mask: Which pixels with truth would have counted.
        rule: What a missing prediction means.
        reason: A few words.
    """

    method: str
    metric: str
    scene: str
    mask: Region
    rule: Rule
    reason: str


@dataclass(frozen=True)
class Report:
    """Result of an evaluation: scores per scene and over scenes, and what was left out.

    Args:
        protocol: Name of the protocol.
        source: Where the protocol is published.
        rows: Scores of single scenes (scene is a name) and over scenes (scene is None).
        exclusions: Scenes that were left out, per metric, mask and rule.
    Example:
        >>> report = Report("mine", "nobody published it", (), ())
        >>> report.scene_names()
        ()
    """

    protocol: str
    source: str
    rows: tuple[Score, ...]
    exclusions: tuple[Exclusion, ...]

    def score(self, method: str, metric: str, mask: Region, rule: Rule, scene: str | None = None) -> Score:
        """One score, e.g. `report.score("sgbm", "bad-2", "noc", "dense")`.

        Args:
            method: Who predicted.
            metric: Name in the protocol.
            mask: Which pixels with truth count.
            rule: What a missing prediction means.
            scene: A scene's name, or None for the value over scenes.
        Raises:
            InputError: If the report has no such score.
        """
        wanted = (method, metric, mask, rule, scene)
        for row in self.rows:
            if (row.method, row.metric, row.mask, row.rule, row.scene) == wanted:
                return row
        raise InputError(f"expected a score for {wanted}, but the {self.protocol} report has none; see its exclusions")

    def scene_names(self) -> tuple[str, ...]:
        """The scenes that have scores, in their order."""
        return tuple(dict.fromkeys(row.scene for row in self.rows if row.scene is not None))

    def tables(self, scene: str | None = None) -> list[Table]:
        """One table per mask, rule and alignment: a line per method, a column per metric.

        Args:
            scene: A scene's name, or None for the values over scenes.
        """
        groups: dict[tuple[Region, Rule, AlignmentName | None], list[Score]] = {}
        for row in self.rows:
            if row.scene == scene:
                groups.setdefault((row.mask, row.rule, row.alignment), []).append(row)
        return [_table(rows, self._left_out(mask, rule, scene)) for (mask, rule, _), rows in groups.items()]

    def _left_out(self, mask: Region, rule: Rule, scene: str | None) -> str:
        """The scenes without a score and why, e.g. "left out: dolls (no truth)"."""
        reasons: dict[str, dict[str, None]] = {}
        for e in self.exclusions:
            if (e.mask, e.rule) == (mask, rule) and scene in (None, e.scene):
                # A reason that lies in the scene holds for every method; one that lies in the method names it.
                where = e.scene if e.reason in SCENE_REASONS else f"{e.method} on {e.scene}"
                reasons.setdefault(e.reason, {})[where] = None
        return "; ".join(f"left out: {', '.join(names)} ({reason})" for reason, names in reasons.items())

    def to_json(self) -> str:
        """The whole report; keys are the fields of Report, Score and Exclusion."""
        return json.dumps(asdict(self), indent=1, allow_nan=False)


def unscored_regions(report: Report, regions: Sequence[Region]) -> list[str]:
    """A line for each reason why regions of a protocol have no scores at all.

    Args:
        report: The result of an evaluation.
        regions: The protocol's.

    >>> left_out = Exclusion("m", "Fl", "a", "fg", "sparse", "no object map")
    >>> unscored_regions(Report("kitti2015", "", (), (left_out,)), ("fg",))
    ['fg not scored: no object map']
    """
    scored = {row.mask for row in report.rows}
    missing: dict[str, list[str]] = {}
    for region in regions:
        if region not in scored:
            reasons = {entry.reason for entry in report.exclusions if entry.mask == region}
            missing.setdefault(", ".join(sorted(reasons)), []).append(region)
    return [f"{', '.join(names)} not scored: {reason}" for reason, names in missing.items()]


def _table(rows: list[Score], left_out: str) -> Table:
    first = rows[0]
    scenes = _range([row.scenes for row in rows])
    where = first.scene or (f"{scenes} scene" if scenes == "1" else f"{scenes} scenes")
    rule = first.rule if first.at_density is None else f"{first.rule} at density {first.at_density}"
    rules: list[str] = [first.protocol, first.mask, rule]
    if first.alignment is not None and first.clamp_range_m is not None:
        low, high = first.clamp_range_m
        rules += [f"alignment {first.alignment}", f"{low:g} to {high:g} m"]
    table = Table(
        title=", ".join((*rules, first.averaging, where, first.resolution)),
        title_justify="left",
        caption=left_out or None,
        caption_justify="left",
    )
    metrics = {row.metric: row.unit for row in rows}
    table.add_column("method", no_wrap=True)
    for metric, unit in metrics.items():
        table.add_column(metric if unit == "1" else f"{metric} {unit}", justify="right")
    for label in ("density %", "excluded", "s"):
        table.add_column(label, justify="right")
    for method in dict.fromkeys(row.method for row in rows):
        of_method = {row.metric: row for row in rows if row.method == method}
        any_row = next(iter(of_method.values()))
        values = [f"{of_method[metric].value:.3g}" if metric in of_method else "-" for metric in metrics]
        excluded = _range([row.excluded for row in of_method.values()])
        table.add_row(method, *values, f"{100 * any_row.density:.1f}", excluded, f"{any_row.seconds:.3f}")
    return table


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}-{high}"
