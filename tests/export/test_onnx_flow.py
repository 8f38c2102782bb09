"""The optical-flow network as a graph."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.export.onnx import load_inference
from leadline.models.catalog import build_model
from leadline.runtime.flow import FlowSession


@pytest.mark.slow
def test_a_checkpoint_becomes_a_session(tmp_path: Path):
    torch.manual_seed(0)
    state = {f"average.module.{name}": value for name, value in build_model("leadline-flow").state_dict().items()}
    checkpoint, output = tmp_path / "last.ckpt", tmp_path / "toy.onnx"
    recipe = {"method": "flow", "model": "leadline-flow"}
    torch.save({"hyper_parameters": {"recipe": recipe}, "state_dict": state}, checkpoint)
    # In a process of its own: tracing a network whose every call is type-checked takes minutes.
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-W", "ignore", "-c", code, "export", str(checkpoint), "--output", str(output)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    session, inference = FlowSession(output, threads=1), load_inference(checkpoint, "flow")
    frames = [np.random.default_rng(seed).integers(0, 256, (70, 111, 3), dtype=np.uint8) for seed in (0, 1)]
    with torch.inference_mode():
        wanted, sure = (layer.numpy() for layer in inference(*map(torch.from_numpy, frames)))
    found = session(*frames)
    assert found.confidence is not None
    # But for pixels whose flow lies between two whole ones, where a rounding may go either way.
    assert np.mean(np.abs(found.flow - wanted).max(axis=2) > 0.05) < 0.02
    assert np.mean(np.abs(found.confidence - sure) > 0.01) < 0.02
