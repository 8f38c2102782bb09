"""Toy runs: training goes on exactly where it stopped, and says what went wrong."""

import math
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.data.stream import Stream
from leadline.errors import InputError, LeadlineError, OutputError
from leadline.models.checkpoint import averaged_weights
from leadline.models.stereo import LeadlineFast
from leadline.samples import StereoSample
from leadline.training.run import LOGS_NAME, train
from leadline.training.stereo import supervised as stereo
from leadline.training.stereo.recipe import StereoRecipe


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]


def curve(run: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(run / LOGS_NAME)).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_a_run_that_was_cut_off_ends_with_the_same_weights(
    toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    straight = weights(train(toy_recipe, tmp_path / "straight"))
    read = Stream.__getitem__

    def power_cut(self: Stream, index: int) -> dict[str, torch.Tensor]:
        if self.start > 0:
            raise ConnectionAbortedError
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(Stream, "__getitem__", power_cut)
        with pytest.raises(ConnectionAbortedError):
            train(toy_recipe, tmp_path / "cut")
    half_way = weights(tmp_path / "cut" / "last.ckpt")
    resumed = weights(train(toy_recipe, tmp_path / "cut"))
    assert any(not torch.equal(half_way[name], straight[name]) for name in straight)
    assert [name for name in straight if not torch.equal(resumed[name], straight[name])] == []
    assert len(list((tmp_path / "cut" / LOGS_NAME).glob("events*"))) == 2  # what the first start logged is kept


def test_validation_scores_the_average_and_shows_it(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda name: None)
    recipe = replace(toy_recipe, steps=2, validate_epochs=1, scenes=(str(tmp_path / "absent"),))
    train(recipe, tmp_path / "run")
    for name in ("epe", "bad2", "confidence_gap"):
        ((step, score),) = curve(tmp_path / "run", f"rendered/{name}")
        assert step == 1
        assert math.isfinite(score)


def test_prior_is_given_in_every_other_step_and_in_validation(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda name: None)
    told: list[tuple[bool, bool]] = []
    forward = LeadlineFast.forward

    def watched(self: LeadlineFast, left: torch.Tensor, right: torch.Tensor, *found: torch.Tensor):
        told.append((self.training, bool(found)))
        return forward(self, left, right, *found)

    monkeypatch.setattr(LeadlineFast, "forward", watched)
    recipe = replace(toy_recipe, model_options={"guided": True}, enlarge=1.5, validate_epochs=2)
    train(recipe, tmp_path / "run")
    assert told == [(True, False), (True, True), (True, False), (True, True), (False, True)]
    assert curve(tmp_path / "run", "rendered/epe")


def test_a_loss_that_is_not_finite_ends_the_run(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(stereo, "stereo_terms", lambda *_: {"full": torch.tensor(math.nan)})
    with pytest.raises(LeadlineError, match="finite loss at step 0, got full nan"):
        train(toy_recipe, tmp_path / "run")


def test_ctrl_c_stays_ctrl_c(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    def interrupted(self: Stream, index: int) -> StereoSample:
        raise KeyboardInterrupt

    monkeypatch.setattr(Stream, "__getitem__", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(toy_recipe, tmp_path / "run")
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning ignores Ctrl-C from then on


def test_a_start_that_is_not_there_is_refused(toy_recipe: StereoRecipe, tmp_path: Path):
    with pytest.raises(InputError, match="checkpoint to start from"):
        train(toy_recipe, tmp_path / "run", tmp_path / "none.ckpt")
    with pytest.raises(InputError, match="checkpoint to start from"):
        train(toy_recipe, tmp_path / "run", weights=tmp_path / "none.ckpt")
    assert not (tmp_path / "run").exists()


def test_weights_are_taken_over_where_they_fit(toy_recipe: StereoRecipe):
    learner = stereo.SupervisedStereo(toy_recipe)
    named = {name: torch.full_like(value, 0.5) for name, value in learner.model.state_dict().items()}
    named["match.bias"] = torch.zeros(7)
    assert learner.adopt(named) == ["match.bias"]
    changed = learner.model.state_dict()
    assert (changed["match.weight"] == 0.5).all()
    assert changed["match.bias"].shape != (7,)


def test_a_run_begins_with_the_weights_of_another(toy_recipe: StereoRecipe, tmp_path: Path):
    first = train(replace(toy_recipe, steps=1), tmp_path / "first")
    still = replace(toy_recipe, steps=1, learning_rate=1e-12)
    second = train(still, tmp_path / "second", weights=first)
    before, after = averaged_weights(first)[1], averaged_weights(second)[1]
    floats = [name for name, value in before.items() if value.is_floating_point() and "running" not in name]
    assert [name for name in floats if not torch.allclose(before[name], after[name], atol=1e-6)] == []


def test_data_that_is_not_there_is_refused(toy_recipe: StereoRecipe, tmp_path: Path):
    with pytest.raises(InputError, match="expected shards"):
        train(replace(toy_recipe, data=str(tmp_path / "none")), tmp_path / "run")


def test_a_file_in_place_of_the_output_is_refused(toy_recipe: StereoRecipe, tmp_path: Path):
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="file in its place"):
        train(toy_recipe, tmp_path / "run")
