"""A trunk whose first blocks stay as they are, and the rest of which learns slowly."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.errors import InputError
from leadline.models.checkpoint import averaged_weights
from leadline.training.run import train
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.supervised import SupervisedStereo


@pytest.fixture
def recipe(toy_recipe: StereoRecipe) -> StereoRecipe:
    return replace(toy_recipe, model_options={"trunk": "efficientnet", "groups": 2}, encoder_rate=0.25, frozen_blocks=2)


def test_training_leaves_what_is_frozen_and_changes_the_rest(recipe: StereoRecipe, tmp_path: Path) -> None:
    start = {name: value.clone() for name, value in SupervisedStereo(recipe).model.state_dict().items()}
    torch.save(
        {
            "hyper_parameters": {"recipe": {}},
            "state_dict": {f"average.module.{name}": value for name, value in start.items()},
        },
        tmp_path / "start.ckpt",
    )
    after = averaged_weights(train(recipe, tmp_path / "run", weights=tmp_path / "start.ckpt"))[1]
    trunk = [name for name in start if name.startswith("features.encoder.") and "tracked" not in name]
    parts = (
        "features.encoder.conv_stem",
        "features.encoder.bn0",
        "features.encoder.blocks.0",
        "features.encoder.blocks.1.",
    )
    frozen = [name for name in trunk if name.startswith(parts)]
    assert len(frozen) == 1 + 4 + 10 + 15
    assert [name for name in frozen if not torch.equal(after[name], start[name])] == []
    assert [name for name in trunk if name not in frozen and torch.equal(after[name], start[name])] == []


def test_trunk_learns_with_its_share_of_the_rate(recipe: StereoRecipe) -> None:
    learner = SupervisedStereo(recipe)
    others, encoder = learner.parameter_groups()
    assert encoder["lr"] == pytest.approx(0.25 * recipe.learning_rate)
    named = dict(learner.model.named_parameters())
    assert len(encoder["params"]) == sum(name.startswith("features.encoder.") for name in named)
    assert len(encoder["params"]) + len(others["params"]) == len(named)


def test_network_without_such_a_trunk_is_refused(toy_recipe: StereoRecipe) -> None:
    with pytest.raises(InputError, match="frozen_blocks: 0"):
        SupervisedStereo(replace(toy_recipe, frozen_blocks=2))
