"""Depth Pro learns metres by its own field of view, which stays what it was."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.shards import write_depth_shard
from leadline.data.mono.stream import to_tensors
from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.models.zoo import load_zoo, zoo_card
from leadline.models.zoo import trainable as zoo
from leadline.models.zoo.depth_pro import metres
from leadline.runtime.onnx_card import SizeRule
from leadline.samples import DepthSample
from leadline.training.finetune.data import DepthPart
from leadline.training.finetune.learner import FinetunedZoo, FinetuneRecipe, finetune_terms, usual_augmentation

pytest.importorskip("transformers", reason='no transformers: pip install "leadline[zoo]"')
CARD = zoo_card("depth-pro")
IMAGE = np.random.default_rng(0).integers(0, 256, (56, 56, 3), dtype=np.uint8)
DEPTH = (1.0 + np.mgrid[:56, :56][0] / 28.0).astype(np.float32)
SAMPLE = DepthSample("a", IMAGE, DepthMap(DEPTH, np.mgrid[:56, :56][1] >= 14, "metric"))


class Source:
    """One sample, of another shape than the network's size."""

    def key(self, index: int, /) -> str:
        return SAMPLE.key

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int, /) -> DepthSample:
        rows = np.s_[index : 40 + index]
        return replace(
            SAMPLE, image=SAMPLE.image[rows], truth=DepthMap(SAMPLE.depth[rows], SAMPLE.valid[rows], "metric")
        )


@pytest.mark.parametrize("fov_deg", [60.0, -5.0])
def test_metres_are_those_of_the_field_of_view(save, fov_deg):
    network = zoo.load_trainable(save("depth_pro"), CARD)
    assert network.size == SizeRule("exact", height=56, width=56)
    assert (network.kind, network.farthest_m) == ("metric", None)
    last = network.plain.fov_model.head.layers[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, fov_deg)
    pixels = torch.from_numpy(IMAGE).permute(2, 0, 1)[None] / 255.0
    with torch.no_grad():
        normal = (pixels - network.mean) / network.std
        canonical, found = network.plain(normal).predicted_depth, metres(network.plain, normal, (56, 56))
    # A width of 56 px has the focal length 28 / tan(fov / 2) px, and 1 / Z = C 56 / focal.
    focal = 28.0 / math.tan(math.radians(max(fov_deg, 1.0)) / 2.0)
    inverse = torch.nn.functional.interpolate(canonical[None], (56, 56), mode="bilinear")[0] * 56.0 / focal
    torch.testing.assert_close(found, 1.0 / inverse.clamp(1e-4, 1e4))
    assert float(canonical.max() - canonical.min()) > 1e-3


@pytest.mark.parametrize("rank", [0, 4])
def test_it_learns_depth_and_keeps_its_field_of_view(save, tmp_path, rank):
    source = save("depth_pro")
    network = zoo.load_trainable(source, CARD)
    if rank:
        network = zoo.with_lora(network, rank)
    batch = {name: layer[None] for name, layer in to_tensors(SAMPLE).items()}
    pixels = batch["image"].permute(0, 3, 1, 2) / 255.0
    kept = {name: weight.clone() for name, weight in network.named_parameters() if not weight.requires_grad}
    trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    assert any("fov_model" in name for name in kept)
    assert not any("fov_model" in name for name in trained)
    optimizer = torch.optim.AdamW(trained.values(), 0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = finetune_terms(network(pixels), batch, "silog", 0.5)["silog"]
        loss.backward()
        losses.append(float(loss.detach()))
        optimizer.step()
    assert losses[-1] < (0.985 if rank else 0.7) * losses[0]
    for part in ("patch_encoder", "image_encoder") if rank else ("patch_encoder", "image_encoder", "fusion", "head"):
        reached = [weight.grad for name, weight in trained.items() if part in name and weight.grad is not None]
        assert max(float(gradient.abs().max()) for gradient in reached) > 0
    now = dict(network.named_parameters())
    assert all(torch.equal(now[name], weight) for name, weight in kept.items())
    plain = zoo.merged(network)
    zoo.save_network(plain, source, tmp_path)
    with torch.no_grad():
        found = plain.depth(torch.from_numpy(IMAGE)).numpy()
        np.testing.assert_array_equal(zoo.load_trainable(tmp_path, CARD).depth(torch.from_numpy(IMAGE)), found)
    np.testing.assert_allclose(load_zoo("depth-pro", tmp_path, accept_licence=True)(IMAGE).depth, found, rtol=1e-3)


def test_views_are_whole_images(save):
    network = zoo.load_trainable(save("depth_pro"), CARD)
    part = DepthPart(Source(), [0])
    assert usual_augmentation(network, part) == MonoAugmentation(crop=(40, 56), scale=(1.0, 1.0), log2_stretch=0.0)
    pixels = torch.from_numpy(part[0].image).permute(2, 0, 1)[None] / 255.0
    with torch.no_grad():
        assert network(pixels).shape == (1, 40, 56)
        torch.testing.assert_close(network.depth(torch.from_numpy(part[0].image)), network(pixels)[0])


def test_as_a_learner_its_encoders_learn_slower(save, tmp_path):
    write_depth_shard(tmp_path / "a.tar", [(replace(SAMPLE, key=key), {}) for key in ("a", "b")])
    recipe = FinetuneRecipe(
        model="depth-pro", data=str(tmp_path), validation="", source=str(save("depth_pro")), accept_licence=True
    )
    recipe = replace(recipe, augmentation=MonoAugmentation(crop=(40, 56), scale=(1.0, 1.0), log2_stretch=0.0))
    learner = FinetunedZoo(recipe)
    rest, slow = learner.parameter_groups()
    assert {id(weight) for weight in slow["params"]} == set(
        map(id, learner.network.plain.depth_pro.encoder.parameters())
    )
    fixed = sum(1 for _ in learner.network.plain.fov_model.parameters())
    assert len(rest["params"]) + len(slow["params"]) + fixed == len(list(learner.model.parameters()))


def test_without_a_field_of_view_there_are_no_metres(save):
    with pytest.raises(InputError, match="its depth has no scale"):
        zoo.load_trainable(save("depth_pro", use_fov_model=False), CARD)
