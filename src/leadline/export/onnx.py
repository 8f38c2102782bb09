"""Trained networks as ONNX graphs, checked against torch."""

import tempfile
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from leadline.errors import InputError
from leadline.export.part import ExportPart
from leadline.io.atomic import atomic_write
from leadline.lazy import load_attribute
from leadline.models.catalog import build_model
from leadline.models.checkpoint import averaged_weights
from leadline.models.places import is_place
from leadline.runtime.graph import OnnxGraph
from leadline.tasks import Task, find_task, task_of_method, wrong_task

_OPSET: Final = 18


def export_checkpoint(
    checkpoint: Path, output: Path, enlarge: float | None = None, guided: bool = True, network: str | None = None
) -> str:
    """Writes the averaged network of a training run as an ONNX file and compares the two.

    Args:
        checkpoint: What `leadline train` saved.
        output: The ONNX file.
        enlarge: As for `load_inference`.
        guided: As for `load_inference`.
        network: As for `load_inference`.
    Returns:
        Largest difference between torch and ONNX Runtime with its unit, as of `export_network`.
    Raises:
        InputError: As `load_inference` and `export_network`.
        OutputError: If the file cannot be written.
    """
    task = task_of_method(averaged_weights(checkpoint)[0].get("method"))
    inference = load_inference(checkpoint, task.name, enlarge, guided, network)
    return task.parity.text(export_network(inference, task.name, output))


def load_inference(
    checkpoint: Path, task: str, enlarge: float | None = None, guided: bool = True, network: str | None = None
) -> Any:  # noqa: ANN401 - the class that the task names
    """The averaged network of a training run, as users call it.

    Args:
        checkpoint: What `leadline train` saved.
        task: What it must be for; a name in `leadline.tasks.TASKS`.
        enlarge: How much larger the network sees the images, instead of the recipe's value; for a task whose networks
            can, such as stereo.
        guided: Whether a network that can be guided by a matcher is.
        network: The network of another package that the checkpoint is of, `mypackage.module:MyNet`: code that only a
            checkpoint names is not run.
    Returns:
        A module of the class that the task names as its `inference`, such as `StereoInference`.
    Raises:
        InputError: If the file is not a checkpoint of `leadline train`, or of another network or task, its method's
            networks cannot be exported, or its images cannot be enlarged.
    """
    wanted = find_task(task)
    recipe, weights = averaged_weights(checkpoint)
    found = task_of_method(recipe.get("method"))
    if found is not wanted:
        raise InputError(wrong_task(str(checkpoint), found.name, wanted.name))
    builder = load_attribute(wanted.inference)
    can_enlarge = "enlarge" in signature(builder).parameters
    if enlarge is not None and not can_enlarge:
        raise InputError(f"expected no enlarge for {wanted.noun}, got {enlarge}; leave it out")
    model = _load_model(checkpoint, recipe, weights, guided, network)
    if not can_enlarge:
        return builder(model)
    return builder(model, float(recipe.get("enlarge", 1.0)) if enlarge is None else enlarge)


def _load_model(
    checkpoint: Path, recipe: Mapping[str, Any], weights: dict[str, Tensor], guided: bool, network: str | None
) -> nn.Module:
    name = str(recipe.get("model"))
    if name != network and (network is not None or is_place(name)):
        mend = f"name the network {name} too, if you trust its code" if network is None else "leave the name out"
        raise InputError(f"expected a checkpoint of {network or 'a network of leadline'}, got one of {name}; {mend}")
    options = dict(recipe.get("model_options") or {})
    if not guided and options.pop("guided", False):
        weights = {name: value for name, value in weights.items() if ".sgbm_prior." not in name}
    try:
        model = build_model(name, options)
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"expected weights of a network of this leadline in {checkpoint}: {reason}") from None
    return model.eval()


def export_network(inference: nn.Module, task: str, output: Path) -> float:
    """Writes a network as an ONNX file for images of any size.

    The modules `leadline.export.stereo`, `mono` and `refine` say what the graphs take and give.

    Args:
        inference: The network with its pre- and post-processing.
        task: What it is for; a name in `leadline.tasks.TASKS`.
        output: The ONNX file.
    Returns:
        Largest difference of the first output between torch and ONNX Runtime, but for at most one pixel in 10,000: in
        the unit of the task's `parity`.
    Raises:
        InputError: If they differ by more than the task's `parity` allows, or there is no such task.
        OutputError: If the file cannot be written.
    """
    about = find_task(task)
    part: ExportPart = load_attribute(about.export)
    inference = inference.eval()
    inputs = _tensors(part.example(inference, *part.trace_size))
    with torch.inference_mode():
        layers = zip(part.outputs(inference), inference(*inputs.values()), strict=True)
        names = [name for name, layer in layers if layer is not None]
    content = _graph(inference, inputs, names, part)
    parity = _parity(inference, about, names[0], content)
    if parity > about.parity.tolerance:
        raise InputError(
            f"expected torch and ONNX within {about.parity.text(about.parity.tolerance)}, got "
            f"{about.parity.text(parity)}; do not ship it"
        )
    with atomic_write(output) as stream:
        stream.write(content)
    return parity


def _tensors(layers: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(layer) for name, layer in layers.items()}


def _graph(inference: nn.Module, images: Mapping[str, Tensor], outputs: Sequence[str], part: ExportPart) -> bytes:
    """The network as a graph for images of any size, with metadata."""
    program = torch.onnx.export(
        inference,
        tuple(images.values()),
        input_names=list(images),
        output_names=list(outputs),
        dynamic_shapes={name: dict.fromkeys(part.axes.get(name, (0, 1)), Dim.DYNAMIC) for name in images},
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    onnx.helper.set_model_props(graph, dict(part.metadata(inference)))
    return serialised(graph)


def serialised(graph: onnx.ModelProto) -> bytes:
    """A graph as a file, without the traces that say where in whose sources each operator stood.

    Args:
        graph: As torch exported it.
    """
    for part in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
    return graph.SerializeToString()


def _parity(inference: nn.Module, task: Task, output: str, content: bytes) -> float:
    """Largest difference of an output at the task's sizes."""
    part: ExportPart = load_attribute(task.export)
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        path.write_bytes(content)
        graph = OnnxGraph(path, task.name, threads=1)
        for height, width in part.sizes:
            inputs = part.example(inference, height, width)
            with torch.inference_mode():
                wanted = inference(*_tensors(inputs).values())[0].numpy()
            (found,) = graph.run([output], inputs)
            largest = max(largest, task.parity.difference(found, wanted))
    return largest
