"""Networks of the zoo as ONNX graphs with a card, checked against torch."""

import hashlib
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import yaml
from torch.export import Dim

from leadline.errors import InputError
from leadline.export.onnx import serialised
from leadline.io.atomic import atomic_write
from leadline.models.zoo.trainable import ZooNetwork
from leadline.runtime.onnx_card import OnnxDepth, OnnxDepthCard

_OPSET: Final = 18
_CELLS: Final = ((4, 6), (5, 4), (3, 7))
"""Sizes at which torch and ONNX Runtime are compared, in multiples of what the network wants."""
_MAX_PARITY: Final = 1e-3
_FIXED: Final = ("zoedepth",)
"""Families whose graph depends on the picture's size or content."""


def export_zoo(network: ZooNetwork, output: Path, name: str) -> float:
    """Writes a network as an ONNX file for pictures of any size, and its card beside it.

    Args:
        network: Without adapters, on the cpu.
        output: NAME.onnx; the card is NAME.yaml.
        name: What the card calls the network.
    Returns:
        Largest difference between torch and ONNX Runtime as a share of the range of depth in the picture.
    Raises:
        InputError: If the network has no graph for pictures of any size, or the two differ by more than 0.001.
        OutputError: If a file cannot be written.
    """
    if network.card.family in _FIXED:
        raise InputError(f"expected a network with one graph for all pictures, got {network.card.family}; use torch")
    network = network.eval()
    content = _graph(network)
    card = OnnxDepthCard(
        name=name,
        path=output.name,
        sha256=hashlib.sha256(content).hexdigest(),
        licence=network.card.licence,
        kind=network.kind,
        input="image",
        output="depth",
        size=network.size,
    )
    parity = _parity(network, content, card)
    if parity > _MAX_PARITY:
        raise InputError(f"expected torch and ONNX within {_MAX_PARITY} of the range, got {parity:.4f}; do not ship it")
    with atomic_write(output) as stream:
        stream.write(content)
    with atomic_write(output.with_suffix(".yaml")) as stream:
        stream.write(card_text(card).encode())
    return parity


def card_text(card: OnnxDepthCard) -> str:
    """A card as YAML that `read_onnx_card` takes."""
    keys: dict[str, Any] = asdict(card)
    keys["mean"], keys["std"] = list(card.mean), list(card.std)
    return yaml.safe_dump(keys, sort_keys=False)


def _graph(network: ZooNetwork) -> bytes:
    multiple = network.size.multiple_of
    image = torch.rand(1, 3, *(multiple * cells for cells in _CELLS[0]))
    try:
        program = torch.onnx.export(
            network,
            (image,),
            input_names=["image"],
            output_names=["depth"],
            dynamic_shapes={"image": {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}},
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    except Exception as error:  # the exporter's errors share no base class that says more
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:120]
        raise InputError(f"expected a network that ONNX can hold, got {network.card.name}: {reason}") from None
    assert program is not None
    return serialised(program.model_proto)


def _parity(network: ZooNetwork, content: bytes, card: OnnxDepthCard) -> float:
    """Compares whole pictures, with what the card does before and after the graph."""
    multiple, largest = network.size.multiple_of, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / card.path
        path.write_bytes(content)
        method = OnnxDepth(card, path, threads=1)
        rng = np.random.default_rng(0)
        for rows, columns in _CELLS:
            coarse = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
            image = np.kron(coarse, np.ones((multiple + 1, multiple - 1, 1), np.uint8))
            with torch.inference_mode():
                wanted = network.depth(torch.from_numpy(image)).numpy()
            found = method(image)
            difference = np.abs(found.depth - wanted)[found.valid].max()
            largest = max(largest, float(difference) / max(float(np.ptp(wanted)), 1e-6))
    return largest
