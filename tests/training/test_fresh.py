"""Worlds rendered while a network trains: each once, the same after an interruption, and the wait is measured."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.data.stream import Stream
from leadline.data.synthetic.flow import render_flow
from leadline.data.synthetic.fresh import FreshWorlds, fresh_depth, fresh_flow, fresh_stereo
from leadline.data.synthetic.mono import render_mono
from leadline.data.synthetic.stereo import render_stereo
from leadline.errors import InputError
from leadline.training.continued import Continued
from leadline.training.recipe import load_recipe, make_recipe, resolved, with_fresh_worlds
from leadline.training.run import LOGS_NAME, train
from leadline.training.stereo.learner import training_stream
from leadline.training.stereo.recipe import StereoRecipe

WORLDS = FreshWorlds(first_seed=5, height=96, width=128, further=0.0)


@pytest.fixture
def fresh_recipe(toy_recipe: StereoRecipe) -> StereoRecipe:
    return replace(toy_recipe, fresh=WORLDS, data="absent")


def test_a_sample_is_that_of_its_seed():
    small = FreshWorlds(first_seed=5, height=48, width=64)
    (first, further), shares = fresh_stereo(small)
    assert shares == [0.5, 0.5]
    np.testing.assert_array_equal(first[2].left, render_stereo(7, (48, 64))[0].left)
    np.testing.assert_array_equal(further[1].left, render_stereo(6, (48, 64), worlds="further")[0].left)
    np.testing.assert_array_equal(fresh_depth(small)[0][0][0].image, render_mono(5, (48, 64))[0].image)
    np.testing.assert_array_equal(fresh_flow(small)[0][0][0].first, render_flow(5, (48, 64))[0].first)


def test_a_stream_shows_no_world_twice(fresh_recipe: StereoRecipe, monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []
    plain = render_stereo(1, (96, 128))[0]

    def watched(seed: int, *_: object, **__: object):
        seen.append(seed)
        return plain, None

    monkeypatch.setattr("leadline.data.synthetic.stereo.render_stereo", watched)
    stream = training_stream(fresh_recipe, 3, 4)
    for number in (0, 1, 2, 3):
        stream[number]
    assert seen == [8, 9, 10, 11]  # sample 3 of the run, the first one of this epoch, has the seed 5 + 3


def test_a_fresh_run_that_was_cut_off_ends_with_the_same_weights(
    fresh_recipe: StereoRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    straight = torch.load(train(fresh_recipe, tmp_path / "straight"), weights_only=True)
    assert straight["fresh_seeds"] == {"first": 5, "next": 5 + 4 * 2}
    (told,) = re.findall(r"waited [\d.]+ s of [\d.]+ s \(([\d.]+) %\) for rendered samples", caplog.text)
    assert float(told) > 0.0  # without workers, it renders between the steps
    events = EventAccumulator(str(tmp_path / "straight" / LOGS_NAME)).Reload()
    assert all(0.0 <= event.value <= 100.0 for event in events.Scalars("train/waited_percent"))
    read = Stream.__getitem__

    def power_cut(self: Stream, index: int) -> dict[str, torch.Tensor]:
        if index == 5:  # in the third step of four; the second one ended an epoch
            raise ConnectionAbortedError
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(Stream, "__getitem__", power_cut)
        with pytest.raises(ConnectionAbortedError):
            train(fresh_recipe, tmp_path / "cut")
    cut = torch.load(tmp_path / "cut" / "last.ckpt", weights_only=True)
    assert cut["fresh_seeds"] == {"first": 5, "next": 9}
    with pytest.raises(InputError, match=r"which begin at seed 9, got 7; raise fresh.first_seed by 2"):
        train(replace(fresh_recipe, batch_size=1), tmp_path / "cut")
    resumed = torch.load(train(fresh_recipe, tmp_path / "cut"), weights_only=True)["state_dict"]
    assert [name for name in resumed if not torch.equal(resumed[name], straight["state_dict"][name])] == []


@pytest.mark.slow
def test_workers_that_render_change_nothing(fresh_recipe: StereoRecipe, tmp_path: Path):
    alone = torch.load(train(fresh_recipe, tmp_path / "alone"), weights_only=True)["state_dict"]
    helped = torch.load(train(replace(fresh_recipe, workers=2), tmp_path / "helped"), weights_only=True)["state_dict"]
    assert [name for name in alone if not torch.equal(alone[name], helped[name])] == []


def test_waiting_is_counted_from_the_first_batch_on():
    """Batches take 10, 1 and 2 s to come, and 4 s each to be learned from."""
    clock = [0.0]

    def batches():
        for seconds in (10.0, 1.0, 2.0):
            clock[0] += seconds
            yield seconds

    continued = Continued(batches(), 0, 4, 2, now=lambda: clock[0])
    assert len(continued) == 2
    assert continued.waited_share == 0.0
    for _ in continued:
        clock[0] += 4.0
    assert continued.next_sample == 8
    for _ in continued:
        clock[0] += 4.0
    assert continued.next_sample == 12
    assert math.isclose(continued.waited_share, 3.0 / 15.0)
    assert continued.summary() == "waited 3.0 s of 15.0 s (20.0 %) for rendered samples, and 10.0 s for the first batch"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_seed": -1}, "first_seed of at least 0"),
        ({"further": 1.5}, "from 0 to 1, got 1.5"),
        ({"height": 64}, "height and width of fresh worlds of at least 32 px, got 64 and None"),
        ({"height": 16, "width": 64}, "of at least 32 px, got 16 and 64"),
    ],
)
def test_worlds_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        FreshWorlds(**options)


def test_recipes_name_their_worlds():
    recipe = with_fresh_worlds(load_recipe("leadline-fast"))
    assert recipe.fresh == FreshWorlds()
    values = {**resolved(recipe), "fresh": {"further": 1.0, "height": 64, "width": 96}}
    assert make_recipe(values, "a test").fresh == FreshWorlds(further=1.0, height=64, width=96)
    with pytest.raises(InputError, match=r"learns from fresh worlds \(stereo, .*\), got refine"):
        with_fresh_worlds(load_recipe("leadline-refine"))
