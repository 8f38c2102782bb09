"""A run that ends in time: how its learning rate falls, what it leaves, and what it refuses."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import lightning
import pytest
import torch

from leadline.errors import InputError
from leadline.training import run
from leadline.training.run import train
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.time_budget import TimeBudget


class Clock:
    """Minutes that a test sets."""

    minutes = 0.0

    def __call__(self) -> float:
        return 60.0 * self.minutes


def trainer() -> Mock:
    mock = Mock(spec=lightning.Trainer)
    mock.should_stop, mock.strategy = False, Mock()
    mock.strategy.broadcast = lambda value: value
    return mock


def test_rate_stays_for_seven_tenths_of_the_time_and_then_falls_to_zero(tmp_path: Path) -> None:
    clock, told = Clock(), trainer()
    clock.minutes = 5.0
    budget = TimeBudget(10.0, tmp_path, clock)
    budget.on_train_start(told, Mock(spec=lightning.LightningModule))
    factors = []
    for after in (0.0, 7.0, 8.5, 9.4, 10.0, 11.0):
        clock.minutes = 5.0 + after
        budget.on_train_batch_end(told)
        factors.append(round(budget.factor, 6))
        assert told.should_stop == (after >= 10.0)
    # Of 10 minutes 1.5 and 0.6 are left: a half and a fifth of the last three.
    assert factors == [1.0, 1.0, 0.5, 0.2, 0.0, 0.0]
    # Kept once, when the rate first falls.
    told.save_checkpoint.assert_called_once_with(tmp_path / "plateau.ckpt")


def test_run_ends_in_time_with_its_plateau_beside_the_last_checkpoint(
    toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    def tick() -> float:
        clock.minutes += 1.0
        return clock()

    monkeypatch.setattr(run, "TimeBudget", lambda minutes, folder: TimeBudget(minutes, folder, tick))
    # The clock starts at minute 1 and is read after each step, so the fifth step ends at minute 6.
    last = train(replace(toy_recipe, epoch_steps=100, steps=1), tmp_path / "run", minutes=5.0)
    state, plateau = (torch.load(path, weights_only=True) for path in (last, last.with_name("plateau.ckpt")))
    # 1.5 minutes before the end begins the fall: after step 4, with one minute left, two thirds of the rate remain.
    assert (plateau["global_step"], state["global_step"]) == (4, 5)
    (group,) = state["optimizer_states"][0]["param_groups"]
    assert group["lr"] == pytest.approx(toy_recipe.learning_rate / 1.5)


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(minutes: float, toy_recipe: StereoRecipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="positive number of minutes"):
        train(toy_recipe, tmp_path / "run", minutes=minutes)
    assert not (tmp_path / "run").exists()


def test_run_goes_on_from_a_checkpoint_whose_weights_had_earlier_names(
    toy_recipe: StereoRecipe, tmp_path: Path
) -> None:
    recipe = replace(toy_recipe, model_options={"guided": True}, steps=1)
    first = train(recipe, tmp_path / "run")
    state = torch.load(first, weights_only=True)
    state["state_dict"] = {name.replace(".sgbm_prior.", ".guidance."): one for name, one in state["state_dict"].items()}
    torch.save(state, tmp_path / "earlier.ckpt")
    first.unlink()
    resumed = torch.load(
        train(replace(recipe, steps=2), tmp_path / "run", tmp_path / "earlier.ckpt"), weights_only=True
    )
    assert resumed["global_step"] == 2
    assert "model.selection.sgbm_prior.enter.weight" in resumed["state_dict"]
