"""Networks of the zoo as ONNX graphs with a card, checked against torch."""

import hashlib
import tempfile
from contextlib import nullcontext
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
from leadline.models.zoo.zoedepth import traceable
from leadline.runtime.onnx_card import OnnxDepth, OnnxDepthCard, SizeRule

_OPSET: Final = 18
_CELLS: Final = ((4, 6), (5, 4), (3, 7))
"""Sizes at which torch and ONNX Runtime are compared, in multiples of what the network wants; squares of colour in the
images where it wants one size only."""
_MAX_PARITY: Final = 1e-3
_MOST_BYTES: Final = 2_000_000_000
"""Of weights; what one ONNX file holds is a little more."""


def export_zoo(network: ZooNetwork, output: Path, name: str, views: tuple[int, int]) -> float:
    """Writes a network as an ONNX file, and its card beside it.

    The graph takes images of any size, but Depth Pro's takes its own, and that of a ZoeDepth, whose position encoding
    is worked out for one size, that of its views.

    Args:
        network: Without adapters, on the cpu.
        output: NAME.onnx; the card is NAME.yaml.
        name: What the card calls the network.
        views: Height and width of what the network learned from; a ZoeDepth will see every image at this size.
    Returns:
        Largest difference between torch and ONNX Runtime as a share of the range of depth in the image.
    Raises:
        InputError: If the network takes a prompt, which a card has no input for; its weights are too large for one
            file, as Depth Pro's published ones are; ONNX cannot hold it; or the two differ by more than 0.001.
        OutputError: If a file cannot be written.
    """
    if network.card.needs_prompt:
        raise InputError(
            f"expected a network that takes an image alone, got {network.card.name}, whose prompt has no input on a "
            "card; use torch"
        )
    size = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    if size > _MOST_BYTES:
        raise InputError(
            f"expected at most {_MOST_BYTES / 1e9:g} GB of weights for one ONNX file, got {size / 1e9:.1f} GB of "
            f"{network.card.name}; use torch"
        )
    if network.card.family == "zoedepth":
        network = network.resized(SizeRule("exact", height=views[0], width=views[1]))
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
        interpolation="linear" if network.card.family == "depth_pro" else "cubic",
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
    keys["size"] = {key: value for key, value in keys["size"].items() if value != 0}
    return yaml.safe_dump(keys, sort_keys=False)


def _graph(network: ZooNetwork) -> bytes:
    exact = network.size.side == "exact"
    rows, columns = (network.size.multiple_of * cells for cells in _CELLS[0])
    image = torch.rand(1, 3, *network.size.applied(rows, columns))
    ways = traceable(network.plain) if network.card.family == "zoedepth" else nullcontext()
    try:
        with ways:
            program = torch.onnx.export(
                network,
                (image,),
                input_names=["image"],
                output_names=["depth"],
                dynamic_shapes=None if exact else {"image": {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}},
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
    """Compares whole images, with what the card does before and after the graph; of a graph's one size if it has it.

    An image of another size is resized by the runtime in depth, but by Depth Pro in inverse depth.
    """
    largest, multiple = 0.0, network.size.multiple_of
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / card.path
        path.write_bytes(content)
        method = OnnxDepth(card, path, threads=1)
        rng = np.random.default_rng(0)
        for rows, columns in _CELLS:
            coarse = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
            height, width = rows * (multiple + 1), columns * (multiple - 1)
            if network.size.side == "exact":
                height, width = network.size.applied(height, width)
            image = coarse[np.arange(height) * rows // height][:, np.arange(width) * columns // width]
            with torch.inference_mode():
                wanted = network.depth(torch.from_numpy(image)).numpy()
            found = method(image)
            difference = np.abs(found.depth - wanted)[found.valid].max()
            largest = max(largest, float(difference) / max(float(np.ptp(wanted)), 1e-6))
    return largest
