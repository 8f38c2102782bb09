"""Flow without truth: the true shift explains the frames better than none, and a run is validated."""

from dataclasses import replace

import pytest
import torch

from leadline.data.flow.augment import FlowAugmentation
from leadline.data.flow.shards import write_flow_shard
from leadline.errors import InputError
from leadline.models.flow import FlowPrediction
from leadline.training.flow.self_supervised import (
    PhotometricFlowOptions,
    SelfSupervisedFlowRecipe,
    level_loss,
    photometric_flow_terms,
)
from leadline.training.recipe import load_recipe, make_recipe, resolved
from leadline.training.run import train, validate


def shift_of(u: float, v: float) -> torch.Tensor:
    """One pair both ways: there, then back."""
    there = torch.tensor([u, v], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, 64, 96)
    return torch.cat([there, -there])


@pytest.fixture(scope="module")
def frames() -> tuple[torch.Tensor, torch.Tensor]:
    """A texture that moves by 4 px to the right and 2 px up."""
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 20, 30)
    texture = torch.nn.functional.interpolate(coarse, size=(80, 120), mode="bicubic").clamp(0, 1)
    first, second = texture[..., 2:66, 4:100], texture[..., 4:68, :96]
    return torch.cat([first, second]), torch.cat([second, first])


def test_the_true_flow_costs_least(frames):
    seen = torch.ones(2, 1, 64, 96, dtype=torch.bool)
    options = PhotometricFlowOptions()
    costs = {shift: float(level_loss(shift_of(*shift), *frames, seen, options)) for shift in ((4, -2), (0, 0), (3, -2))}
    assert costs[4, -2] < 0.01
    assert costs[4, -2] < 0.2 * costs[3, -2] < costs[0, 0]


def test_a_change_of_light_leaves_census_and_gradient_alone(frames):
    target, source = frames
    seen = torch.ones(2, 1, 64, 96, dtype=torch.bool)
    blind = PhotometricFlowOptions(brightness=0.0)
    lit = level_loss(shift_of(4, -2), target, source + 0.2, seen, blind)
    assert float(lit) == pytest.approx(float(level_loss(shift_of(4, -2), target, source, seen, blind)), abs=1e-5)
    # Charbonnier of an offset of 0.2 with a bowl of 0.01 is about 0.2 - 0.01, half of which counts.
    bright = level_loss(shift_of(4, -2), target, source + 0.2, seen, PhotometricFlowOptions())
    assert float(bright - lit) == pytest.approx(0.5 * 0.19, abs=0.002)


def test_terms_have_every_level_and_leave_out_what_disagrees(frames):
    flow = shift_of(4, -2)
    wrong = flow.clone()
    wrong[:1, :, :32] = 9.0
    prediction = FlowPrediction(wrong, torch.zeros(2, 1, 64, 96), coarse=(flow[..., ::8, ::8], flow[..., ::4, ::4]))
    early = photometric_flow_terms(prediction, *frames, PhotometricFlowOptions(smoothness=0.0), 0)
    late = photometric_flow_terms(prediction, *frames, PhotometricFlowOptions(smoothness=0.0), 5000)
    assert set(early) == {"full", "coarse0", "coarse1", "confidence"}
    # Where the way there and back disagrees, a wrong flow costs nothing later on.
    assert float(late["full"]) < 0.3 * float(early["full"])


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, short_run, shifted) -> SelfSupervisedFlowRecipe:
    folder = tmp_path_factory.mktemp("flow")
    write_flow_shard(folder / "flow.tar", ((shifted(seed), {}) for seed in range(2)))
    quick = FlowAugmentation(crop=(64, 96), log2_scale=(0.0, 0.0), log2_stretch=0.0, flip_columns=0.0, flip_rows=0.0)
    return SelfSupervisedFlowRecipe(
        model="leadline-flow",
        data=str(folder),
        validation=str(folder),
        **short_run,
        precision="32-true",
        augmentation=replace(quick, asymmetric=0.0, erase=0.0),
    )


def test_a_run_is_validated(recipe, tmp_path):
    scores = validate(recipe, train(replace(recipe, steps=1, epoch_steps=1), tmp_path))
    assert set(scores) == {"rendered/epe", "rendered/fl_all", "rendered/confidence_gap"}


@pytest.mark.slow
def test_a_run_without_truth_lowers_the_error(recipe, tmp_path):
    before = validate(recipe, train(replace(recipe, steps=1, epoch_steps=1), tmp_path / "short"))
    long = replace(recipe, steps=150, epoch_steps=150, learning_rate=1e-3, ema_decay=0.5)
    assert validate(long, train(long, tmp_path / "long"))["rendered/epe"] < 0.7 * before["rendered/epe"]


def test_what_cannot_be_learned_is_refused(recipe):
    with pytest.raises(InputError, match="not guided"):
        replace(recipe, model_options={"guided": True})
    with pytest.raises(InputError, match="expected census of at least 0"):
        PhotometricFlowOptions(census=-1.0)


def test_the_recipe_in_the_package_is_whole():
    recipe = load_recipe("flow-self-supervised")
    assert isinstance(recipe, SelfSupervisedFlowRecipe)
    assert make_recipe(resolved(recipe), "itself") == recipe
