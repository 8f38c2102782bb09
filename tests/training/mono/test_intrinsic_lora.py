"""Adapters on a tiny random generator: only they are learnt, kept and copied."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.shards import write_depth_shard
from leadline.data.stream import Stream
from leadline.errors import InputError, MissingExtraError
from leadline.maps import DepthMap
from leadline.models import extras
from leadline.models.mono.intrinsic_lora import IntrinsicLora, load_adapters, read_notes, write_adapters
from leadline.models.mono.intrinsic_lora_base import AdaptedGenerator, intrinsic_lora, load_intrinsic_lora
from leadline.samples import DepthSample
from leadline.training.mono.intrinsic_lora import (
    ADAPTERS_NAME,
    IntrinsicLoraLearner,
    IntrinsicLoraRecipe,
    latent_weight,
    unit_range,
)
from leadline.training.recipe import load_recipe
from leadline.training.run import LOGS_NAME, train

REASON = 'no diffusers: pip install "leadline[zoo]"'
transformers = pytest.importorskip("transformers", reason=REASON)
diffusers = pytest.importorskip("diffusers", reason=REASON)
peft = pytest.importorskip("peft", reason=REASON)

UNCHANGED = MonoAugmentation(
    crop=(16, 24),
    scale=(1.0, 1.0),
    log2_stretch=0.0,
    flip=0.0,
    tone=0.0,
    grey=0.0,
    saturation=0.0,
    blur=0.0,
    noise=0.0,
    jpeg=0.0,
)


def unet(**changes: object) -> Any:
    options: dict[str, object] = {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 8,
        "attention_head_dim": 4,
    }
    return diffusers.UNet2DConditionModel(**{**options, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generator's parts in the layout of its repository."""
    torch.manual_seed(0)
    target = tmp_path_factory.mktemp("generator")
    unet().save_pretrained(target / "unet")
    diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
    ).save_pretrained(target / "vae")
    text = transformers.CLIPTextConfig(
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=54,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        max_position_embeddings=77,
    )
    transformers.CLIPTextModel(text).save_pretrained(target / "text_encoder")
    words = ["<|startoftext|>", "<|endoftext|>", *(chr(97 + i) + end for end in ("", "</w>") for i in range(26))]
    tokens = tmp_path_factory.mktemp("words")
    (tokens / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (tokens / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(tokens / "vocab.json"), str(tokens / "merges.txt"), model_max_length=77)
    tokenizer.save_pretrained(target / "tokenizer")
    return target


@pytest.fixture
def network(folder: Path) -> IntrinsicLora:
    torch.manual_seed(1)
    return intrinsic_lora(2, str(folder), True).eval()


def stirred(network: IntrinsicLora) -> IntrinsicLora:
    """Adapters that do something: fresh ones add nothing."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for _, weight in network.adapters():
            weight.normal_(0.0, 0.5, generator=generator)
    return network


@pytest.fixture(scope="module")
def recipe(folder: Path, tmp_path_factory: pytest.TempPathFactory, short_run: dict[str, Any]) -> IntrinsicLoraRecipe:
    rendered = tmp_path_factory.mktemp("rendered")
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :24]
    depth = np.where((rows > 4) & (columns < 12), 2.0, 6.0).astype(np.float32)
    image = np.clip(depth[..., None] * 30 + rng.normal(0, 10, (16, 24, 3)), 0, 255).astype(np.uint8)
    samples = [DepthSample(f"s{k}", image, DepthMap(depth, rows > 1, "metric")) for k in range(3)]
    write_depth_shard(rendered / "a.tar", [(sample, {}) for sample in samples])
    return IntrinsicLoraRecipe(
        model="intrinsic-lora",
        data=str(rendered),
        validation=str(rendered),
        **short_run | {"batch_size": 1, "validate_epochs": 1},
        precision="32-true",
        weight_decay=0.0,
        labels=1,
        model_options={"rank": 2, "source": str(folder), "accept_licence": True},
        augmentation=UNCHANGED,
    )


def test_new_adapters_change_nothing_and_the_image_replaces_the_noise(network: IntrinsicLora, folder: Path):
    image = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae")
    plain = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    with torch.no_grad():
        latent = vae.encode(2 * image - 1).latent_dist.mode() * vae.config.scaling_factor
        depth = plain(latent, 999, encoder_hidden_states=network.text).sample
        expected = vae.decode(depth / vae.config.scaling_factor).sample.mean(dim=1, keepdim=True)
        torch.testing.assert_close(network(image).inverse_depth, expected)
        assert (stirred(network)(image).inverse_depth - expected).abs().max() > 1e-3
    assert network.input_stride == 4  # 2 of the autoencoder, 2 of the U-Net
    assert network.text.shape == (1, 77, 8)


def test_only_the_adapters_are_learnt_and_kept(network: IntrinsicLora):
    learnt = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert learnt == [name for name, _ in network.adapters()]
    # Two transformer blocks' worth of attention, self and cross, in down (1), middle (1) and up (2), 4 x 2 matrices.
    assert len(learnt) == (1 + 1 + 2) * 2 * 4 * 2
    state = torch.nn.ModuleDict({"model": network}).state_dict()
    assert list(state) == [f"model.{name}" for name in learnt]
    other = copy.deepcopy(stirred(network))
    assert other.unet.conv_in.weight is network.unet.conv_in.weight
    assert other.vae.quant_conv.weight is network.vae.quant_conv.weight
    for (_, mine), (_, copied) in zip(network.adapters(), other.adapters(), strict=True):
        assert mine is not copied
        assert torch.equal(mine, copied)


def test_absent_adapters_are_missed(network: IntrinsicLora):
    state = network.state_dict()
    removed = next(iter(state))
    del state[removed]
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_state_dict(state)


@pytest.mark.slow
def test_learning_lowers_the_loss_and_leaves_the_generator_alone(
    recipe: IntrinsicLoraRecipe, tmp_path: Path, monkeypatch
):
    many = replace(recipe, steps=60, epoch_steps=60, decay_steps=20, learning_rate=0.03, ema_decay=0.5)
    before = intrinsic_lora(2, recipe.model_options["source"], True)
    learner = IntrinsicLoraLearner(many)
    monkeypatch.setattr(learner, "checked", lambda terms: terms["latent"])
    first = float(learner.training_step(next(iter(learner.train_dataloader())), 0).detach())
    monkeypatch.undo()
    checkpoint = train(many, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / LOGS_NAME)).Reload()
    assert events.Scalars("train/loss")[-1].value < 0.4 * first
    assert events.Scalars("rendered/abs_rel")
    kept = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert {name for name in kept if ".lora_" not in name} == {"average.n_averaged"}
    assert len(kept) == 2 * 64 + 1  # the network's and their average
    method = load_intrinsic_lora(tmp_path / "run" / ADAPTERS_NAME, recipe.model_options["source"], True, area_px=384)
    after = method.inference.model
    assert isinstance(after, IntrinsicLora)
    frozen = {name: weight for name, weight in before.named_parameters() if not weight.requires_grad}
    assert all(torch.equal(weight, dict(after.named_parameters())[name]) for name, weight in frozen.items())
    for name, weight in after.adapters():
        torch.testing.assert_close(weight, kept[f"average.module.{name}"])
    depth = method(np.zeros((20, 30), np.uint8))
    assert (depth.kind, depth.depth.shape, depth.confidence) == ("affine_inverse", (20, 30), None)


def test_training_itself_does_not_touch_what_is_frozen(recipe: IntrinsicLoraRecipe):
    learner = IntrinsicLoraLearner(recipe)
    frozen = {name: weight.clone() for name, weight in learner.model.named_parameters() if not weight.requires_grad}
    (group,) = learner.parameter_groups()
    optimizer = torch.optim.AdamW(group["params"], 0.1)
    first = [weight.clone() for _, weight in learner.model.adapters()]
    batch = next(iter(learner.train_dataloader()))
    for _ in range(2):  # the second matrices are 0 at first, so that the first ones move only then
        optimizer.zero_grad()
        image = batch["image"].permute(0, 3, 1, 2).float() / 255.0
        learner.model.depth_latent(image).square().mean().backward()
        optimizer.step()
        learner.average.update_parameters(learner.model)
    named = dict(learner.model.named_parameters())
    assert all(torch.equal(named[name], weight) for name, weight in frozen.items())
    assert all(not torch.equal(now, then) for (_, now), then in zip(learner.model.adapters(), first, strict=True))


def test_a_run_that_was_cut_off_ends_with_the_same_adapters(recipe: IntrinsicLoraRecipe, tmp_path: Path, monkeypatch):
    varied = replace(recipe, validate_epochs=100, augmentation=MonoAugmentation(crop=(16, 24)))

    def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
        return torch.load(checkpoint, weights_only=True)["state_dict"]

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
    assert not (tmp_path / "cut" / ADAPTERS_NAME).exists()
    resumed = weights(train(varied, tmp_path / "cut"))
    assert [name for name in straight if not torch.equal(resumed[name], straight[name])] == []


def test_adapters_travel_in_a_file(network: IntrinsicLora, folder: Path, tmp_path: Path):
    path = tmp_path / "adapters.safetensors"
    write_adapters(stirred(network), path, {"generator": "toy"})
    assert read_notes(path) == {"generator": "toy", "rank": 2}
    fresh = intrinsic_lora(2, str(folder), True)
    load_adapters(fresh, path)
    for (_, mine), (_, theirs) in zip(network.adapters(), fresh.adapters(), strict=True):
        assert torch.equal(mine, theirs)
    plain = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    plain.load_lora_adapter(path, prefix="unet")
    latent = torch.rand(1, 4, 8, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = (
            net(latent, 999, encoder_hidden_states=network.text).sample for net in (network.unet, plain.eval())
        )
    torch.testing.assert_close(ours, theirs)
    with pytest.raises(InputError, match="64 adapter weights of rank 3"):
        load_adapters(intrinsic_lora(3, str(folder), True), path)
    (tmp_path / "other").write_bytes(b"no")
    with pytest.raises(InputError, match="adapters that `leadline train` wrote"):
        read_notes(tmp_path / "other")


def test_inverse_depth_is_scaled_to_what_the_autoencoder_takes():
    # Percentiles of 0, 1 ... 100 are themselves; the unknown pixel, 0, is beyond the low end.
    values = torch.arange(101.0).reshape(1, 1, 101)
    scaled = unit_range(torch.cat([values, torch.zeros(1, 1, 1)], dim=2), torch.arange(102).reshape(1, 1, 102) < 101)
    expected = [-1.0, -1.0, 0.0, 1.0, 1.0, -1.0]
    torch.testing.assert_close(scaled[0, 0, [0, 2, 50, 98, 100, 101]], torch.tensor(expected))
    nothing = unit_range(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.bool))
    assert (nothing == -1).all()


def test_a_latent_counts_if_all_its_pixels_are_known():
    valid = torch.ones(2, 2, 6, dtype=torch.bool)
    valid[0, 1, 3] = False
    valid[1] = False
    weight = latent_weight(valid, 2, 0.25)
    assert weight.tolist() == [[[[1.0, 0.25, 1.0]]], [[[0.0, 0.0, 0.0]]]]


def test_what_cannot_be_trained_is_refused(recipe: IntrinsicLoraRecipe, folder: Path, tmp_path: Path):
    with pytest.raises(InputError, match="labels of at least 1"):
        replace(recipe, labels=0)
    with pytest.raises(InputError, match=r"multiples of 4 in the recipe, got \(18, 24\)"):
        IntrinsicLoraLearner(replace(recipe, augmentation=MonoAugmentation(crop=(18, 24))))
    with pytest.raises(InputError, match="the model intrinsic-lora for this method, got plain"):
        IntrinsicLoraLearner(replace(recipe, model="plain", model_options={}))
    with pytest.raises(InputError, match="rank of at least 1"):
        intrinsic_lora(0, str(folder), True)
    with pytest.raises(InputError, match="8-bit RGB or grey"):
        AdaptedGenerator(intrinsic_lora(1, str(folder), True))(np.zeros((8, 8, 2), np.uint8))


def test_the_licence_comes_first_and_files_are_checked(folder: Path, tmp_path: Path, monkeypatch):
    with pytest.raises(InputError, match=r"CreativeML-OpenRAIL-M restricts what it may be used for; .*accept_licence"):
        intrinsic_lora(2, str(folder))
    with pytest.raises(InputError, match="expected a folder with the files of stable-diffusion-v1-5"):
        intrinsic_lora(2, str(tmp_path / "none"), True)
    with pytest.raises(InputError, match="vae, unet, text_encoder and tokenizer"):
        intrinsic_lora(2, str(tmp_path), True)
    for part in ("vae", "text_encoder", "tokenizer"):
        (tmp_path / part).symlink_to(folder / part)
    unet(in_channels=8).save_pretrained(tmp_path / "unet")
    with pytest.raises(InputError, match=r"from 4 latent channels to as many in .*, got 8 to 4"):
        intrinsic_lora(2, str(tmp_path), True)
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "peft" else name)
    with pytest.raises(MissingExtraError, match="the package peft, found none"):
        intrinsic_lora(2, str(folder), True)


def test_without_a_network_it_says_how_to_get_the_files(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    asked: list[list[str]] = []

    def offline(name: str, **options: Any) -> str:
        asked.append(options["allow_patterns"])
        raise OSError("offline")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    with pytest.raises(InputError, match="hf download stable-diffusion-v1-5/stable-diffusion-v1-5"):
        intrinsic_lora(accept_licence=True)
    assert "unet/*.safetensors" in asked[0]
    assert "*.safetensors" not in asked[0]  # the whole pipeline a second time


def test_the_bundled_recipe_learns_from_few_labels():
    recipe = load_recipe("intrinsic-lora")
    assert isinstance(recipe, IntrinsicLoraRecipe)
    assert (recipe.labels, recipe.model_options["accept_licence"]) == (250, False)
