"""Exported graphs do what torch does."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from leadline.errors import InputError, OutputError
from leadline.export import onnx as export_module
from leadline.export.onnx import (
    export_checkpoint,
    export_network,
    load_inference,
    serialised,
)
from leadline.models.mono import LeadlineMono, MonoInference, MonoPrediction
from leadline.models.stereo import LeadlineFast, StereoInference, StereoPrediction
from leadline.runtime.graph import OnnxGraph, StereoGraph
from leadline.tasks import DEPTH_KIND_KEY

FAST = {"method": "stereo", "model": "leadline-fast"}


class Brightness(nn.Module):
    """The smallest stereo network: bright is near."""

    max_disparity = 64
    input_stride = 4

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> StereoPrediction:
        disparity = 10.0 * left.mean(dim=1, keepdim=True)
        coarse = functional.avg_pool2d(disparity, 4)
        return StereoPrediction(disparity, disparity - 5.0, coarse, (coarse,))


@pytest.mark.slow
def test_a_checkpoint_becomes_a_graph_within_0_02_px_of_torch(tmp_path: Path):
    torch.manual_seed(0)
    model = LeadlineFast()
    state = {f"average.module.{name}": value for name, value in model.state_dict().items()}
    checkpoint, output = tmp_path / "last.ckpt", tmp_path / "fast.onnx"
    torch.save(
        {"hyper_parameters": {"recipe": FAST}, "state_dict": state},
        checkpoint,
    )
    # In a process of its own: tracing a network whose every call is type-checked takes minutes.
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-W", "ignore", "-c", code, "export", str(checkpoint), "--output", str(output)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split(" px of torch")[0].split()[-1]) < 0.02
    left, right = np.random.default_rng(1).integers(0, 256, (2, 70, 111, 3), dtype=np.uint8)
    with torch.inference_mode():
        disparity, confidence = load_inference(checkpoint, "stereo")(torch.from_numpy(left), torch.from_numpy(right))
    found_disparity, found_confidence = StereoGraph(output, threads=1)(left, right)
    np.testing.assert_allclose(found_disparity, disparity.numpy(), atol=0.02)
    np.testing.assert_allclose(found_confidence, confidence.numpy(), atol=1e-3)


def test_what_is_more_than_a_graph_is_not_exported(tmp_path: Path):
    torch.save({"hyper_parameters": {"recipe": {"method": "diffusion"}}, "state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(
        InputError,
        match=r"expected a run that can be exported, .* got one of method: diffusion; use it",
    ):
        export_checkpoint(tmp_path / "last.ckpt", tmp_path / "model.onnx")


def test_a_graph_does_not_tell_where_its_sources_lay():
    node = onnx.helper.make_node("Neg", ["x"], ["y"])
    node.metadata_props.add(key="stack_trace", value="/home/somebody/network.py")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_model(onnx.helper.make_graph([node], "graph", [value], [result]))
    onnx.helper.set_model_props(graph, {"kept": "yes"})
    content = serialised(graph)
    assert b"somebody" not in content
    assert onnx.load_from_string(content).metadata_props[0].value == "yes"


class Darkness(nn.Module):
    """The smallest network for single images: dark is near."""

    input_stride = 32

    def forward(self, image: torch.Tensor) -> MonoPrediction:
        return MonoPrediction(-image.mean(dim=1, keepdim=True))


def mono_checkpoint(path: Path) -> Path:
    torch.manual_seed(0)
    state = {f"average.module.{name}": value for name, value in LeadlineMono().state_dict().items()}
    recipe = {"method": "mono", "model": "leadline-mono"}
    torch.save({"hyper_parameters": {"recipe": recipe}, "state_dict": state}, path)
    return path


@pytest.mark.slow
def test_a_checkpoint_for_single_images_becomes_a_graph_like_torch(tmp_path: Path):
    checkpoint, output = mono_checkpoint(tmp_path / "last.ckpt"), tmp_path / "mono.onnx"
    # In a process of its own: tracing a network whose every call is type-checked takes minutes.
    code = "import sys; from leadline.apps.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-W", "ignore", "-c", code, "export", str(checkpoint), "--output", str(output)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("% of the range of torch")
    assert output.stat().st_size < 25e6
    graph = OnnxGraph(output, "mono", threads=1)
    assert graph.metadata[DEPTH_KIND_KEY] == "affine_inverse"
    assert graph.outputs == ["inverse_depth", "confidence"]
    inference, rng = load_inference(checkpoint, "mono"), np.random.default_rng(1)
    for size in ((320, 240), (70, 111), (16, 16)):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        with torch.inference_mode():
            inverse_depth, confidence = inference(torch.from_numpy(image))
        found = graph.run(["inverse_depth", "confidence"], {"image": image})
        np.testing.assert_allclose(found[0], inverse_depth.numpy(), atol=1e-3 * float(np.ptp(inverse_depth.numpy())))
        np.testing.assert_allclose(found[1], confidence.numpy(), atol=1e-3)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Spares the tracing; keeps the names of the outputs."""
    names: list[list[str]] = []
    monkeypatch.setattr(export_module, "_graph", lambda _, images, outputs, properties: names.append(outputs) or b"g")
    return names


def test_network_without_confidence_exports_one_output(tmp_path: Path, traced, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export_module, "_parity", lambda *_: 0.0009)
    assert export_network(MonoInference(Darkness()), "mono", tmp_path / "toy.onnx") == 0.0009
    assert traced == [["inverse_depth"]]
    assert (tmp_path / "toy.onnx").read_bytes() == b"g"


def test_a_mono_graph_that_differs_from_torch_is_not_written(tmp_path: Path, traced, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export_module, "_parity", lambda *_: 0.002)
    with pytest.raises(InputError, match=r"within 0.1 % of the range, got 0.2 % of the range"):
        export_network(MonoInference(Darkness()), "mono", tmp_path / "toy.onnx")
    assert traced
    assert list(tmp_path.iterdir()) == []


def test_single_images_are_not_enlarged(tmp_path: Path):
    with pytest.raises(InputError, match=r"expected no enlarge for a monocular network, got 1\.5"):
        export_checkpoint(mono_checkpoint(tmp_path / "last.ckpt"), tmp_path / "mono.onnx", 1.5)


def test_enlarging_is_part_of_the_graph(tmp_path: Path):
    assert export_network(StereoInference(Brightness(), 1.25), "stereo", tmp_path / "toy.onnx") < 1e-3
    session = StereoGraph(tmp_path / "toy.onnx")
    assert (session.max_disparity, session.enlarge) == (51, 1.25)


class Believing(nn.Module):
    """The smallest guided network: it says what the matcher found, and a little of the images."""

    max_disparity, input_stride, guided = 64, 4, True

    def forward(
        self, left: torch.Tensor, right: torch.Tensor, found: torch.Tensor, valid: torch.Tensor
    ) -> StereoPrediction:
        disparity = found + (left - right).mean(dim=1, keepdim=True)
        return StereoPrediction(disparity, 4.0 * valid - 2.0, disparity, (disparity,))


def test_a_guided_graph_takes_what_the_matcher_found(tmp_path: Path):
    assert export_network(StereoInference(Believing(), 1.5), "stereo", tmp_path / "toy.onnx") < 1e-3  # pyright: ignore
    graph = OnnxGraph(tmp_path / "toy.onnx", "stereo")
    assert graph.inputs == ["left", "right", "prior", "prior_valid"]
    image, found = np.zeros((45, 70, 3), np.uint8), np.full((45, 70), 7.5, np.float32)
    valid = np.ones((45, 70), np.uint8)
    inputs = {"left": image, "right": image, "prior": found, "prior_valid": valid}
    disparity, confidence = graph.run(["disparity", "confidence"], inputs)
    np.testing.assert_allclose(disparity, found, atol=1e-4)
    np.testing.assert_allclose(confidence, 1.0 / (1.0 + np.exp(-2.0)), atol=1e-5)


def test_network_with_a_prior_is_exported_without_it_too(tmp_path: Path):
    torch.manual_seed(0)
    model = LeadlineFast(guided=True).eval()
    state = {f"average.module.{name}": value for name, value in model.state_dict().items()}
    recipe = {"method": "stereo", "model": "leadline-fast", "model_options": {"guided": True}, "enlarge": 1.4}
    torch.save({"hyper_parameters": {"recipe": recipe}, "state_dict": state}, tmp_path / "last.ckpt")
    assert load_inference(tmp_path / "last.ckpt", "stereo").guided
    alone = load_inference(tmp_path / "last.ckpt", "stereo", 1.0, guided=False)
    assert not alone.guided
    assert not any("sgbm_prior" in name for name in alone.state_dict())
    left, right = torch.randint(0, 256, (2, 40, 70, 3), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(alone(left, right)[0], StereoInference(model)(left, right)[0])


def test_a_graph_that_differs_from_torch_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export_module, "_parity", lambda *_: 0.03)
    with pytest.raises(InputError, match=r"within 0.02 px, got 0.03 px"):
        export_network(StereoInference(Brightness()), "stereo", tmp_path / "toy.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export_module, "_parity", lambda *_: 0.0)
    with pytest.raises(OutputError, match="folder"):
        export_network(StereoInference(Brightness()), "stereo", tmp_path / "none" / "toy.onnx")


@pytest.mark.parametrize("content", [None, b"no checkpoint"])
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path, content):
    path = tmp_path / "last.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="checkpoint of `leadline train`") as refused:
        load_inference(path, "stereo")
    assert "\n" not in str(refused.value)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path):
    state = {"average.module.weight": torch.zeros(1)}
    torch.save(
        {"hyper_parameters": {"recipe": FAST}, "state_dict": state},
        tmp_path / "a.ckpt",
    )
    with pytest.raises(InputError, match="network of this leadline"):
        load_inference(tmp_path / "a.ckpt", "stereo")


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path):
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match="could not read"):
        load_inference(tmp_path / "other.ckpt", "stereo")
