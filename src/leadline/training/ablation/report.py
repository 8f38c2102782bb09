"""Report of an ablation: as JSON, as a Markdown table and as bars."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import UInt8

from leadline.io.atomic import atomic_write
from leadline.io.images import write_image
from leadline.training.ablation.plan import Plan
from leadline.training.ablation.run import SCORES, Measured, mean, spread
from leadline.visual.bars import Bar, bar_chart

_HEADS: Final = {
    "rendered/epe": "rendered EPE, px",
    "rendered/bad2": "rendered bad-2, %",
    "real scenes/epe": "real EPE, px",
    "real scenes/bad2": "real bad-2, %",
}
_COMPARED: Final = tuple(score for score in SCORES if score.endswith("bad2"))
"""Scores whose difference from the base is told as well."""


def write_report(plan: Plan, found: Sequence[Measured], output: Path) -> list[Path]:
    """Write results.json, results.md and results.png.

    Args:
        plan: What was run.
        found: The base first, as `run_plan` returns it.
        output: Folder that exists.
    Returns:
        The files; no image if every run diverged.
    Raises:
        OutputError: If they cannot be written.
    """
    plain = {"title": plan.title, "entries": [_plain(one, found[0]) for one in found]}
    texts = {
        "results.json": json.dumps(plain, indent=1) + "\n",
        "results.md": markdown(plan, found),
    }
    for name, text in texts.items():
        with atomic_write(output / name) as stream:
            stream.write(text.encode())
    paths = [output / name for name in texts]
    if (image := chart(found)) is not None:
        paths.append(output / "results.png")
        write_image(paths[-1], image)
    return paths


def markdown(plan: Plan, found: Sequence[Measured]) -> str:
    """A table of means over seeds, with their standard deviations where there are several seeds."""
    scores = _present(found)
    heads = ["theme", "entry", "change", "samples", "GFLOP", "parameters"]
    heads += [head for score in scores for head in (_HEADS[score], *(["against base"] if score in _COMPARED else []))]
    rows = [heads, ["---"] * 3 + ["---:"] * (len(heads) - 3)]
    for one in found:
        cost = [f"{_samples(one):,}", f"{one.gflop:.2f}", f"{one.parameters:,}"]
        cells = [cell for score in scores for cell in _cells(one, score, found[0])]
        rows.append([one.entry.theme or "-", one.entry.name, one.entry.change or "-", *cost, *cells])
    height, width = plan.base.recipe.augmentation.crop
    note = (
        f"Seeds: {len(found[0].runs)}; mean and standard deviation. "
        "Against base: the difference from its run with the same seed. "
        f"GFLOP: forward, one pair of {width}x{height} px. Scores: all pixels with truth, mean over images."
    )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"# {plan.title}", "", *lines, "", note, ""])


def chart(found: Sequence[Measured]) -> UInt8[np.ndarray, "h w 3"] | None:
    """Bars of bad-2, theme by theme, on rendered pairs and beside them on real scenes; None if every run diverged."""
    parts: list[np.ndarray] = []
    base = found[0]
    for score in (score for score in _present(found) if score in _COMPARED):
        groups: dict[str, list[Bar]] = {}
        for one in found:
            uncertain = None if one is base else spread(one.differences(score, base))
            bar = Bar(one.entry.name, mean(one.values(score)), uncertain)
            groups.setdefault(one.entry.theme or "all else is a change of", []).append(bar)
        title = f"{_HEADS[score]} (less is better; line: base; spread: of the difference)"
        parts.append(bar_chart(groups, title, mean(base.values(score))))
    return np.concatenate(parts, axis=1) if parts else None


def _present(found: Sequence[Measured]) -> list[str]:
    return [score for score in SCORES if any(one.values(score) for one in found)]


def _samples(one: Measured) -> int:
    return one.entry.recipe.steps * one.entry.recipe.batch_size


def _cells(one: Measured, score: str, base: Measured) -> list[str]:
    cell = _words(one.values(score), "") or "diverged"
    if 0 < one.diverged < len(one.runs):
        cell += f" ({one.diverged} diverged)"
    if score not in _COMPARED:
        return [cell]
    return [cell, "-" if one is base else _words(one.differences(score, base), "+") or "-"]


def _words(values: Sequence[float], sign: Literal["", "+"]) -> str:
    """Mean and spread, as far as there are any."""
    middle, wide = mean(values), spread(values)
    if middle is None:
        return ""
    return f"{middle:{sign}.2f}" if wide is None else f"{middle:{sign}.2f} ± {wide:.2f}"


def _plain(one: Measured, base: Measured) -> dict[str, Any]:
    scores = list(dict.fromkeys(score for run in one.runs for score in run))
    return {
        "name": one.entry.name,
        "theme": one.entry.theme,
        "change": one.entry.change,
        "samples": _samples(one),
        "gflop": one.gflop,
        "parameters": one.parameters,
        "diverged": one.diverged,
        "scores": {score: _numbers(one.values(score)) for score in scores},
        "against_base": {score: _numbers(one.differences(score, base)) for score in scores},
    }


def _numbers(values: Sequence[float]) -> dict[str, Any]:
    return {"mean": mean(values), "spread": spread(values), "seeds": list(values)}
