"""Learning to mend: the matcher's results are kept, a toy run trains and exports, and mending is learned."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.utils.data import default_collate

from leadline.classical import ClassicalStereo
from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.prior import CachedPriorStream
from leadline.data.stereo.shards import StereoShards
from leadline.data.stereo.stream import stereo_stream
from leadline.errors import InputError
from leadline.models.stereo.leadline_refine import LeadlineRefine, RefineInference
from leadline.runtime.refine import RefineSession
from leadline.training.recipe import load_recipe, resolved
from leadline.training.run import train
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.refine import RefinedStereo, RefineRecipe


@pytest.fixture
def recipe(toy_recipe: StereoRecipe, tmp_path: Path) -> RefineRecipe:
    return RefineRecipe(
        model="leadline-refine",
        data=toy_recipe.data,
        validation=toy_recipe.data,
        validation_pairs=1,
        steps=2,
        batch_size=2,
        warmup_steps=1,
        decay_steps=1,
        epoch_steps=2,
        validate_epochs=1,
        compile=False,
        workers=0,
        samples=3,
        prior_cache=str(tmp_path / "prior"),
        augmentation=StereoAugmentation(crop=(64, 96)),
    )


def stream(recipe: RefineRecipe, start: int, count: int) -> CachedPriorStream:
    samples = stereo_stream([StereoShards(recipe.data)], [1.0], recipe.augmentation, recipe.seed, 0, recipe.samples)
    cache = Path(recipe.prior_cache)
    cache.mkdir(exist_ok=True)
    return CachedPriorStream(samples, cache, start, count)


def test_a_sample_is_matched_once_and_comes_again(recipe):
    first = [stream(recipe, 0, 3)[index] for index in range(3)]
    files = {path: path.stat().st_mtime_ns for path in Path(recipe.prior_cache).iterdir()}
    assert [path.name for path in sorted(files)] == ["000000.png", "000001.png", "000002.png"]
    again = [stream(recipe, 4, 3)[index] for index in range(3)]  # samples 1, 2 and 0
    for ours, theirs in zip(again, (first[1], first[2], first[0]), strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert files == {path: path.stat().st_mtime_ns for path in Path(recipe.prior_cache).iterdir()}


def test_what_is_kept_is_what_the_matcher_found(recipe, monkeypatch):
    monkeypatch.setattr("leadline.data.stereo.prior._MATCHERS", {"sgbm": 1.0})
    monkeypatch.setattr("leadline.data.stereo.prior._RANGES_PX", (96,))
    sample = stream(recipe, 0, 1)[0]
    found = ClassicalStereo("sgbm", 96)(sample["left"].numpy(), sample["right"].numpy())
    np.testing.assert_allclose(sample["prior"].numpy(), found.disparity, atol=1 / 128)
    np.testing.assert_array_equal(sample["prior_valid"].numpy(), found.valid)


def test_a_recipe_of_no_samples_is_refused(recipe):
    with pytest.raises(InputError, match="expected samples of at least 1"):
        replace(recipe, samples=0)


@pytest.mark.slow
def test_a_toy_run_becomes_a_network_that_mends(recipe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda name: None)  # Motorcycle is large
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(resolved(recipe)))
    assert load_recipe(path) == recipe
    checkpoint = train(recipe, tmp_path / "run")
    # In a process of its own: tracing a network whose every call is type-checked takes minutes.
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    output = tmp_path / "toy.onnx"
    words = [sys.executable, "-W", "ignore", "-c", code, "export", str(checkpoint), "--output", str(output)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texture = np.random.default_rng(0).integers(0, 256, (70, 120, 3), dtype=np.uint8)
    left, right = texture[:, :111], texture[:, 9:]
    mended = RefineSession(output, threads=1)(left, right, ClassicalStereo("sgbm-3way", 32)(left, right))
    assert mended.disparity.shape == (70, 111)
    assert mended.confidence is not None


class Keeps(nn.Module):
    """The network's own parts, but for a last choice that always keeps the matcher's value."""

    def __init__(self) -> None:
        super().__init__()
        self.network = LeadlineRefine()
        nn.init.zeros_(self.network.keep.weight)
        nn.init.constant_(self.network.keep.bias, 50.0)

    def forward(self, *inputs: torch.Tensor):
        return self.network(*inputs)


def test_a_network_may_keep_every_value_at_full_resolution():
    rng = np.random.default_rng(0)
    left, right = torch.from_numpy(rng.integers(0, 256, (2, 45, 77, 3), dtype=np.uint8))
    found = torch.from_numpy(rng.random((45, 77), dtype=np.float32) * 40)
    disparity, confidence = RefineInference(Keeps()).eval()(left, right, found, torch.ones(45, 77, dtype=torch.uint8))
    torch.testing.assert_close(disparity, found)
    assert ((confidence > 0) & (confidence < 1)).all()


def test_a_wrong_patch_is_mended_by_heart(recipe):
    torch.manual_seed(0)
    samples = stream(recipe, 0, 2)
    batch = default_collate([samples[index] for index in range(2)])
    # A matcher that is right but for a patch.
    batch["prior"] = torch.where(batch["valid"], batch["disparity"], 0.0)
    batch["prior"][:, 20:40, 30:60] += 15.0
    batch["prior_valid"] = batch["valid"]
    learner = RefinedStereo(recipe)
    optimizer = torch.optim.Adam(learner.model.parameters(), 3e-3)
    pair = torch.cat([batch["left"], batch["right"]]).permute(0, 3, 1, 2).float() / 255.0
    inputs = (*pair.chunk(2), batch["prior"].unsqueeze(1), batch["prior_valid"].unsqueeze(1).float())

    @torch.no_grad()
    def error() -> float:
        off = (learner.model(*inputs).disparity[:, 0] - batch["disparity"]).abs()
        return float(off[:, 20:40, 30:60][batch["valid"][:, 20:40, 30:60]].mean())

    assert error() > 10.0
    for _ in range(60):
        optimizer.zero_grad()
        torch.stack(list(learner.terms(learner.model(*inputs), batch).values())).sum().backward()
        optimizer.step()
    assert error() < 5.0
