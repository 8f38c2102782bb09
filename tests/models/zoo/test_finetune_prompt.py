"""Networks that take a prompt learn with one that a coarse sensor would give."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from leadline.errors import InputError
from leadline.export.zoo import export_zoo
from leadline.maps import DepthMap
from leadline.models.zoo import load_zoo, zoo_card
from leadline.models.zoo import trainable as zoo
from leadline.samples import DepthSample
from leadline.training.finetune.learner import FinetuneRecipe, finetune_terms
from leadline.training.finetune.prompt import coarse_prompt, depth_with_truth, to_prompted_tensors

pytest.importorskip("transformers", reason='no transformers: pip install "leadline[zoo]"')
NAME = "prompt-depth-anything-small"
IMAGE = np.random.default_rng(0).integers(0, 256, (56, 84, 3), dtype=np.uint8)
DEPTH = (1.0 + np.mgrid[:56, :84][0] / 28.0).astype(np.float32)
VALID = np.mgrid[:56, :84][1] >= 14


def test_a_prompt_is_the_mean_of_what_is_known_in_a_cell():
    depth = np.float32([[1, 3, 9, 9], [5, 7, 9, 9], [2, 2, 8, 8], [2, 2, 8, 6]])
    valid = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1]], bool)
    # The upper right cell knows nothing; those beside it, as near as each other, know 3 and 6.
    prompt = coarse_prompt(depth, valid, (2, 2))
    np.testing.assert_array_equal(prompt[[0, 1, 1], [0, 0, 1]], [3, 2, 6])
    assert prompt[0, 1] in (3, 6)
    # Five rows in two cells: rows 0 to 2 and 3 to 4.
    rows = np.repeat(np.float32([[1], [2], [3], [4], [6]]), 3, axis=1)
    np.testing.assert_array_equal(coarse_prompt(rows, np.ones((5, 3), bool), (2, 3)), [[2, 2, 2], [5, 5, 5]])


@pytest.mark.parametrize("known", [True, False])
def test_a_prompt_always_has_a_range(known):
    prompt = coarse_prompt(np.full((8, 8), 2.0, np.float32), np.full((8, 8), known), (24, 24))
    assert prompt.shape == (24, 24)
    assert prompt.min() < prompt.max() == pytest.approx(1.01 * prompt.min())
    assert not known or prompt.min() == 2.0


def test_it_learns_with_a_prompt_and_loads_as_it_was_saved(save, tmp_path):
    source = save("prompt_depth_anything", depth_estimation_type="metric")
    network = zoo.load_trainable(source, zoo_card(NAME))
    assert (network.kind, network.farthest_m) == ("metric", None)
    sample = DepthSample("a", IMAGE, DepthMap(DEPTH, VALID, "metric"))
    batch = {name: layer[None] for name, layer in to_prompted_tensors(sample, (8, 8)).items()}
    assert batch["prompt_m"].shape == (1, 1, 8, 8)
    pixels = batch["image"].permute(0, 3, 1, 2) / 255.0
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = finetune_terms(network(pixels, batch["prompt_m"]), batch, "silog", 0.5)["silog"]
        loss.backward()
        losses.append(float(loss.detach()))
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]
    # What reads the prompt learns, too; the last block of fusion reads it last.
    reads = network.plain.neck.fusion_stage.layers[-1].prompt_depth_layer.convolution1.weight
    assert float(reads.grad.abs().max()) > 0
    zoo.save_network(network, source, tmp_path)
    again = zoo.load_trainable(tmp_path, network.card)
    with torch.no_grad():
        found = depth_with_truth(network, torch.from_numpy(IMAGE), DEPTH, VALID, (8, 8)).numpy()
        np.testing.assert_array_equal(
            depth_with_truth(again, torch.from_numpy(IMAGE), DEPTH, VALID, (8, 8)).numpy(), found
        )
    # The size is the network's own, so that nothing but the way to numbers in [0, 1] is between the two.
    prompt = coarse_prompt(DEPTH, VALID, (8, 8))
    np.testing.assert_allclose(load_zoo(NAME, tmp_path)(IMAGE, prompt).depth, found, rtol=1e-4)
    assert prompt.min() <= found.min() < found.max() <= prompt.max()


def test_a_image_without_truth_spoils_nothing(save):
    network = zoo.load_trainable(save("prompt_depth_anything", depth_estimation_type="metric"), zoo_card(NAME))
    samples = [DepthSample("a", IMAGE, DepthMap(DEPTH, valid, "metric")) for valid in (VALID, np.zeros_like(VALID))]
    batch = torch.utils.data.default_collate([to_prompted_tensors(sample, (4, 6)) for sample in samples])
    found = network(batch["image"].permute(0, 3, 1, 2) / 255.0, batch["prompt_m"])
    finetune_terms(found, batch, "silog", 0.5)["silog"].backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())


def test_what_makes_no_sense(save, tmp_path):
    network = zoo.load_trainable(save("prompt_depth_anything"), zoo_card(NAME))
    with pytest.raises(InputError, match="takes an image alone, got prompt-depth-anything-small, whose prompt"):
        export_zoo(network, tmp_path / "a.onnx", "a", (56, 84))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="prompt_grid of at least 2 x 2"):
        FinetuneRecipe(model=NAME, data="a", validation="", prompt_grid=(1, 8))


@pytest.mark.slow
def test_the_command_says_how_to_use_it(save, tmp_path):
    for index in range(3):
        for name, image in (("color", IMAGE), ("depth", (1000 * DEPTH * VALID).astype(np.uint16))):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "data" / name / f"{index}.png"), image)
    source = save("prompt_depth_anything", depth_estimation_type="metric")
    out = tmp_path / "out"
    words = ["finetune", NAME, str(tmp_path / "data"), "--source", str(source), "--output", str(out)]
    words += ["--steps", "3", "--batch-size", "2", "--prompt-grid", "8x8", "--lora", "2"]
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no ONNX file: expected a network that takes an image alone" in done.stdout
    assert f'use it in Python: load_zoo("{NAME}", "{out / "model"}")(image, prompt_m)' in done.stdout
    summary = json.loads((out / "summary.json").read_text())
    assert summary["recipe"]["prompt_grid"] == [8, 8]
    assert summary["parity"] is None
    assert not (out / "model.onnx").exists()
    assert (out / "adapter" / "adapter_model.safetensors").exists()
