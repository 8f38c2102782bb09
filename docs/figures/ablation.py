"""Writes docs/ablation/results.png again from docs/ablation/results.json, without a training."""

import json
from pathlib import Path
from typing import Any

from leadline.io.images import write_image
from leadline.training.ablation.plan import load_plan
from leadline.training.ablation.report import chart
from leadline.training.ablation.run import Measured

FOLDER = Path(__file__).resolve().parents[1] / "ablation"


def runs(scores: dict[str, Any]) -> list[dict[str, float]]:
    """The scores of each seed."""
    seeds = max(len(values["seeds"]) for values in scores.values())
    return [{name: values["seeds"][seed] for name, values in scores.items()} for seed in range(seeds)]


def main() -> None:
    """Draws the bars."""
    plan = load_plan("stereo-components")
    entries = {entry.name: entry for entry in (plan.base, *plan.entries)}
    found = json.loads((FOLDER / "results.json").read_text())["entries"]
    image = chart([Measured(entries[e["name"]], e["gflop"], e["parameters"], runs(e["scores"])) for e in found])
    assert image is not None
    write_image(FOLDER / "results.png", image)


if __name__ == "__main__":
    main()
