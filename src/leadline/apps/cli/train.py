"""`leadline train`: learns a network from a recipe."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from leadline.apps.cli.extras import needs_extra
from leadline.errors import InputError


def train(
    recipe: str,
    /,
    *,
    output: Path | None = None,
    data: str | None = None,
    validation: str | None = None,
    scenes: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    depth_unit: str | None = None,
    steps: int | None = None,
    fresh: bool = False,
    minutes: float | None = None,
    start_from: Path | None = None,
    weights: Path | None = None,
    processes: int = 1,
    nodes: int = 1,
) -> None:
    """Train a network from a recipe; a run that was stopped goes on from its last checkpoint.

    The loss, the validation scores and images are for TensorBoard: `tensorboard --logdir OUTPUT`.

    Args:
        recipe: Name of a bundled recipe (leadline-fast), or a YAML file.
        output: Folder of checkpoints and logs; runs/NAME if absent.
        data: Folder or address (s3://, https:// ...) of training shards, instead of the recipe's.
        validation: Folder or address of validation shards, instead of the recipe's.
        scenes: Folders of real scenes with truth to validate on as well.
        depth_unit: Of the scenes' depth images, for methods of single images: as for `leadline eval mono`.
        steps: Optimiser steps in all, instead of the recipe's.
        fresh: Learn from worlds that the recipe's workers render while the network trains, each seen once, instead of
            from a folder; the recipe's key `fresh` says which.
        minutes: Time that ends the run instead of the steps; over its last 30 % the learning rate falls to zero, and
            plateau.ckpt is what it was before, to go on from.
        start_from: Checkpoint of another run to go on from, where the output folder holds none yet.
        weights: Checkpoint whose weights a new run begins with, as far as they fit; steps count from 0.
        processes: Processes that share each batch on this machine: one a GPU, or shares of the CPU.
        nodes: Machines that do so, each started with this command.
    """
    if steps is not None and minutes is not None:
        raise InputError("expected --steps or --minutes, got both; leave one of them out")
    if fresh and data is not None:
        raise InputError("expected --fresh or --data, got both; leave one of them out")
    with needs_extra("train"):
        from leadline.training.processes import is_first_process
        from leadline.training.recipe import load_recipe, with_fresh_worlds
        from leadline.training.run import Team
        from leadline.training.run import train as run_recipe
    overrides = {
        "data": data,
        "validation": validation,
        "scenes": None if scenes is None else [str(folder) for folder in scenes],
        "depth_unit": depth_unit,
        "steps": steps,
    }
    resolved = load_recipe(recipe, {key: value for key, value in overrides.items() if value is not None})
    if fresh and getattr(resolved, "fresh", None) is None:
        resolved = with_fresh_worlds(resolved)
    team = Team(processes, nodes)
    checkpoint = run_recipe(resolved, output or Path("runs") / Path(recipe).stem, start_from, weights, team, minutes)
    if is_first_process():
        print(f"{checkpoint}: trained; `leadline export {checkpoint} --output NAME.onnx` makes a model of most kinds")
