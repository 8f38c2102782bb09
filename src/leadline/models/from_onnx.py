"""Trainable networks out of exported graphs: the weights that an ONNX file of ours carries, back in torch."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from leadline.errors import InputError
from leadline.models.blocks.normalisation import InstanceNorm
from leadline.models.checkpoint import current_name
from leadline.models.stereo import LeadlineFast, StereoInference
from leadline.tasks import ENLARGE_KEY, MAX_DISPARITY_KEY

_PREFIX: Final = "model."
"""What the names of the network's weights begin with in the graph."""
_CELL_PX: Final = 4
"""Pixels of one bin of LeadlineFast's cost volume, whose number of bins is that of its channels."""
_VOLUME_WEIGHT: Final = "hourglass.enter.0.weight"
_GUIDED_WEIGHT: Final = "selection.sgbm_prior.enter.weight"


def from_onnx(path: Path) -> StereoInference:
    """The trainable network behind an exported LeadlineFast, as users call it.

    The exporter folds batch norms into the convolutions before them. Such a norm comes back with mean 0, variance 1, a
    gain of one and the folded bias: keep its statistics frozen, for those of the training are lost.

    Args:
        path: ONNX file that `leadline export` wrote, such as that of the bundled leadline-accurate.
    Raises:
        InputError: If the file is no such graph, or its weights are those of another network.
    """
    try:
        graph = onnx.load(path)
        notes = {entry.key: entry.value for entry in graph.metadata_props}
        enlarge, visible = float(notes.get(ENLARGE_KEY, 1.0)), int(notes[MAX_DISPARITY_KEY])
    except Exception as error:  # whatever protobuf raises on a foreign file
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"expected an ONNX file from `leadline export`, could not read {path}: {reason}") from None
    stored = {
        current_name(tensor.name.removeprefix(_PREFIX)): torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
        for tensor in graph.graph.initializer
    }
    bins = stored[_VOLUME_WEIGHT].shape[0] if _VOLUME_WEIGHT in stored else max(visible // _CELL_PX, 1)
    model = LeadlineFast(_CELL_PX * bins, guided=_GUIDED_WEIGHT in stored)
    found = stored | dict(_instance_norms(model, graph.graph.node, stored)) | dict(_batch_norms(model, stored))
    own = model.state_dict()
    missing = [name for name, value in own.items() if name not in found or found[name].shape != value.shape]
    if missing:
        raise InputError(
            f"expected the weights of a LeadlineFast as it is now in {path}, got no fitting {missing[0]}; an earlier "
            "or another network cannot be trained on from its ONNX file: give its checkpoint"
        )
    model.load_state_dict({name: found[name] for name in own})
    return StereoInference(model.eval(), enlarge)


def _batch_norms(model: nn.Module, stored: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The state of the norms that were folded into the convolution before them: an identity that adds the bias."""
    for name, norm in model.named_modules():
        bias = stored.get(f"{_before(name)}.weight_bias")
        if isinstance(norm, nn.BatchNorm2d) and bias is not None:
            yield f"{name}.weight", torch.full_like(bias, math.sqrt(1.0 + norm.eps))
            yield f"{name}.bias", bias
            yield f"{name}.running_mean", torch.zeros_like(bias)
            yield f"{name}.running_var", torch.ones_like(bias)
            yield f"{name}.num_batches_tracked", torch.tensor(0)


def _instance_norms(
    model: nn.Module, nodes: Sequence[Any], stored: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    """Gain and bias of the instance norms, which the graph holds without their names, behind each convolution.

    Up to the next ReLU, the gain is the one stored input of a product and the bias that of a difference.
    """
    readers: dict[str, list[Any]] = defaultdict(list)
    for node in nodes:
        for source in node.input:
            readers[source].append(node)
    for name, norm in model.named_modules():
        if not isinstance(norm, InstanceNorm):
            continue
        shape = (norm.weight.shape[0], 1, 1)
        todo, seen = (
            [node for node in readers[f"{_PREFIX}{_before(name)}.weight"] if node.op_type == "Conv"],
            set[str](),
        )
        while todo:
            node = todo.pop()
            for source in node.input:
                if node.op_type in ("Mul", "Sub") and source in stored and stored[source].shape == shape:
                    yield f"{name}.{'weight' if node.op_type == 'Mul' else 'bias'}", stored[source].flatten()
            if node.op_type != "Relu" and node.output[0] not in seen:
                seen.add(node.output[0])
                todo += readers[node.output[0]]


def _before(norm: str) -> str:
    """The convolution before a norm: both stand in one Sequential, as its layers 0 and 1."""
    return norm.removesuffix(".1") + ".0"
