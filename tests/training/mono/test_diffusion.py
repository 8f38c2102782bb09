"""Toy runs of a network that draws metric depth."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.data.mono.augment_fov import FovAugmentation, through_window
from leadline.data.mono.shards import write_depth_shard
from leadline.data.mono.stream import to_fov_tensors
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.models.blocks.diffusion import clean_from_velocity, noise_schedule
from leadline.models.mono.diffusion_sampler import DiffusionSampler, load_diffusion_sampler
from leadline.models.mono.log_depth import LogDepthRange
from leadline.models.zoo import DiffusionOptions
from leadline.samples import DepthSample
from leadline.training.mono import diffusion
from leadline.training.mono.diffusion import DiffusionLearner, DiffusionRecipe, diffusion_terms
from leadline.training.recipe import load_recipe
from leadline.training.run import LOGS_NAME, train, validate

pytest.importorskip("diffusers", reason='no diffusers: pip install "leadline[zoo]"')

CAMERA = Pinhole(20.0, 20.0, 11.5, 7.5, 16, 24)


def sample(key: str = "s", camera: Pinhole | None = CAMERA) -> DepthSample:
    """A box 2 m away before a wall 8 m away, which the image shows; two rows of sky."""
    depth = np.full((16, 24), 8.0, np.float32)
    depth[5:13, 6:15] = 2.0
    image = np.where(depth[..., None] < 5, np.uint8(230), np.uint8(40)).repeat(3, axis=2)
    image[:2] = 255
    valid = np.ones((16, 24), bool)
    valid[:2] = False
    return DepthSample(key, image, DepthMap(depth, valid, "metric"), camera)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, short_run: dict[str, Any]) -> DiffusionRecipe:
    folder = tmp_path_factory.mktemp("rendered")
    write_depth_shard(folder / "a.tar", [(sample(), {})])
    return DiffusionRecipe(
        model="diffusion-depth",
        data=str(folder),
        validation=str(folder),
        **short_run,
        precision="32-true",
        model_options={"width": 8, "levels": 2},
        depth_range=LogDepthRange(1.0, 16.0),
        augmentation=FovAugmentation((16, 24), (1.0, 1.0), flip=0.0, tone=0.0),
    )


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]


@pytest.mark.slow
def test_an_overfit_image_is_drawn_in_metres(recipe: DiffusionRecipe, tmp_path: Path):
    many = replace(
        recipe,
        steps=120,
        batch_size=4,
        epoch_steps=120,
        decay_steps=60,
        learning_rate=4e-3,
        ema_decay=0.9,
        validate_epochs=1,
        model_options={"width": 16, "levels": 2},
        sky_weight=0.5,
    )
    checkpoint = train(many, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / LOGS_NAME)).Reload()
    loss = [event.value for event in events.Scalars("train/loss")]
    seen = through_window(sample(), 1.0, (16, 24), "farthest", np.random.default_rng(0))
    alike = {name: value.expand(64, *value.shape) for name, value in to_fov_tensors(seen).items()}
    (nothing,) = diffusion_terms(Constant(0.0), noise_schedule(), alike, many, torch.Generator()).values()
    assert np.mean(loss[-4:]) < 0.5 * float(nothing)
    depth = load_diffusion_sampler(checkpoint, DiffusionOptions(4, 3))(sample().image, CAMERA)
    error = np.abs(depth.depth - seen.depth)[seen.valid] / seen.depth[seen.valid]
    assert depth.kind == "metric"
    assert error.mean() < 0.15
    assert (depth.depth[:2] > 12).mean() > 0.7  # sky: at the far end of 16 m
    (event,) = events.Scalars("rendered/abs_rel-none")
    assert event.value < 0.15
    assert events.Scalars("rendered/confidence_gap")


def test_a_run_that_was_cut_off_ends_with_the_same_weights(recipe: DiffusionRecipe, tmp_path: Path, monkeypatch):
    varied = replace(recipe, unroll=0.5, augmentation=FovAugmentation((16, 24)))
    straight = weights(train(varied, tmp_path / "straight"))
    read = Stream.__getitem__

    def power_cut(self: Stream, index: int) -> dict[str, torch.Tensor]:
        if self.start > 0:
            raise ConnectionAbortedError
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(Stream, "__getitem__", power_cut)
        with pytest.raises(ConnectionAbortedError):
            train(varied, tmp_path / "cut")
    resumed = weights(train(varied, tmp_path / "cut"))
    assert [name for name in straight if not torch.equal(resumed[name], straight[name])] == []


class Constant(torch.nn.Module):
    """Says the same velocity everywhere and notes what noise it saw."""

    def __init__(self, velocity: float) -> None:
        super().__init__()
        self.velocity, self.seen = velocity, list[torch.Tensor]()

    def forward(self, image, noisy, step, tan_half_fov):
        self.seen.append(noisy)
        return torch.full_like(noisy, self.velocity)


def batch(depth: torch.Tensor, valid: torch.Tensor, inside: torch.Tensor) -> dict[str, torch.Tensor]:
    image = torch.zeros((*depth.shape, 3), dtype=torch.uint8)
    return {"image": image, "depth": depth, "valid": valid, "inside": inside, "tan_half_fov": torch.ones(len(depth))}


def test_only_truth_and_weighted_sky_count(recipe: DiffusionRecipe, monkeypatch):
    # At the last step the velocity is -code: 4 m of 1 .. 16 m is code 0, 16 m is 1 and 1 m is -1.
    monkeypatch.setattr(diffusion.torch, "randint", lambda low, high, size, generator: torch.full(size, 999))
    depth = torch.tensor([[[4.0, 16.0, 1.0]]])
    valid, inside = torch.tensor([[[True, False, False]]]), torch.tensor([[[True, True, False]]])
    given = batch(depth, valid, inside)

    def loss(**changes: float) -> float:
        generator = torch.Generator().manual_seed(0)
        (term,) = diffusion_terms(
            Constant(0.0), noise_schedule(), given, replace(recipe, **changes), generator
        ).values()
        return float(term)

    assert loss() == pytest.approx(0.0, abs=1e-6)
    assert loss(sky_weight=1.0) == pytest.approx(0.5, abs=1e-6)
    assert loss(sky_weight=0.25) == pytest.approx(0.25 * 1 / 1.25, abs=1e-6)


def test_an_unrolled_step_denoises_what_the_network_said(recipe: DiffusionRecipe, monkeypatch):
    step, model, schedule = torch.tensor([500]), Constant(0.1), noise_schedule()
    monkeypatch.setattr(diffusion.torch, "randint", lambda low, high, size, generator: step)
    known = torch.ones(1, 8, 8, dtype=torch.bool)
    terms = diffusion_terms(
        model,
        schedule,
        batch(torch.full((1, 8, 8), 4.0), known, known),
        replace(recipe, unroll=1.0),
        torch.Generator().manual_seed(0),
    )
    first, second = model.seen
    own = clean_from_velocity(schedule, first, torch.full_like(first, 0.1), step).clamp(-1, 1)
    signal = float(schedule.alphas_cumprod[500])
    noise = (second - signal**0.5 * own) / (1 - signal) ** 0.5
    assert 0.7 < float(noise.std()) < 1.3
    assert abs(float(torch.corrcoef(torch.stack([noise.flatten(), first.flatten()]))[0, 1])) < 0.4  # fresh noise
    # The truth has code 0: the loss is the mean size of what the second pass denoises to.
    denoised = signal**0.5 * second - (1 - signal) ** 0.5 * 0.1
    assert list(terms) == ["unrolled"]
    assert float(terms["unrolled"]) == pytest.approx(float(denoised.abs().mean()), rel=1e-5)


def test_validation_is_in_metres_where_the_field_of_view_is_known(recipe: DiffusionRecipe, tmp_path: Path, monkeypatch):
    fields: list[Pinhole | None] = []
    call = DiffusionSampler.__call__

    def noted(self: DiffusionSampler, image: np.ndarray, camera: Pinhole | None = None) -> DepthMap:
        fields.append(camera)
        return call(self, image, camera)

    checkpoint = train(replace(recipe, steps=1), tmp_path / "run")
    monkeypatch.setattr(DiffusionSampler, "__call__", noted)
    assert "rendered/abs_rel-none" in validate(recipe, checkpoint)
    write_depth_shard(tmp_path / "a.tar", [(sample("b", None), {})])
    scores = validate(replace(recipe, validation=str(tmp_path)), checkpoint)
    assert "rendered/abs_rel-median" in scores
    assert "rendered/abs_rel-none" not in scores
    known, unknown = fields
    assert unknown is None
    assert known is not None
    assert (known.focal_y_px, known.height) == (pytest.approx(20.0), 16)


def test_what_cannot_be_trained_is_refused(recipe: DiffusionRecipe, tmp_path: Path):
    with pytest.raises(InputError, match=r"multiples of 2 in the recipe, got \(15, 24\)"):
        DiffusionLearner(replace(recipe, augmentation=FovAugmentation((15, 24))))
    with pytest.raises(InputError, match="the model diffusion-depth for this method, got plain"):
        DiffusionLearner(replace(recipe, model="plain", model_options={}))
    with pytest.raises(InputError, match=r"unroll in \[0, 1\] in the recipe, got 1.5"):
        replace(recipe, unroll=1.5)
    torch.save({"hyper_parameters": {"recipe": {"method": "mono"}}, "state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match=r"a run of method: diffusion in .*, got 'mono'"):
        load_diffusion_sampler(tmp_path / "other.ckpt")


def test_the_bundled_recipe_changes_the_field_of_view():
    recipe = load_recipe("diffusion-depth")
    assert isinstance(recipe, DiffusionRecipe)
    assert recipe.augmentation.window == (0.7, 1.4)
    assert recipe.depth_range == LogDepthRange(0.3, 120.0)
