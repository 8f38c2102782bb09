"""Checkpoints of earlier versions are read under the names of this one."""

from pathlib import Path

import torch

from leadline.export.onnx import load_inference
from leadline.models.checkpoint import averaged_weights
from leadline.models.stereo import LeadlineFast


def test_a_checkpoint_of_version_0_1_is_read(tmp_path: Path):
    torch.manual_seed(0)
    model = LeadlineFast(guided=True)
    state = {
        f"average.module.{name}".replace(".sgbm_prior.", ".guidance."): value
        for name, value in model.state_dict().items()
    }
    assert any(".guidance." in name for name in state)
    recipe = {"learning": "stereo", "model": "leadline-fast", "model_options": {"guided": True}}
    torch.save({"hyper_parameters": {"recipe": recipe}, "state_dict": state}, tmp_path / "last.ckpt")
    found, weights = averaged_weights(tmp_path / "last.ckpt")
    assert found["method"] == "stereo"
    assert set(weights) == set(model.state_dict())
    assert load_inference(tmp_path / "last.ckpt", "stereo").guided
    assert not load_inference(tmp_path / "last.ckpt", "stereo", guided=False).guided
