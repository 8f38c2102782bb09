"""Runs a plan: every entry with every seed, each in a folder of its own, so that nothing is done twice."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.io.owned import owned_folder
from leadline.models.catalog import build_model
from leadline.models.checkpoint import averaged_weights
from leadline.training.ablation.plan import Entry, Plan, PlanRecipe
from leadline.training.learner import DivergedError
from leadline.training.recipe import changed_keys, resolved
from leadline.training.run import CHECKPOINT_NAME, train, validate

RESULT_NAME: Final = "result.json"
SCORES: Final = ("rendered/epe", "rendered/bad2", "real scenes/epe", "real scenes/bad2")
_RENDERED: Final = "rendered"
_REAL: Final = "real scenes"
_SAME_FLOP: Final = 0.05


@dataclass(frozen=True)
class Measured:
    """Result of an entry.

    Args:
        entry: The entry.
        gflop: 10^9 floating-point operations of one pair of the crop's size, forward: convolutions and matrix products.
        parameters: Learnt values.
        runs: Of each seed, score -> its value; empty if its numbers were not finite. EPE in px, bad-2 in percent;
            "real scenes" is the mean over the groups of real scenes.
    """

    entry: Entry
    gflop: float
    parameters: int
    runs: Sequence[Mapping[str, float]]

    @property
    def diverged(self) -> int:
        """Number of seeds whose numbers are not finite."""
        return sum(not run for run in self.runs)

    def values(self, score: str) -> list[float]:
        """Values of a score, one for each seed that has it."""
        return [run[score] for run in self.runs if score in run]

    def differences(self, score: str, base: "Measured") -> list[float]:
        """Differences from the base's run with the same seed, so of the same samples in the same order."""
        pairs = zip(self.runs, base.runs, strict=True)
        return [own[score] - other[score] for own, other in pairs if score in own and score in other]


def mean(values: Sequence[float]) -> float | None:
    """Mean of some values; None without any."""
    return statistics.fmean(values) if values else None


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation (of n - 1); None for fewer than two."""
    return statistics.stdev(values) if len(values) > 1 else None


def run_plan(plan: Plan, output: Path, seeds: int, tell: Callable[[str], None] = print) -> list[Measured]:
    """Train and score every entry with every seed; what is finished is not done again, what was begun goes on.

    Seed by seed, so that a plan that is ended early has compared all entries.

    Args:
        plan: What is compared.
        output: Its folder; each run has a folder ENTRY/seed-N in it.
        seeds: How many, from the base recipe's seed on.
        tell: Gets a line before each run.
    Returns:
        The base, then the entries.
    Raises:
        InputError: If there is no seed, data cannot be read, or a folder holds a run of another recipe.
        OutputError: If the folder cannot be written.
    """
    if seeds < 1:
        raise InputError(f"expected at least 1 seed, got {seeds}")
    with owned_folder(output):
        return _run_entries(plan, output, seeds, tell)


def _run_entries(plan: Plan, output: Path, seeds: int, tell: Callable[[str], None]) -> list[Measured]:
    entries = (plan.base, *plan.entries)
    results: dict[str, list[dict[str, float]]] = {entry.name: [] for entry in entries}
    for number in range(seeds):
        for place, entry in enumerate(entries):
            recipe = replace(entry.recipe, seed=plan.base.recipe.seed + number)
            tell(f"seed {number + 1} of {seeds}, entry {place + 1} of {len(entries)}: {entry.name}")
            results[entry.name].append(_with_real(_result(recipe, output / entry.name / f"seed-{recipe.seed}")))
    return [Measured(entry, *forward_cost(entry.recipe), results[entry.name]) for entry in entries]


def with_equal_flop(plan: Plan) -> Plan:
    """The plan with a budget of as many FLOP as the base has, instead of as many samples.

    An entry whose network costs twice the base's FLOP gets half the steps. Entries whose network costs the base's
    within 5 % are left out: both budgets are the same for them.

    Args:
        plan: With as many samples for each entry.
    """
    whole, _ = forward_cost(plan.base.recipe)
    entries: list[Entry] = []
    for entry in plan.entries:
        share = whole / forward_cost(entry.recipe)[0]
        if abs(share - 1.0) > _SAME_FLOP:
            steps, decay = (max(1, round(share * count)) for count in (entry.recipe.steps, entry.recipe.decay_steps))
            entries.append(replace(entry, recipe=replace(entry.recipe, steps=steps, decay_steps=decay)))
    return replace(plan, title=f"{plan.title}, with equal FLOP", entries=tuple(entries))


def forward_cost(recipe: PlanRecipe) -> tuple[float, int]:
    """GFLOP of one pair of the crop's size, forward, and the number of the network's parameters.

    A multiplication and its addition are two. Only convolutions, matrix products and attention are counted.
    """
    model = build_model(recipe.model, recipe.model_options).eval()
    pair = torch.zeros(2, 1, 3, *recipe.augmentation.crop)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(*pair)
    return counter.get_total_flops() / 1e9, sum(weight.numel() for weight in model.parameters())


def _result(recipe: PlanRecipe, folder: Path) -> dict[str, float]:
    """The scores of one run by name, none if it diverged."""
    path = folder / RESULT_NAME
    plain = json.loads(json.dumps(resolved(recipe)))
    if path.exists():
        try:
            found: dict[str, Any] = json.loads(path.read_text())
            before, scores = found["recipe"], found["scores"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"expected the result of a run in {path}, got other content; remove it") from error
        _require_same(before, recipe, folder)
        return scores
    if (checkpoint := folder / CHECKPOINT_NAME).exists():
        _require_same(averaged_weights(checkpoint)[0], recipe, folder)
    try:
        scores = validate(recipe, train(recipe, folder, validated=False))
    except DivergedError:
        scores = {}
    with atomic_write(path) as stream:
        stream.write(json.dumps({"recipe": plain, "scores": scores}, indent=1).encode())
    return scores


def _require_same(before: Mapping[str, Any], now: PlanRecipe, folder: Path) -> None:
    if other := changed_keys(before, now):
        raise InputError(
            f"expected {folder} to hold a run of the same recipe, got another {', '.join(other)}; "
            "choose another output folder or remove this one"
        )


def _with_real(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores, and their means over the groups of real scenes if there are any."""
    whole = dict(scores)
    for score in ("epe", "bad2"):
        real = [
            value for name, value in scores.items() if name.endswith(f"/{score}") and name != f"{_RENDERED}/{score}"
        ]
        if real:
            whole[f"{_REAL}/{score}"] = statistics.fmean(real)
    return whole
