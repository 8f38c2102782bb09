"""`leadline ablate`: the effect of single changes of a recipe."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from leadline.apps.cli.extras import needs_extra


def ablate(
    plan: str,
    /,
    *,
    output: Path,
    entries: str = "",
    seeds: int = 3,
    budget: Literal["samples", "flop"] = "samples",
    data: str | None = None,
    validation: str | None = None,
    scenes: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
) -> None:
    """Train a base recipe and single changes of it alike, and compare how they score.

    All see the same data in the same order and have the same budget. A plan that was stopped goes on where it
    stopped. Results are results.json, results.md and results.png in the output folder.

    Args:
        plan: Name of a bundled plan (stereo-components, toy), or a YAML file.
        output: Folder of the results, with a folder for each run.
        entries: Names of the entries to run beside the base, with commas between them; all if absent.
        seeds: Runs of each entry, with seeds that count up from the base recipe's.
        budget: As many samples for each entry, or as many FLOP as the base has: dearer networks get fewer samples.
        data: Folder or address of training shards, instead of the plan's.
        validation: Folder or address of validation shards, instead of the plan's.
        scenes: Folders of real scenes with truth to score as well, instead of the plan's.
    """
    with needs_extra("train"):
        from leadline.training.ablation.plan import load_plan
        from leadline.training.ablation.report import write_report
        from leadline.training.ablation.run import run_plan, with_equal_flop
    overrides = {
        "data": data,
        "validation": validation,
        "scenes": None if scenes is None else [str(folder) for folder in scenes],
    }
    chosen = load_plan(plan, {key: value for key, value in overrides.items() if value is not None})
    if entries:
        chosen = chosen.only([name.strip() for name in entries.split(",")])
    if budget == "flop":
        chosen = with_equal_flop(chosen)
    paths = write_report(chosen, run_plan(chosen, output, seeds), output)
    print(f"{output}: {len(chosen.entries) + 1} recipes compared; look at {' and '.join(map(str, paths[1:]))}")
