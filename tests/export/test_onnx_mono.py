"""Exported networks for single images that are not leadline-mono."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.export.onnx import load_inference
from leadline.geometry.camera import Pinhole
from leadline.models.catalog import build_model
from leadline.runtime.mono import MonoSession


@pytest.mark.parametrize(
    ("method", "model", "options"),
    [("metric-mono", "eigen", {}), ("mono", "dpt-small", {"width": 48, "depth": 4, "heads": 2})],
)
def test_a_checkpoint_becomes_a_session(method, model, options, tmp_path: Path):
    torch.manual_seed(0)
    state = {f"average.module.{name}": value for name, value in build_model(model, options).state_dict().items()}
    recipe = {"method": method, "model": model, "model_options": options}
    checkpoint, output = tmp_path / "last.ckpt", tmp_path / "toy.onnx"
    torch.save({"hyper_parameters": {"recipe": recipe}, "state_dict": state}, checkpoint)
    # In a process of its own: tracing a network whose every call is type-checked takes minutes.
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-W", "ignore", "-c", code, "export", str(checkpoint), "--output", str(output)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    session, inference = MonoSession(output, threads=1), load_inference(checkpoint, "mono")
    assert session.kind == inference.kind == ("up_to_scale" if model == "eigen" else "affine_inverse")
    assert session.canonical == (model == "eigen")
    image = np.random.default_rng(1).integers(0, 256, (70, 111, 3), dtype=np.uint8)
    with torch.inference_mode():
        wanted = inference(torch.from_numpy(image))[0].numpy()
    found = session(image)
    np.testing.assert_allclose(found.depth, wanted, atol=2e-3 * float(np.ptp(wanted)))
    camera = Pinhole(200.0, 200.0, 55.0, 34.5, 70, 111)
    metric = session.with_camera(found, camera)
    if model == "eigen":
        assert metric.kind == "metric"
        np.testing.assert_allclose(metric.depth, found.depth * 200.0 / np.sqrt(70 * 111), rtol=1e-5)
    else:
        assert metric is found
