"""Training of flow: the terms of its loss, a run that goes on where it stopped, and real pairs to validate on."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.data.flow.augment import FlowAugmentation
from leadline.data.flow.shards import write_flow_shard
from leadline.data.flow.stream import FlowBatch
from leadline.models.flow import FlowPrediction
from leadline.training.flow.recipe import FlowRecipe
from leadline.training.flow.supervised import flow_terms
from leadline.training.flow.validation import FlowValidation
from leadline.training.recipe import load_recipe, make_recipe, resolved
from leadline.training.run import train, validate

SHIFT = (5, -3)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, short_run, shifted) -> FlowRecipe:
    folder = tmp_path_factory.mktemp("flow")
    write_flow_shard(folder / "flow.tar", ((shifted(seed), {}) for seed in range(4)))
    quick = FlowAugmentation(crop=(64, 96), log2_scale=(0.0, 0.0), log2_stretch=0.0, flip_columns=0.0, flip_rows=0.0)
    return FlowRecipe(
        model="leadline-flow",
        data=str(folder),
        validation=str(folder),
        **short_run,
        precision="32-true",
        augmentation=quick,
    )


def test_a_run_that_was_stopped_ends_with_the_same_weights(recipe, tmp_path):
    def weights(path: Path) -> dict[str, torch.Tensor]:
        return torch.load(path, weights_only=True)["state_dict"]

    straight = weights(train(recipe, tmp_path / "straight"))
    # The fall of the learning rate ends at step 4 in both.
    halted = replace(recipe, steps=2, decay_steps=1)
    train(halted, tmp_path / "halted")
    resumed = weights(train(recipe, tmp_path / "again", start_from=None))
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_short_run_lowers_the_loss_and_is_scored(recipe, tmp_path):
    before = validate(recipe, train(replace(recipe, steps=1, epoch_steps=1), tmp_path / "short"))
    long = replace(recipe, steps=40, epoch_steps=40, learning_rate=2e-3, ema_decay=0.5)
    after = validate(long, train(long, tmp_path / "long"))
    assert set(after) == {"rendered/epe", "rendered/fl_all", "rendered/confidence_gap"}
    assert after["rendered/epe"] < 0.7 * before["rendered/epe"]


def test_a_guided_network_learns_from_and_is_scored_with_priors(recipe, tmp_path):
    guided = replace(recipe, model_options={"guided": True}, steps=1, epoch_steps=1)
    assert validate(guided, train(guided, tmp_path))["rendered/epe"] < 3.0


def test_terms_of_a_perfect_prediction_are_nothing_but_doubt(recipe):
    batch = FlowBatch(
        first=torch.zeros(1, 32, 32, 3, dtype=torch.uint8),
        second=torch.zeros(1, 32, 32, 3, dtype=torch.uint8),
        flow=torch.tensor(SHIFT, dtype=torch.float32).expand(1, 32, 32, 2),
        valid=torch.ones(1, 32, 32, dtype=torch.bool),
        occluded=torch.zeros(1, 32, 32, dtype=torch.bool),
    )
    right = torch.tensor(SHIFT, dtype=torch.float32).view(1, 2, 1, 1)
    prediction = FlowPrediction(
        right.expand(1, 2, 32, 32), torch.full((1, 1, 32, 32), 30.0), coarse=(right.expand(1, 2, 2, 2) + 3.0,)
    )
    terms = flow_terms(prediction, batch, replace(recipe, robust_scale_px=1e-6))
    assert float(terms["full"]) == 0.0
    assert float(terms["confidence"]) < 1e-6
    # An error of 3 px along both axes, at the next coarser output.
    assert float(terms["coarse0"]) == pytest.approx(0.7 * 3.0 * 2**0.5, rel=1e-4)
    # What moves too far to be learned from does not count.
    fast = flow_terms(prediction, batch, replace(recipe, largest_px=4.0))
    assert float(fast["coarse0"]) == 0.0


def test_the_recipe_in_the_package_is_whole():
    recipe = load_recipe("leadline-flow")
    assert isinstance(recipe, FlowRecipe)
    assert make_recipe(resolved(recipe), "itself") == recipe


def test_it_validates_on_the_real_pairs_that_are_present(recipe, real_dir):
    scenes = (str(real_dir / "flow"), str(real_dir / "kitti2012"), "no such folder")
    validation = FlowValidation(replace(recipe, scenes=scenes))
    groups = [validation[i]["group"] for i in range(len(validation))]
    assert groups == ["rendered", *["middlebury"] * 4, *["sintel"] * 2, *["kitti"] * 2]
