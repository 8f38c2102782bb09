"""Tasks: one entry for each, and a new one needs no other edit."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from leadline.errors import InputError
from leadline.lazy import load_attribute
from leadline.loading import load_model
from leadline.runtime.card import find_graph
from leadline.runtime.graph import OnnxGraph, task_of_graph
from leadline.tasks import TASKS, Parity, Task, find_task, task_of_method
from leadline.training.recipe import METHODS

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


class BrightnessSession:
    """What a session of a new task might be: it runs a graph of that task."""

    def __init__(self, model: str | Path, threads: int | None = None, provider: Any = "cpu") -> None:
        self._graph = OnnxGraph(find_graph(model, "brightness"), "brightness", threads, provider)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        (found,) = self._graph.run(["brightness"], {"image": image})
        return found


@pytest.fixture
def brightness(monkeypatch: pytest.MonkeyPatch) -> Task:
    """A new task: one entry, and nothing else."""
    module = ModuleType("toy_brightness")
    module.BrightnessSession = BrightnessSession  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "toy_brightness", module)
    task = Task(
        name="brightness",
        noun="a network that sees brightness",
        command="leadline brightness",
        inputs=("image", "mask", "gain", "bias"),
        images=1,
        graph_key="leadline.brightness",
        result="numpy:ndarray",
        session="toy_brightness:BrightnessSession",
        inference="toy_brightness:BrightnessInference",
        to_map="toy_brightness:to_map",
        export="toy_brightness:PART",
        parity=Parity(tolerance=0.5),
        methods=("brightness",),
    )
    monkeypatch.setitem(TASKS, "brightness", task)  # pyright: ignore[reportArgumentType]
    return task


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", 3])
    layer = helper.make_tensor_value_info("brightness", TensorProto.FLOAT, ["h", "w"])
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["brightness"], keepdims=0),
    ]
    axes = [helper.make_tensor("axes", TensorProto.INT64, [1], [2])]
    model = helper.make_model(
        helper.make_graph(nodes, "toy", [image], [layer], axes),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    helper.set_model_props(model, {"leadline.brightness": "1"})
    onnx.save(model, tmp_path / "toy.onnx")
    return tmp_path / "toy.onnx"


def test_a_new_task_is_one_entry(brightness: Task, graph: Path):
    assert task_of_graph({"leadline.brightness": "1"}) == "brightness"
    assert task_of_method("brightness") is brightness
    method = load_model(graph, threads=1)
    np.testing.assert_allclose(method(IMAGE), IMAGE.mean(2), rtol=1e-5)
    with pytest.raises(InputError, match=r"expected a stereo network, got .*toy\.onnx, which is a network that sees"):
        load_model(graph, "stereo")
    with pytest.raises(InputError, match="use it with `leadline brightness`"):
        OnnxGraph(graph, "mono")
    with pytest.raises(InputError, match="expected a network that sees brightness, got leadline-fast"):
        load_model("leadline-fast", "brightness")


def test_a_graph_of_an_unknown_task_is_refused(graph: Path):
    for task in (None, *TASKS):
        with pytest.raises(InputError, match="expected an ONNX file from `leadline export`, got another network"):
            load_model(graph, task)


def test_an_unknown_task_is_refused():
    for refuses in (find_task, lambda name: load_model("leadline-fast", name)):
        with pytest.raises(InputError, match="expected one of stereo, mono, refine, flow as the task, got 'depth'"):
            refuses("depth")


@pytest.mark.parametrize("method", [None, "supervised", "finetune"])
def test_a_method_that_is_of_no_task_is_refused(method):
    with pytest.raises(InputError, match=f"expected a run that can be exported, .* got one of method: {method}"):
        task_of_method(method)


def test_what_a_task_names_exists():
    for name, task in TASKS.items():
        assert task.name == name
        places = (task.result, task.session, task.inference, task.to_map, task.export, *task.stands_for.values())
        assert all(load_attribute(place) is not None for place in places)
        assert set(task.stands_for) <= set(TASKS)
        assert set(task.methods) <= set(METHODS)
        assert 1 <= task.images <= len(task.inputs)


def test_keys_are_different():
    assert len({task.graph_key for task in TASKS.values()}) == len(TASKS)


def test_a_difference_is_that_of_all_but_one_pixel_in_ten_thousand():
    wanted = np.zeros((100, 200), np.float32)
    found = wanted.copy()
    found[0, 0] = 5.0
    assert Parity(tolerance=1.0).difference(found, wanted) == 0.0
    found[0, :10] = 5.0
    assert Parity(tolerance=1.0).difference(found, wanted) == 5.0


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("leadline.tasks", "expected a name such as package.module:Attribute, got 'leadline.tasks'"),
        ("leadline tasks:TASKS", "expected a name such as"),
        ("no_such_package:Thing", "found no no_such_package; install its package, or add its folder to PYTHONPATH"),
        ("leadline.no_such_module:Thing", r"found no leadline\.no_such_module"),
        ("leadline.tasks:Tusk", "expected an attribute Tusk in the module leadline.tasks, found none"),
    ],
)
def test_names_of_attributes_that_stand_for_nothing(place: str, says: str):
    with pytest.raises(InputError, match=says):
        load_attribute(place)


def test_a_module_that_lacks_a_package_says_so_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "incomplete_toy.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        load_attribute("incomplete_toy:Thing")


def test_a_task_says_which_share_of_its_output_must_agree():
    """Of 200 values 1 % may differ: the two worst do not count, the third does."""
    wanted = np.zeros((10, 20), np.float32)
    for wrong, difference in ((1, 0.0), (3, 5.0)):
        found = wanted.copy()
        found[0, :wrong] = 5.0
        assert Parity(tolerance=1.0, alike=0.99).difference(found, wanted) == pytest.approx(difference, abs=0.06)
