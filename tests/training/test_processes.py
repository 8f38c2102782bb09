"""Several processes that share each batch learn what one would."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.errors import InputError
from leadline.training.recipe import load_recipe
from leadline.training.run import LOGS_NAME, Team, train
from leadline.training.stereo.recipe import StereoRecipe

COMMAND = Path(sys.executable).with_name("leadline")


@pytest.fixture(autouse=True)
def _without_motorcycle():
    """Leaves the Motorcycle pair in: the command's processes validate on it, too."""


def curves(run: Path) -> dict[str, list[float]]:
    events = EventAccumulator(str(run / LOGS_NAME)).Reload()
    names = [name for name in events.Tags()["scalars"] if "/" in name]
    return {name: [event.value for event in events.Scalars(name)] for name in names}


def test_two_processes_follow_the_curve_of_one(toy_recipe: StereoRecipe, tmp_path: Path):
    values = {
        "model": "dispnet-s",  # without batch norm, whose statistics are of one process
        "data": toy_recipe.data,
        "validation": toy_recipe.validation,
        "validation_pairs": 3,
        "steps": 6,
        "batch_size": 4,
        "learning_rate": 1e-4,
        "epoch_steps": 2,
        "validate_epochs": 3,
        "precision": "32-true",
        "compile": False,
        "workers": 0,
        "augmentation": {"crop": [64, 64]},
    }
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(yaml.safe_dump(values))
    train(load_recipe(recipe), tmp_path / "1")
    words = ["train", recipe, "--processes", "2", "--output", tmp_path / "2"]
    threads = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, check=False, env=threads)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("leadline export") == 1
    one, two = curves(tmp_path / "1"), curves(tmp_path / "2")
    assert {"train/loss", "train/full", "rendered/epe"} <= set(one)
    assert set(one) == set(two)
    for name, curve in one.items():
        assert two[name] == pytest.approx(curve, rel=1e-4), name
    states = [torch.load(tmp_path / count / "last.ckpt", weights_only=True) for count in ("1", "2")]
    assert states[0]["global_step"] == states[1]["global_step"] == 6


def test_a_batch_that_processes_cannot_share_is_refused(toy_recipe: StereoRecipe, tmp_path: Path):
    with pytest.raises(InputError, match="batch_size that 2 processes can share, got 3"):
        train(replace(toy_recipe, batch_size=3), tmp_path / "run", team=Team(2))
    assert not (tmp_path / "run").exists()


def test_what_the_machine_lacks_is_refused(monkeypatch):
    with pytest.raises(InputError, match="at least 1 process on 1 node, got 0 on 1"):
        Team(0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="a GPU for each of 2 processes, got 1"):
        Team(2)
