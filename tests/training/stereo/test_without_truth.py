"""Toy runs of the ways that need no truth, or not everywhere."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.shards import StereoShards
from leadline.data.stereo.stream import StereoBatch
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.models.stereo import StereoPrediction
from leadline.training.recipe import DataShare, Recipe, load_recipe, resolved
from leadline.training.run import LOGS_NAME, train
from leadline.training.stereo import distillation
from leadline.training.stereo.distillation import DistillationRecipe, DistilledStereo, freeze_norms, load_teacher
from leadline.training.stereo.photometric import PhotometricOptions
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.self_supervised import SelfSupervisedRecipe
from leadline.training.stereo.semi_supervised import SemiSupervisedRecipe, left_half, without_truth

PLAIN = StereoAugmentation(
    crop=(64, 96),
    log2_scale=(-0.3, 0.0),
    log2_stretch=0.0,
    flip_views=0.5,
    flip_rows=0.0,
    photometric=0.0,
    asymmetric=0.0,
    erase=0.0,
)


@pytest.fixture(scope="session")
def pairs(toy_recipe: StereoRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's images without their truth."""
    folder, shards = tmp_path_factory.mktemp("pairs"), StereoShards(toy_recipe.data)
    for index in range(len(shards)):
        sample = shards[index]
        for side in ("left", "right"):
            (folder / side).mkdir(exist_ok=True)
            path = folder / side / f"{index}.png"
            assert cv2.imwrite(str(path), getattr(sample, side)[..., ::-1])
    return folder


def shared(recipe: StereoRecipe) -> dict[str, Any]:
    """What every recipe has, for a small LeadlineFast."""
    names = Recipe.__dataclass_fields__
    values = {name: getattr(recipe, name) for name in names}
    return {**values, "model_options": {"max_disparity": 32}, "augmentation": PLAIN}


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]


def logged(run: Path, name: str) -> list[float]:
    return [event.value for event in EventAccumulator(str(run / LOGS_NAME)).Reload().Scalars(name)]


def test_self_supervised_learning_reads_no_truth(toy_recipe: StereoRecipe, pairs: Path, tmp_path: Path):
    recipe = SelfSupervisedRecipe(**{**shared(toy_recipe), "steps": 2})
    labelled = weights(train(recipe, tmp_path / "labelled"))
    unlabelled = weights(train(replace(recipe, data=str(pairs)), tmp_path / "unlabelled"))
    assert [name for name in labelled if not torch.equal(labelled[name], unlabelled[name])] == []


def test_the_self_supervised_loss_falls(toy_recipe: StereoRecipe, pairs: Path, tmp_path: Path):
    options = PhotometricOptions(warmup_steps=1000)  # the other terms hardly rise
    values = {**shared(toy_recipe), "data": str(pairs), "steps": 12, "epoch_steps": 2, "learning_rate": 3e-3}
    train(SelfSupervisedRecipe(**values, photometric=options), tmp_path / "run")
    losses = logged(tmp_path / "run", "train/loss")
    assert len(losses) == 6
    assert losses[-1] < losses[0]


def test_semi_supervised_learning_takes_labelled_and_unlabelled_samples(
    toy_recipe: StereoRecipe, pairs: Path, tmp_path: Path
):
    values = {**shared(toy_recipe), "steps": 3, "epoch_steps": 3, "batch_size": 4}
    recipe = SemiSupervisedRecipe(**values, mix=(DataShare(data=str(pairs), weight=1.0),))
    train(recipe, tmp_path / "run")
    assert all(value > 0 for value in logged(tmp_path / "run", "train/full"))
    assert all(value > 0 for value in logged(tmp_path / "run", "train/unlabelled_photometric"))


def test_truth_takes_the_place_of_the_pair():
    valid = torch.zeros((2, 4, 6), dtype=torch.bool)
    valid[0], valid[1, :, :3] = True, True
    image = torch.zeros((2, 4, 6, 3), dtype=torch.uint8)
    batch = StereoBatch(left=image, right=image, disparity=torch.zeros(2, 4, 6), valid=valid, occluded=~valid)
    weight = without_truth(batch)
    assert weight.shape == (4, 1, 4, 6)
    assert (weight[0] == 0).all()
    assert weight[1, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert (weight[2] == 0).all()
    assert (weight[3] == 0.5).all()


def test_the_left_half_of_a_prediction():
    layer = torch.arange(4.0).view(4, 1, 1, 1)
    half = left_half(StereoPrediction(layer, None, layer + 10.0, (layer + 20.0,)))
    assert half.disparity.flatten().tolist() == [0, 1]
    assert half.confidence_logit is None
    assert half.scores is not None
    assert half.scores.flatten().tolist() == [10, 11]
    assert [coarse.flatten().tolist() for coarse in half.coarse] == [[20, 21]]


def teacher(confidence: float | None):
    def say(left: np.ndarray, right: np.ndarray) -> DisparityMap:
        valid = np.ones(left.shape[:2], bool)
        valid[:8] = False
        sure = None if confidence is None else np.full(left.shape[:2], confidence, np.float32)
        if sure is not None:
            sure[8:16] = 0.1
        return DisparityMap(np.full(left.shape[:2], 5.0, np.float32), valid, sure)

    return say


def test_a_teacher_is_believed_as_far_as_it_believes_itself(
    toy_recipe: StereoRecipe, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = DistillationRecipe(**{**shared(toy_recipe), "data": str(pairs), "steps": 2}, teacher="any")
    image = torch.zeros((1, 32, 64, 3), dtype=torch.uint8)
    nothing = torch.zeros((1, 32, 64), dtype=torch.bool)
    batch = StereoBatch(left=image, right=image, disparity=nothing.float(), valid=nothing, occluded=nothing)
    for confidence, rows in ((0.75, (0.0, 0.0, 0.75)), (None, (0.0, 1.0, 1.0))):
        monkeypatch.setattr(distillation, "load_teacher", lambda _, sure=confidence: teacher(sure))
        taught, weight = DistilledStereo(recipe)._taught(batch)
        assert [float(weight[0, 0, row, 0]) for row in (0, 8, 16)] == list(rows)
        assert (taught[0, 0, 8:] == 5.0).all()
    train(recipe, tmp_path / "run")
    assert all(value > 0 for value in logged(tmp_path / "run", "train/full"))


def test_truth_replaces_the_teacher_where_it_has_weight(toy_recipe: StereoRecipe):
    image = torch.zeros((2, 32, 64, 3), dtype=torch.uint8)
    valid = torch.zeros((2, 32, 64), dtype=torch.bool)
    valid[0, 16:] = True
    batch = StereoBatch(left=image, right=image, disparity=torch.full((2, 32, 64), 9.0), valid=valid, occluded=~valid)
    for heed, (first, second) in ((True, (9.0, 5.0)), (False, (5.0, 5.0))):
        recipe = DistillationRecipe(**shared(toy_recipe), teacher="any", heed_truth=heed)
        taught, weight = DistilledStereo(recipe, teacher=teacher(None))._taught(batch)
        assert taught[:, 0, 20, 0].tolist() == [first, second]
        assert weight[:, 0, 10, 0].tolist() == [0.0 if heed else 1.0, 1.0]


def test_a_checkpoint_can_teach(toy_recipe: StereoRecipe, tmp_path: Path):
    checkpoint = train(StereoRecipe(**{**shared(toy_recipe), "steps": 1}), tmp_path / "run")
    said = load_teacher(str(checkpoint))(*np.random.default_rng(0).integers(0, 256, (2, 40, 70, 3), dtype=np.uint8))
    assert said.disparity.shape == (40, 70)
    assert said.confidence is not None


def test_a_teacher_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="teacher's checkpoint at"):
        load_teacher(str(tmp_path / "none.ckpt"))
    with pytest.raises(InputError, match="as the model; got 'nobody'"):
        load_teacher("nobody")


def test_frozen_norms_keep_their_statistics():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2), torch.nn.Dropout())
    model.train()
    freeze_norms(model)
    model(torch.randn(4, 1, 3, 3))
    assert (model[1].running_mean == 0).all()
    assert model[2].training


@pytest.mark.parametrize("method", ["self-supervised", "semi-supervised", "distillation"])
def test_recipes_are_read_and_written(method: str, tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    text = f"method: {method}\nmodel: leadline-fast\ndata: a\nvalidation: v\nmix: [{{data: b, weight: 2}}]\n"
    path.write_text(text if method == "distillation" else text + "photometric: {census: 2}\n")
    read = load_recipe(path)
    assert asdict(read)["mix"] == ({"data": "b", "weight": 2.0},)
    path.write_text(yaml.safe_dump(resolved(read)))
    assert load_recipe(path) == read


def test_recipes_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match=r"positive weight of b in the recipe's mix, got 0.0"):
        DataShare(data="b", weight=0.0)
    with pytest.raises(InputError, match="enlarge of at least 1"):
        SelfSupervisedRecipe(model="leadline-fast", data="a", validation="b", enlarge=0.5)
    with pytest.raises(InputError, match=r"min_confidence in \[0, 1\)"):
        DistillationRecipe(model="leadline-fast", data="a", validation="b", min_confidence=1.0)
