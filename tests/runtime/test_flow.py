"""The session of an optical-flow graph, with a toy graph whose flow follows from the frames' sizes by hand."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from leadline.classical.flow import ClassicalFlow
from leadline.classical.flow_prior import PRIOR_LAYERS
from leadline.errors import InputError
from leadline.loading import load_model
from leadline.runtime import flow as flow_module
from leadline.runtime.flow import FlowMethod, FlowSession


def frames(height: int = 20, width: int = 30, colour: bool = True) -> list[np.ndarray]:
    shape = (height, width, 3) if colour else (height, width)
    return [np.full(shape, value, np.uint8) for value in (40, 10)]


@pytest.fixture
def graph(tmp_path: Path):
    """Flow (u, v) are the first two channels of the first frame less those of the second, plus an offset."""

    def write(offset: float = 0.0, confidence: bool = True, rows: int = 0, guided: bool = False) -> Path:
        images = [helper.make_tensor_value_info(n, TensorProto.UINT8, ["h", "w", 3]) for n in ("first", "second")]
        if guided:
            images.append(helper.make_tensor_value_info("prior", TensorProto.FLOAT, ["h", PRIOR_LAYERS, "w"]))
        names = ("flow", "confidence") if confidence else ("flow",)
        layers = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names]
        nodes = [
            helper.make_node("Cast", ["first"], ["a"], to=TensorProto.FLOAT),
            helper.make_node("Cast", ["second"], ["b"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["a", "b"], ["d"]),
            helper.make_node("Add", ["d", "offset"], ["moved"]),
            *([helper.make_node("Transpose", ["prior"], ["turned"], perm=[0, 2, 1])] if guided else []),
            helper.make_node("Slice", ["turned" if guided else "moved", "start", "end", "axes"], ["flow"]),
        ]
        if confidence:
            nodes.append(helper.make_node("ReduceMean", ["d", "last"], ["confidence"], keepdims=0))
        constants = [
            helper.make_tensor("offset", TensorProto.FLOAT, [], [offset]),
            helper.make_tensor("start", TensorProto.INT64, [2], [rows, 0]),
            helper.make_tensor("end", TensorProto.INT64, [2], [1 << 30, 2]),
            helper.make_tensor("axes", TensorProto.INT64, [2], [0, 2]),
            helper.make_tensor("last", TensorProto.INT64, [1], [2]),
        ]
        body = helper.make_graph(nodes, "toy", images, layers, constants)
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        helper.set_model_props(model, {"leadline.flow": "1"})
        path = tmp_path / f"{offset}-{confidence}-{rows}-{guided}.onnx"
        onnx.save(model, path)
        return path

    return write


@pytest.mark.parametrize("colour", [True, False])
def test_a_graph_becomes_a_map(graph, colour):
    session = load_model(graph(), "flow", threads=1)
    assert isinstance(session, FlowSession)
    assert isinstance(session, FlowMethod)
    found = session(*frames(colour=colour))
    np.testing.assert_array_equal(found.flow, np.full((20, 30, 2), 30.0))
    assert found.valid.all()
    # A mean of 30 is no probability: it is cut to 1.
    np.testing.assert_array_equal(found.confidence, 1.0)
    assert session.description["threads"] == 1
    assert FlowSession(graph(confidence=False), threads=1)(*frames()).confidence is None


def test_a_guided_graph_gets_what_classical_flow_says(graph):
    """The toy graph answers with the prior's first two layers: DIS, as by itself."""
    texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (80, 104, 3), np.uint8), (0, 0), 2)
    pair = texture[:, 4:].copy(), texture[:, :100].copy()
    found = FlowSession(graph(guided=True), threads=1)(*pair)
    np.testing.assert_array_equal(found.flow, ClassicalFlow("dis")(*pair).flow)
    assert abs(float(np.median(found.flow[..., 0])) - 4.0) < 0.2


def test_large_frames_are_matched_smaller_and_their_flow_enlarged(graph, monkeypatch):
    """At half the size, a motion of 30 px is one of 60 px of the frame itself; at a third of its rows, of 90 px."""
    monkeypatch.setattr(flow_module, "_LARGEST_PIXELS", 20 * 40)
    found = FlowSession(graph(), threads=1)(*frames(40, 80))
    np.testing.assert_allclose(found.flow, 60.0)
    assert found.flow.shape == (40, 80, 2)
    assert found.confidence is not None
    assert found.confidence.shape == (40, 80)


def test_what_is_not_finite_is_invalid_and_nothing_finite_is_refused(graph):
    with pytest.raises(InputError, match="no finite one anywhere"):
        FlowSession(graph(float("inf")), threads=1)(*frames())


def test_wrong_frames_are_refused(graph):
    session = FlowSession(graph(), threads=1)
    first, second = frames()
    with pytest.raises(InputError, match="of one size"):
        session(first, second[:, 1:])
    with pytest.raises(InputError, match="expected 8-bit RGB or grey for the second frame"):
        session(first, np.dstack([second, second[..., :1]]))
    with pytest.raises(InputError, match="at least 16 px"):
        session(first[:15], second[:15])
    with pytest.raises(InputError, match="export it again"):
        FlowSession(graph(rows=1), threads=1)(first, second)
