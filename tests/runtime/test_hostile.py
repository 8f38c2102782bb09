"""Damaged and foreign graphs of our own form, options out of range, and images of odd shapes: one line for each."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from leadline.errors import InputError, LeadlineError
from leadline.loading import ModelOptions, load_model
from leadline.results.rigs import ReadyPair, search_range
from leadline.runtime import pyramid
from leadline.runtime.onnx_card import load_onnx_card
from leadline.runtime.stereo import StereoSession
from leadline.tasks import DEPTH_KIND_KEY, ENLARGE_KEY, MAX_DISPARITY_KEY, TASKS

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
_CARD = "{{name: toy, path: toy.onnx, sha256: '{}', licence: MIT, kind: affine_inverse, input: left, output: disparity, size: {{side: native}}}}"  # noqa: E501
_NUMBERS = (
    "",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e308",
    "1e999",
    "x",
    "128.5",
    "٣",
    "0x10",
    "1,5",
    "128",
    "\x00",
    "1" * 5000,
)


@pytest.mark.parametrize("key", [MAX_DISPARITY_KEY, ENLARGE_KEY])
@pytest.mark.parametrize("told", [one for one in _NUMBERS if one not in ("128.5", "128", "٣")])
def test_a_graph_that_says_an_impossible_number_of_itself(toy_graph: Path, tmp_path, key, told) -> None:
    model = onnx.load(toy_graph)
    helper.set_model_props(model, {MAX_DISPARITY_KEY: "128", key: told})
    onnx.save(model, tmp_path / "toy.onnx")
    with pytest.raises(InputError, match=rf"with {key} from .* to 65536, got") as refused:
        StereoSession(tmp_path / "toy.onnx", threads=1)
    assert len(str(refused.value)) < 400


def _drop_output(model: onnx.ModelProto, draw: random.Random) -> None:
    del model.graph.output[draw.randrange(len(model.graph.output))]


def _retype_output(model: onnx.ModelProto, draw: random.Random) -> None:
    layer = draw.choice(model.graph.output)
    kind = draw.choice(
        [TensorProto.DOUBLE, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING, TensorProto.FLOAT16]
    )
    model.graph.node.append(helper.make_node("Cast", [layer.name], [f"{layer.name}_other"], to=kind))
    model.graph.output.append(helper.make_tensor_value_info(f"{layer.name}_other", kind, None))
    model.graph.output.remove(layer)
    model.graph.node[-1].output[0], model.graph.output[-1].name = layer.name, layer.name
    for node in model.graph.node[:-1]:
        node.output[:] = [f"{name}_inner" if name == layer.name else name for name in node.output]
        node.input[:] = [f"{name}_inner" if name == layer.name else name for name in node.input]
    model.graph.node[-1].input[0] = f"{layer.name}_inner"


def _rename_input(model: onnx.ModelProto, draw: random.Random) -> None:
    layer = draw.choice(model.graph.input)
    for node in model.graph.node:
        node.input[:] = ["else" if name == layer.name else name for name in node.input]
    layer.name = "else"


def _fix_size(model: onnx.ModelProto, draw: random.Random) -> None:
    for layer in model.graph.input:
        layer.type.tensor_type.shape.dim[draw.randrange(3)].dim_value = draw.choice([1, 4, 64, 1 << 40])


def _insert(model: onnx.ModelProto, draw: random.Random) -> None:
    """NaN, infinity, a number out of range, or another shape."""
    kind = draw.choice(["Log", "Sqrt", "Exp", "Transpose", "Neg", "Shape", "Size", "Flatten", "NonZero"])
    node = draw.choice([one for one in model.graph.node if one.output[0] in ("disparity", "confidence")])
    name = node.output[0]
    node.output[0] = f"{name}_inner"
    for other in model.graph.node:
        other.input[:] = [f"{name}_inner" if one == name else one for one in other.input]
    model.graph.node.insert(len(model.graph.node), helper.make_node(kind, [f"{name}_inner"], [name]))
    for layer in model.graph.output:
        layer.type.tensor_type.ClearField("shape")


def _odd_metadata(model: onnx.ModelProto, draw: random.Random) -> None:
    keys = [*(task.graph_key for task in TASKS.values()), ENLARGE_KEY, DEPTH_KIND_KEY]
    helper.set_model_props(model, {draw.choice(keys): draw.choice(_NUMBERS) for _ in range(draw.randint(1, 4))})


def _nothing(_: onnx.ModelProto, __: random.Random) -> None:
    return


_MUTATIONS: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    _drop_output,
    _retype_output,
    _rename_input,
    _fix_size,
    _insert,
    _odd_metadata,
    _nothing,
)


def test_mutated_graphs_are_refused_in_one_line(toy_graph: Path, tmp_path) -> None:
    messages = list[str]()
    for seed in range(300):
        draw = random.Random(seed)
        model = onnx.load(toy_graph)
        mutation = draw.choice(_MUTATIONS)
        mutation(model, draw)
        content = bytearray(model.SerializeToString())
        if mutation is _nothing:
            for _ in range(draw.randint(1, 8)):
                content[draw.randrange(len(content))] = draw.randrange(256)
            if draw.random() < 0.3:
                content = content[: draw.randrange(len(content))]
        path = tmp_path / "toy.onnx"
        path.write_bytes(content)
        task = draw.choice(["stereo", "stereo", "stereo", "mono", "refine", None])
        try:
            method = load_model(path, task, threads=1)
            method(IMAGE, IMAGE) if isinstance(method, StereoSession) else method(IMAGE)
        except LeadlineError as error:
            messages.append(str(error))
    assert len(messages) > 150
    assert not any("\n" in message for message in messages)


def test_a_graph_that_does_not_take_the_images_is_refused(toy_graph: Path, tmp_path) -> None:
    model = onnx.load(toy_graph)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 4
    onnx.save(model, tmp_path / "toy.onnx")
    with pytest.raises(InputError, match=r"expected an ONNX file from .*toy.onnx failed: .*; export it again"):
        StereoSession(tmp_path / "toy.onnx", threads=1)(IMAGE, IMAGE)


def test_disparity_that_is_not_finite_is_refused(toy_graph: Path, tmp_path) -> None:
    model = onnx.load(toy_graph)
    model.graph.node[1].output[0] = "inner"
    model.graph.node.insert(2, helper.make_node("Log", ["inner"], ["disparity"]))
    onnx.save(model, tmp_path / "toy.onnx")
    with pytest.raises(InputError, match=r"expected finite disparity from .*toy.onnx, got NaN or inf"):
        StereoSession(tmp_path / "toy.onnx", threads=1)(np.zeros_like(IMAGE), IMAGE)


def test_a_graph_without_an_input_or_output_of_its_task_is_refused(toy_graph: Path, tmp_path) -> None:
    model = onnx.load(toy_graph)
    del model.graph.output[0]
    onnx.save(model, tmp_path / "toy.onnx")
    with pytest.raises(InputError, match=r"with the output 'disparity', got confidence in .*toy.onnx; export it again"):
        StereoSession(tmp_path / "toy.onnx", threads=1)


def test_weights_outside_of_a_graph_are_not_covered_by_a_checksum(toy_graph: Path, tmp_path) -> None:
    import hashlib

    model = onnx.load(toy_graph)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1024, np.float32), "w"))
    onnx.save(model, tmp_path / "toy.onnx", save_as_external_data=True, location="w.bin", size_threshold=1024)
    card = tmp_path / "card.yaml"
    card.write_text(_CARD.format(hashlib.sha256((tmp_path / "toy.onnx").read_bytes()).hexdigest()))
    with pytest.raises(InputError, match=r"expected a network in one file, got weights outside of .*toy.onnx"):
        load_onnx_card(card)


def test_a_million_threads_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected at most \d+ threads on this machine, got 1000000"):
        ModelOptions(threads=1_000_000)
    assert ModelOptions(threads=64).threads == 64


_COUNTS = """
import numpy as np
from leadline.errors import InputError
from leadline.runtime.onnx_session import require_threads
from leadline.runtime.steady import SteadyOptions
for number in (float("nan"), float("inf"), 1.5, "9", [2], True):
    takes = require_threads, lambda n: SteadyOptions(window=n), lambda n: SteadyOptions(overlap=n)
    for take in takes:
        try:
            take(number)
        except InputError as error:
            assert "whole number" in str(error), error
        else:
            raise SystemExit(f"taken: {number!r}")
require_threads(np.int64(2))
SteadyOptions(window=np.int64(9))
"""


def test_counts_that_are_no_whole_numbers_are_refused() -> None:
    # Another process: here the annotations are checked, which users' programs do not do.
    done = subprocess.run([sys.executable, "-c", _COUNTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_largest_disparity_beyond_the_width_is_cut(toy_graph: Path) -> None:
    pair = ReadyPair(IMAGE, IMAGE, None, ())
    assert search_range(pair, 30, None)[0] == search_range(pair, 29, None)[0] == 29
    session = StereoSession(toy_graph, max_disparity=100_000, threads=1)
    assert session.searched_px(30) == 30
    bright = np.full_like(IMAGE, 200)
    assert not session(bright, bright).valid.any()
    dark = np.full_like(IMAGE, 29)
    assert session(dark, dark).valid.all()


def test_a_very_wide_image_is_cut() -> None:
    seen = []

    def network(left: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(left.shape[1])
        return np.full(left.shape[:2], 3.0, np.float32), np.ones(left.shape[:2], np.float32)

    wide = np.zeros((100, 20_000, 3), np.uint8)
    disparity, _ = pyramid.match_pyramid(network, wide, wide, 192, 192)
    assert max(seen) <= 1024 + 2 * pyramid.MARGIN_PX + 192
    np.testing.assert_allclose(disparity, 3.0, rtol=1e-5)


_CLASSICAL = """
import numpy as np
from leadline.classical.flow import ClassicalFlow
from leadline.classical.stereo import ClassicalStereo
from leadline.errors import InputError
good = np.zeros((20, 30, 3), np.uint8)
bad = [good.astype(t) for t in ("f4", "f8", "i4", "u2", "i8", "?", "c8", "O", "f2")]
bad += [good[..., :2], good[None], good[0, 0], good[..., :1], np.zeros((20, 30, 4), np.uint8)]
bad += [np.full((20, 30), np.nan), None, "left.png", 3, good.tolist(), np.array(5)]
for make in (lambda: ClassicalStereo("sgbm"), lambda: ClassicalStereo("bm"), lambda: ClassicalFlow("dis-fast")):
    for one in bad:
        for pair in ((one, good), (good, one), (one, one)):
            try:
                make()(*pair)
            except InputError as error:
                assert chr(10) not in str(error)
            else:
                raise SystemExit(f"taken: {one!r}"[:100])
for number in (float("nan"), 1.5, float("inf"), "9", None):
    try:
        ClassicalStereo("sgbm", number)
    except InputError:
        continue
    raise SystemExit(f"taken: {number!r}")
"""


def test_classical_methods_refuse_what_is_no_image() -> None:
    # Another process: here the annotations are checked, which users' programs do not do.
    done = subprocess.run([sys.executable, "-c", _CLASSICAL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
