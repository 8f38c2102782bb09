"""What a run survives: numbers that are not finite, a kill, Ctrl-C, a disk that fails while a checkpoint is saved."""

import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from leadline.errors import LeadlineError
from leadline.training.bad_batch import save_batch
from leadline.training.checkpoints import AtomicCheckpoints
from leadline.training.recipe import resolved
from leadline.training.run import train
from leadline.training.stereo import supervised as stereo
from leadline.training.stereo.recipe import StereoRecipe

DYING = """
import os, signal, sys
from leadline.apps.cli.main import main
from leadline.data.stream import Stream

number, deadly = int(sys.argv.pop(1)), int(sys.argv.pop(1))
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell are started without
read = Stream.__getitem__

def dying(self, index):
    if self.start + index == number:
        os.kill(os.getpid(), deadly)
    return read(self, index)

Stream.__getitem__ = dying
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]


def different(one: Path, other: Path) -> list[str]:
    first, second = weights(one), weights(other)
    return [name for name in first if not torch.equal(first[name], second[name])]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_a_process_that_dies_within_an_epoch_goes_on_exactly(toy_recipe, tmp_path, one_thread, number, code):
    straight = train(toy_recipe, tmp_path / "straight")
    recipe, script = tmp_path / "toy.yaml", tmp_path / "dying.py"
    recipe.write_text(yaml.safe_dump(plain(resolved(toy_recipe))))
    script.write_text(DYING)
    # Two steps of two samples are an epoch: number 6 is the first sample of the second epoch's second step.
    done = subprocess.run(
        [sys.executable, script, "6", str(int(number)), "train", recipe, "--output", tmp_path / "cut"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == code, done.stderr
    assert torch.load(tmp_path / "cut" / "last.ckpt", weights_only=True)["global_step"] == 2
    assert different(straight, train(toy_recipe, tmp_path / "cut")) == []


def plain(values):
    """Tuples as lists, which YAML can say."""
    if isinstance(values, dict):
        return {key: plain(value) for key, value in values.items()}
    return [plain(value) for value in values] if isinstance(values, tuple) else values


def test_a_loss_that_is_not_finite_leaves_its_batch(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    terms = stereo.stereo_terms

    def turning_bad(prediction, batch, *rest):
        whole = terms(prediction, batch, *rest)
        seen.append(batch["left"].clone())
        return {**whole, "full": whole["full"] * (math.nan if len(seen) == 4 else 1.0)}

    seen: list[torch.Tensor] = []
    monkeypatch.setattr(stereo, "stereo_terms", turning_bad)
    with pytest.raises(LeadlineError, match=r"finite loss at step 3, got full nan.*bad-batch-step-3\.npz"):
        train(toy_recipe, tmp_path / "run")
    with np.load(tmp_path / "run" / "bad-batch-step-3.npz") as batch:
        np.testing.assert_array_equal(batch["left"], seen[-1].numpy())
        assert set(batch) == {"left", "right", "disparity", "valid", "occluded"}
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"] == 2


def test_a_gradient_that_is_not_finite_reaches_no_weight(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    terms = stereo.stereo_terms

    def steep(prediction, *rest):
        whole = terms(prediction, *rest)
        zero = (prediction.disparity - prediction.disparity.detach()).sum()
        return {**whole, "full": whole["full"] + zero.abs().sqrt()}  # 0, with an infinite slope

    monkeypatch.setattr(stereo, "stereo_terms", steep)
    with pytest.raises(LeadlineError, match=r"finite gradients at step 0, got a norm of (nan|inf).*bad-batch-step-0"):
        train(toy_recipe, tmp_path / "run")
    assert (tmp_path / "run" / "bad-batch-step-0.npz").exists()
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_weights_that_are_not_finite_replace_no_checkpoint(toy_recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    checkpoint = train(replace(toy_recipe, steps=2), tmp_path / "run")
    before = checkpoint.read_bytes()
    step = torch.optim.AdamW.step

    def overflowing(self, *arguments, **named):
        result = step(self, *arguments, **named)
        with torch.no_grad():
            self.param_groups[0]["params"][0].fill_(math.inf)
        return result

    last = replace(toy_recipe, steps=3, epoch_steps=1)
    monkeypatch.setattr(torch.optim.AdamW, "step", overflowing)
    with pytest.raises(LeadlineError, match="finite weights at step 3, got others in model"):
        train(last, tmp_path / "run")
    assert checkpoint.read_bytes() == before


def test_a_nested_batch_is_saved_by_its_paths(tmp_path: Path):
    batch = {
        "frames": [torch.ones(2), torch.zeros(1, dtype=torch.bfloat16)],
        "name": "a",
        "pose": {"t": 3.0},
        "x": None,
    }
    save_batch(tmp_path / "b.npz", batch)
    with np.load(tmp_path / "b.npz") as saved:
        assert set(saved) == {"frames.0", "frames.1", "name", "pose.t"}
        assert (saved["frames.0"].tolist(), saved["frames.1"].tolist()) == ([1.0, 1.0], [0.0])
        assert (str(saved["name"]), float(saved["pose.t"])) == ("a", 3.0)


def test_a_checkpoint_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch):
    files, path = AtomicCheckpoints(), tmp_path / "new" / "last.ckpt"
    files.save_checkpoint({"step": 1}, path)

    def torn(checkpoint, stream):
        stream.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", torn)
        with pytest.raises(KeyboardInterrupt):
            files.save_checkpoint({"step": 2}, path)
    assert files.load_checkpoint(path) == {"step": 1}
    assert [entry.name for entry in path.parent.iterdir()] == ["last.ckpt"]
    files.remove_checkpoint(path)
    files.remove_checkpoint(path)
    assert not path.exists()
