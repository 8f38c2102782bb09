"""Exported graphs that are smaller than a network."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from leadline.tasks import MAX_DISPARITY_KEY


def write_graph(path: Path, metadata: dict[str, str], confidence: bool = True) -> Path:
    """Disparity is the mean of a left pixel's channels, confidence a 255th of it if there is one."""
    sides = [helper.make_tensor_value_info(side, TensorProto.UINT8, ["h", "w", 3]) for side in ("left", "right")]
    layers = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["h", "w"]) for n in ("disparity", "confidence")]
    nodes = [
        helper.make_node("Cast", ["left"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["disparity"], keepdims=0),
        helper.make_node("Div", ["disparity", "white"], ["confidence"]),
    ]
    if not confidence:
        del layers[1], nodes[2]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [1], [2]),
        helper.make_tensor("white", TensorProto.FLOAT, [], [255.0]),
    ]
    graph = helper.make_graph(nodes, "toy", sides, layers, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def toy_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_graph(tmp_path_factory.mktemp("graphs") / "toy.onnx", {MAX_DISPARITY_KEY: "128"})


@pytest.fixture(scope="session")
def unsure_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graphs") / "unsure.onnx"
    return write_graph(path, {MAX_DISPARITY_KEY: "128"}, confidence=False)


@pytest.fixture(scope="session")
def guided_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Says what it was told: the matcher's disparity, sure where the matcher is."""
    path = tmp_path_factory.mktemp("graphs") / "guided.onnx"
    image, number, kind = ["h", "w", 3], ["h", "w"], TensorProto
    inputs = [helper.make_tensor_value_info(side, kind.UINT8, image) for side in ("left", "right")]
    inputs.append(helper.make_tensor_value_info("prior", kind.FLOAT, number))
    inputs.append(helper.make_tensor_value_info("prior_valid", kind.UINT8, number))
    layers = [helper.make_tensor_value_info(n, kind.FLOAT, number) for n in ("disparity", "confidence")]
    nodes = [
        helper.make_node("Identity", ["prior"], ["disparity"]),
        helper.make_node("Cast", ["prior_valid"], ["confidence"], to=kind.FLOAT),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "toy", inputs, layers), opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )
    helper.set_model_props(model, {MAX_DISPARITY_KEY: "32"})
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def foreign_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_graph(tmp_path_factory.mktemp("graphs") / "foreign.onnx", {})
