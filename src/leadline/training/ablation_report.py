"""What a bench found: as JSON, as a Markdown table and as bars."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from leadline.io.atomic import atomic_write
from leadline.io.images import write_image
from leadline.training.ablation import SCORES, Measured
from leadline.training.bench import Bench
from leadline.visual.bars import Bar, bar_chart

_HEADS: Final = {
    "dreamed/epe": "dreamed EPE, px",
    "dreamed/bad2": "dreamed bad-2, %",
    "real scenes/epe": "real EPE, px",
    "real scenes/bad2": "real bad-2, %",
}


def write_report(bench: Bench, found: Sequence[Measured], output: Path) -> list[Path]:
    """Write results.json, results.md and results.png.

    Args:
        bench: What was run.
        found: The base first, as `run_bench` returns it.
        output: Folder that exists.
    Returns:
        The files; no picture if every run diverged.
    Raises:
        OutputError: If they cannot be written.
    """
    texts = {
        "results.json": json.dumps({"title": bench.title, "entries": [_plain(one) for one in found]}, indent=1) + "\n",
        "results.md": markdown(bench, found),
    }
    for name, text in texts.items():
        with atomic_write(output / name) as stream:
            stream.write(text.encode())
    paths = [output / name for name in texts]
    if (picture := chart(found)) is not None:
        paths.append(output / "results.png")
        write_image(paths[-1], picture)
    return paths


def markdown(bench: Bench, found: Sequence[Measured]) -> str:
    """A table of means over seeds, with their standard deviations where there are several seeds."""
    scores = _present(found)
    heads = ["theme", "entry", "change", "samples", "GFLOP", "parameters", *(_HEADS[score] for score in scores)]
    rows = [heads, ["---"] * 3 + ["---:"] * (len(heads) - 3)]
    for one in found:
        cost = [f"{_samples(one):,}", f"{one.gflop:.2f}", f"{one.parameters:,}"]
        cells = [_cell(one, score) for score in scores]
        rows.append([one.entry.theme or "-", one.entry.name, one.entry.change or "-", *cost, *cells])
    height, width = bench.base.recipe.augmentation.crop
    seeds = max((len(values) + one.diverged for one in found for values in one.scores.values()), default=0)
    note = (
        f"Seeds: {seeds}; mean and standard deviation. "
        f"GFLOP: forward, one pair of {height} x {width} px. Scores: all pixels with truth, mean over pictures."
    )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"# {bench.title}", "", *lines, "", note, ""])


def chart(found: Sequence[Measured]) -> UInt8[np.ndarray, "h w 3"] | None:
    """Bars of bad-2, theme by theme, on dreamed pairs and beside them on real scenes; None if every run diverged."""
    parts: list[np.ndarray] = []
    for score in (score for score in _present(found) if score.endswith("bad2")):
        groups: dict[str, list[Bar]] = {}
        for one in found:
            bar = Bar(one.entry.name, one.mean(score), one.spread(score))
            groups.setdefault(one.entry.theme or "all else is a change of", []).append(bar)
        parts.append(bar_chart(groups, f"{_HEADS[score]} (less is better; line: base)", found[0].mean(score)))
    return np.concatenate(parts, axis=1) if parts else None


def _present(found: Sequence[Measured]) -> list[str]:
    return [score for score in SCORES if any(one.mean(score) is not None for one in found)]


def _samples(one: Measured) -> int:
    return one.entry.recipe.steps * one.entry.recipe.batch_size


def _cell(one: Measured, score: str) -> str:
    mean, spread = one.mean(score), one.spread(score)
    if mean is None:
        return "diverged"
    note = f" ({one.diverged} diverged)" if one.diverged else ""
    return f"{mean:.2f}{note}" if spread is None else f"{mean:.2f} ± {spread:.2f}{note}"


def _plain(one: Measured) -> dict[str, Any]:
    return {
        "name": one.entry.name,
        "theme": one.entry.theme,
        "change": one.entry.change,
        "samples": _samples(one),
        "gflop": one.gflop,
        "parameters": one.parameters,
        "diverged": one.diverged,
        "scores": {
            name: {"mean": one.mean(name), "spread": one.spread(name), "seeds": list(values)}
            for name, values in one.scores.items()
        },
    }
