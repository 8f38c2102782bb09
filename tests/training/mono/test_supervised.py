"""Toy runs of networks for single images."""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.apps.cli.main import main
from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.shards import write_depth_shard
from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.models.checkpoint import averaged_weights
from leadline.models.mono.efficientnet_lite import EfficientNetLite0
from leadline.samples import DepthSample
from leadline.training.mono.supervised import MonoRecipe, SupervisedMono
from leadline.training.mono.validation import MonoValidation, log_scores
from leadline.training.recipe import load_recipe
from leadline.training.run import LOGS_NAME

TOY = """
method: mono
model: leadline-mono
data: {folder}
mix: [{{data: {folder}, weight: 3}}]
validation: {folder}
validation_pairs: 1
steps: 2
batch_size: 2
warmup_steps: 1
decay_steps: 1
epoch_steps: 2
validate_epochs: 1
compile: false
workers: 0
imagenet: false
augmentation: {{crop: [32, 64]}}
"""


def sample(key: str) -> DepthSample:
    rows, columns = np.mgrid[:48, :64]
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return DepthSample(key, image, DepthMap((1.0 + rows + columns / 64).astype(np.float32), rows > 2, "metric"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    write_depth_shard(folder / "a.tar", [(sample(f"s{k}"), {}) for k in range(3)])
    return folder


@pytest.fixture
def recipe(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(TOY.format(folder=folder))
    return path


def test_a_recipe_trains_validates_and_shows(recipe: Path, folder: Path, tmp_path: Path, capsys):
    scene = tmp_path / "real"
    for name in ("color", "depth"):
        (scene / name).mkdir(parents=True)
    cv2.imwrite(str(scene / "color" / "1.png"), sample("s").image)
    cv2.imwrite(str(scene / "depth" / "1.png"), (1000 * sample("s").depth).astype(np.uint16))
    run = tmp_path / "run"
    assert main(["train", str(recipe), "--output", str(run), "--scenes", str(scene), "--depth-unit", "mm"]) == 0, (
        capsys.readouterr().err
    )
    kept, weights = averaged_weights(run / "last.ckpt")
    assert (kept["method"], kept["mix"][0]["weight"]) == ("mono", 3.0)
    assert all(value.isfinite().all() for value in weights.values())
    events = EventAccumulator(str(run / LOGS_NAME)).Reload()
    for group in ("rendered", "real"):
        for name in ("abs_rel", "delta1", "confidence_gap"):
            (event,) = events.Scalars(f"{group}/{name}")
            assert math.isfinite(event.value)
    assert set(events.Tags()["images"]) == {"rendered/s0", "real/real-1"}


def test_a_pretrained_encoder_learns_slower(folder: Path, monkeypatch):
    loaded: list[str] = []
    monkeypatch.setattr(
        "leadline.training.mono.learner.imagenet_weights", lambda: loaded.append("once") or _constant_encoder()
    )
    recipe = MonoRecipe(
        model="leadline-mono",
        data=str(folder),
        validation=str(folder),
        compile=False,
        learning_rate=0.01,
        encoder_rate=0.2,
    )
    learner = SupervisedMono(recipe)
    assert loaded == ["once"]
    assert (learner.average.module.encoder.conv_stem.weight == 1).all()
    decoder, encoder = learner.parameter_groups()
    assert encoder["lr"] == pytest.approx(0.002)
    assert len(encoder["params"]) == len(list(learner.model.encoder.parameters()))
    assert len(decoder["params"]) + len(encoder["params"]) == len(list(learner.model.parameters()))


def _constant_encoder() -> dict[str, torch.Tensor]:
    return {name: torch.ones_like(value) for name, value in EfficientNetLite0().state_dict().items()}


def test_imagenet_weights_want_their_encoder(folder: Path):
    with pytest.raises(InputError, match="EfficientNet-Lite0 encoder for ImageNet weights, got PlainStereo"):
        SupervisedMono(MonoRecipe(model="plain", data=str(folder), validation=str(folder), compile=False))


def test_exact_depth_scores_perfectly_and_missing_truth_is_excluded(folder: Path, monkeypatch):
    recipe = MonoRecipe(model="leadline-mono", data=str(folder), validation=str(folder), compile=False, imagenet=False)
    learner = SupervisedMono(recipe)
    scores: dict[str, float] = {}
    monkeypatch.setattr(learner, "score", lambda name, value: scores.update({name: float(value)}))
    item = MonoValidation(recipe)[0]
    inverse_depth = 5.0 / item["depth"].clamp_min(0.5) - 2.0
    log_scores(learner, item, inverse_depth, torch.full_like(inverse_depth, 0.75))
    assert scores["rendered/abs_rel"] < 1e-4
    assert scores["rendered/delta1"] == 1.0
    assert scores["rendered/confidence_gap"] == pytest.approx(-0.25)
    scores.clear()
    item["valid"] = torch.zeros_like(item["valid"])
    log_scores(learner, item, inverse_depth, None)
    assert scores == {}


def test_an_absent_folder_of_scenes_is_skipped(folder: Path, tmp_path: Path, caplog):
    recipe = MonoRecipe(
        model="any", data=str(folder), validation=str(folder), scenes=(str(tmp_path / "none"),), validation_pairs=2
    )
    assert len(MonoValidation(recipe)) == 2
    assert "no real scenes" in caplog.text


def test_a_crop_that_the_network_cannot_see_is_refused(recipe: Path):
    with pytest.raises(InputError, match="multiples of 32"):
        load_recipe(recipe, {"augmentation": {"crop": [100, 64]}})


def test_the_bundled_recipe_starts_from_imagenet():
    recipe = load_recipe("leadline-mono")
    assert isinstance(recipe, MonoRecipe)
    assert recipe.imagenet
    assert replace(recipe, scenes=()) == recipe
    assert recipe.augmentation == MonoAugmentation(crop=(192, 256))
