"""Checks every shape and dtype annotation of leadline while its tests run; the real images they share."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Before the first import of a package that reports to its maker's servers, by whichever test.
for variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ[variable] = "1"

# The tests run in several processes: more than one thread in each would only wait for the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Before the first import of leadline: what is imported earlier stays unchecked.
install_import_hook("leadline", "beartype.beartype")

# A slow shared core is no failure.
settings.register_profile("leadline", deadline=None)
settings.load_profile("leadline")


@pytest.fixture(scope="session")
def real_dir() -> Path:
    """The folder of real scenes with ground truth, which lies beside the checkout and is not part of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no real scenes: expected the folder ../shared/real beside the checkout")
    return folder


@pytest.fixture(scope="session")
def mono_graph(tmp_path_factory: pytest.TempPathFactory):
    """Makes an exported graph for single images: gain times the mean of a pixel's channels, and a 255th of it."""
    import onnx
    from onnx import TensorProto, helper

    folder = tmp_path_factory.mktemp("mono")

    def write(kind="affine_inverse", gain=1.0, confidence=True, name=None, output=None, after="Identity"):
        output = output or ("inverse_depth" if kind == "affine_inverse" else "depth")
        image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", 3])
        layers = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in (output, "confidence")]
        nodes = [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "gain"], ["scaled"]),
            helper.make_node(after, ["scaled"], [output]),
            helper.make_node("Div", ["mean", "white"], ["confidence"]),
        ]
        if not confidence:
            del layers[1], nodes[4]
        constants = [
            helper.make_tensor("axes", TensorProto.INT64, [1], [2]),
            helper.make_tensor("gain", TensorProto.FLOAT, [], [gain]),
            helper.make_tensor("white", TensorProto.FLOAT, [], [255.0]),
        ]
        graph = helper.make_graph(nodes, "toy", [image], layers, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        helper.set_model_props(model, {} if kind is None else {"leadline.depth_kind": kind})
        path = folder / (name or f"{kind}-{gain}-{confidence}-{output}-{after}.onnx")
        onnx.save(model, path)
        return path

    return write


@pytest.fixture(scope="session")
def foreign_stereo(tmp_path_factory: pytest.TempPathFactory):
    """Makes a stereo network of other people: an offset, and all its input channels times weights.

    Inputs of fewer rows than the last one of three channels or more count by the mean of each channel. Of two output
    channels the second is something else.
    """
    from onnx import TensorProto, helper

    folder = tmp_path_factory.mktemp("foreign")
    types = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}

    def constant(name, values):
        array = np.asarray(values)
        kind = TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
        return helper.make_tensor(name, kind, array.shape, array.ravel())

    def write(inputs, output, weights, offset=40.0, kind="float", shape="bchw", sign=1.0, name="net.onnx"):
        rows = {label: size[2] for label, size in inputs.items()}
        whole = max(rows.values()) if all(isinstance(count, int) for count in rows.values()) else None
        constants = [constant("plane", [2, 3]), constant("channel", [1]), constant("sum", offset)]
        constants += [constant("sign", sign), constant("junk", -7.0)]
        nodes, total, first = [], "sum", 0
        for label, size in inputs.items():
            names = [f"{label} {step}" for step in ("float", "mean", "weighted", "term", "total", "weights")]
            nodes.append(helper.make_node("Cast", [label], [names[0]], to=TensorProto.FLOAT))
            if whole not in (None, rows[label]):
                nodes.append(helper.make_node("ReduceMean", [names[0], "plane"], [names[1]], keepdims=1))
            constants.append(constant(names[5], np.reshape(weights[first : first + size[1]], (1, -1, 1, 1))))
            seen = names[0] if whole in (None, rows[label]) else names[1]
            nodes.append(helper.make_node("Mul", [seen, names[5]], [names[2]]))
            nodes.append(helper.make_node("ReduceSum", [names[2], "channel"], [names[3]], keepdims=1))
            nodes.append(helper.make_node("Add", [total, names[3]], [names[4]]))
            total, first = names[4], first + size[1]
        nodes.append(helper.make_node("Mul", [total, "sign"], ["signed"]))
        nodes.append(helper.make_node("Mul", ["signed", "junk"], ["other"]))
        nodes.append(
            {
                "bchw": helper.make_node("Identity", ["signed"], [output]),
                "bhw": helper.make_node("Squeeze", ["signed", "channel"], [output]),
                "bhwc": helper.make_node("Transpose", ["signed"], [output], perm=[0, 2, 3, 1]),
                "b2hw": helper.make_node("Concat", ["signed", "other"], [output], axis=1),
            }[shape]
        )
        layers = [helper.make_tensor_value_info(label, types[kind], size) for label, size in inputs.items()]
        found = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(nodes, "foreign", layers, found, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        path = folder / name
        path.write_bytes(model.SerializeToString())
        return path

    return write


@pytest.fixture(scope="session")
def motorcycle() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middlebury Motorcycle: left and right image (RGB, uint8), left disparity (px, float32, NaN unknown)."""
    from skimage.data import stereo_motorcycle

    left, right, disparity = stereo_motorcycle()
    return left, right, np.where(np.isfinite(disparity), disparity, np.nan).astype(np.float32)
