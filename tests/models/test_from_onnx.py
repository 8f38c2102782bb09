"""An exported network comes back as it was."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from leadline.errors import InputError
from leadline.models.from_onnx import from_onnx
from leadline.runtime.card import find_graph
from leadline.runtime.graph import StereoGraph
from leadline.runtime.prior import sgbm_prior


@pytest.fixture(scope="module")
def accurate() -> Path:
    return find_graph("leadline-accurate", "stereo")


def test_the_bundled_network_comes_back_within_0_02_px(accurate: Path):
    noise = np.random.default_rng(0).random((40, 60, 3), dtype=np.float32)
    texture = np.kron(noise, np.ones((3, 3, 1), np.float32))
    texture = (255.0 * texture).astype(np.uint8)
    left, right = texture[:, :-9].copy(), texture[:, 9:].copy()
    inference = from_onnx(accurate)
    assert (inference.max_disparity, float(inference.enlarge), inference.guided) == (137, 1.4, True)
    inputs = map(torch.from_numpy, (left, right, *sgbm_prior(left, right, inference.max_disparity)))
    with torch.inference_mode():
        disparity, confidence = inference(*inputs)
    wanted, trust = StereoGraph(accurate, threads=1)(left, right)
    assert confidence is not None
    # A network that rounds a disparity may round a tie to either side.
    assert np.quantile(np.abs(disparity.numpy() - wanted), 0.999) < 0.02
    assert np.quantile(np.abs(confidence.numpy() - trust), 0.999) < 0.01


def test_folded_norms_become_an_identity_and_a_bias(accurate: Path):
    model = from_onnx(accurate).model
    stored = {tensor.name: tensor for tensor in onnx.load(accurate).graph.initializer}
    bias = onnx.numpy_helper.to_array(stored["model.hourglass.fuse.0.weight_bias"])
    norm = model.get_submodule("hourglass.fuse.1")
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.weight[0].item() == pytest.approx(math.sqrt(1.0 + norm.eps))
    with torch.inference_mode():
        torch.testing.assert_close(norm(torch.zeros(1, 48, 1, 1)).flatten(), torch.tensor(bias))


def test_its_weights_can_be_trained_on(accurate: Path):
    model = from_onnx(accurate).model
    image = torch.rand((1, 3, 32, 64), generator=torch.Generator().manual_seed(0))
    model(image, image.roll(-4, 3)).disparity.sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)
    first = model.get_parameter("features.stem.0.weight").grad
    assert first is not None
    assert (first != 0).any()


def write_graph(path: Path, metadata: dict[str, str]) -> Path:
    layer = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "toy", [layer], [layer])
    graph.output[0].name = "y"
    model = helper.make_model(graph)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def test_other_networks_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="expected the weights of a LeadlineFast"):
        from_onnx(write_graph(tmp_path / "other.onnx", {"leadline.max_disparity": "64"}))
    with pytest.raises(InputError, match="expected an ONNX file from `leadline export`"):
        from_onnx(write_graph(tmp_path / "foreign.onnx", {}))
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="expected an ONNX file from `leadline export`"):
        from_onnx(tmp_path / "broken.onnx")
