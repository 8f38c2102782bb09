"""Mending disparities: what goes into the graph, what comes out, and large images in bands."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.runtime.refine import RefineSession
from leadline.runtime.stereo import StereoSession
from leadline.tasks import TASKS


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adds 1 px to what was found; sure where it was valid."""

    def layer(name, kind, *depth):
        return helper.make_tensor_value_info(name, kind, ["h", "w", *depth])

    inputs = [layer(side, TensorProto.UINT8, 3) for side in ("left", "right")]
    inputs += [layer("prior", TensorProto.FLOAT), layer("prior_valid", TensorProto.UINT8)]
    outputs = [layer(name, TensorProto.FLOAT) for name in ("disparity", "confidence")]
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    nodes = [
        helper.make_node("Add", ["prior", "one"], ["disparity"]),
        helper.make_node("Cast", ["prior_valid"], ["confidence"], to=TensorProto.FLOAT),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "toy", inputs, outputs, [one]), opset_imports=[helper.make_opsetid("", 18)]
    )
    model.ir_version = 9
    helper.set_model_props(model, {TASKS["refine"].graph_key: "1"})
    path = tmp_path_factory.mktemp("graph") / "toy.onnx"
    onnx.save(model, path)
    return path


def pair(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


def test_unknown_disparity_is_filled_from_the_background_with_low_confidence(graph: Path):
    disparity = np.full((20, 30), 7.0, np.float32)
    disparity[:, :10], disparity[5, 8:12] = 3.0, np.nan
    valid = np.isfinite(disparity)
    mended = RefineSession(graph, threads=1)(*pair(20, 30), DisparityMap(disparity, valid))
    assert mended.valid.all()
    np.testing.assert_array_equal(mended.disparity[5, 8:12], 4.0)
    np.testing.assert_array_equal(mended.disparity[:, 20:], 8.0)
    assert mended.confidence is not None
    np.testing.assert_array_equal(mended.confidence, valid.astype(np.float32))


def test_a_large_image_in_bands_is_what_it_is_in_one_piece(graph: Path):
    height, width = 2300, 1000
    disparity = np.random.default_rng(1).random((height, width), dtype=np.float32) * 90
    valid = np.random.default_rng(2).random((height, width)) < 0.8
    mended = RefineSession(graph, threads=1)(*pair(height, width), DisparityMap(disparity, valid))
    np.testing.assert_allclose(mended.disparity, disparity + 1.0, atol=1e-4)
    np.testing.assert_allclose(mended.confidence, valid, atol=1e-5)


def test_grey_images_are_taken(graph: Path):
    left, right = pair(16, 16)
    found = DisparityMap(np.ones((16, 16), np.float32), np.ones((16, 16), bool))
    assert (RefineSession(graph, threads=1)(left[..., 0], right[..., 0], found).disparity == 2.0).all()


def test_a_disparity_of_another_size_is_refused(graph: Path):
    found = DisparityMap(np.ones((10, 15), np.float32), np.ones((10, 15), bool))
    with pytest.raises(InputError, match=r"disparity of the images' size \(20, 30\).*got \(10, 15\)"):
        RefineSession(graph, threads=1)(*pair(20, 30), found)


def test_the_network_of_another_task_is_refused_both_ways(graph: Path):
    with pytest.raises(InputError, match=r"expected a stereo network.*use it with `leadline refine`"):
        StereoSession(graph)
    with pytest.raises(InputError, match="expected a network that mends disparities, got leadline-fast"):
        RefineSession("leadline-fast")
