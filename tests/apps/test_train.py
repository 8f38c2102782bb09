"""`leadline train`: a recipe and what replaces its values."""

import sys
from pathlib import Path

import pytest

from leadline.apps.cli.main import main
from leadline.training import run


@pytest.fixture
def times():
    """The minutes of each run."""
    return []


@pytest.fixture
def calls(monkeypatch, times):
    """What would be trained; `times` gets the minutes."""
    made = []

    def train(recipe, output, start_from, weights, team, minutes):
        made.append((recipe, output, start_from, weights, team))
        times.append(minutes)
        return output / "last.ckpt"

    monkeypatch.setattr(run, "train", train)
    return made


def test_a_bundled_recipe_runs_as_it_is(calls, capsys):
    assert main(["train", "leadline-fast"]) == 0
    ((recipe, output, start_from, weights, team),) = calls
    assert team == run.Team(1, 1)
    assert (recipe.model, recipe.data, start_from, weights) == ("leadline-fast", "rendered/train", None, None)
    assert output == Path("runs/leadline-fast")
    assert "leadline export runs/leadline-fast/last.ckpt" in capsys.readouterr().out


def test_options_replace_values(calls):
    many = ["--processes", "2", "--nodes", "3"]
    words = ["--data", "s3://a/b", "--validation", "b", "--scenes", "c", "d", "--steps", "9", "--output", "e"]
    assert main(["train", "leadline-fast", *words, "--start-from", "f.ckpt", "--weights", "g.ckpt", *many]) == 0
    ((recipe, output, start_from, weights, team),) = calls
    assert (recipe.data, recipe.validation, recipe.scenes, recipe.steps) == ("s3://a/b", "b", ("c", "d"), 9)
    assert team.size == 6
    assert (output, start_from, weights) == (Path("e"), Path("f.ckpt"), Path("g.ckpt"))


def test_fresh_worlds_replace_folders(calls, capsys):
    assert main(["train", "leadline-fast", "--fresh"]) == 0
    assert calls[0][0].fresh.first_seed == 1_000_000_000
    assert main(["train", "leadline-fast", "--fresh", "--data", "a"]) == 2
    assert "expected --fresh or --data, got both" in capsys.readouterr().err
    assert main(["train", "leadline-refine", "--fresh"]) == 2
    assert "method that learns from fresh worlds" in capsys.readouterr().err


def test_a_recipe_that_is_not_there_is_refused(calls, capsys):
    assert main(["train", "nowhere.yaml"]) == 2
    assert "leadline-fast" in capsys.readouterr().err
    assert not calls


def test_steps_that_make_no_sense_are_refused(calls, capsys):
    assert main(["train", "leadline-fast", "--steps", "0"]) == 2
    assert "steps of at least 1" in capsys.readouterr().err


def test_without_lightning_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.delitem(sys.modules, "leadline.training.run")
    assert main(["train", "leadline-fast"]) == 2
    assert "leadline[train]" in capsys.readouterr().err


def test_only_the_first_process_speaks(calls, capsys, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["train", "leadline-fast"]) == 0
    assert capsys.readouterr().out == ""


def test_minutes_end_a_run_instead_of_steps(calls, times, capsys):
    assert main(["train", "leadline-fast"]) == 0
    assert main(["train", "leadline-fast", "--minutes", "7.5"]) == 0
    assert times == [None, 7.5]
    assert main(["train", "leadline-fast", "--minutes", "7.5", "--steps", "9"]) == 2
    assert "--steps or --minutes" in capsys.readouterr().err
    assert len(calls) == 2
