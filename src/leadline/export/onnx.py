"""Trained networks as ONNX graphs, checked against torch."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch.export import Dim

from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.models.catalog import build_model
from leadline.models.stereo import Deployed
from leadline.runtime.session import MAX_DISPARITY_KEY, GraphSession

_OPSET: Final = 18
_MAX_PARITY_PX: Final = 0.02
_PARITY_SIZES: Final = ((96, 160), (121, 203), (250, 371))


def export_checkpoint(checkpoint: Path, output: Path) -> float:
    """Writes the averaged network of a training run as an ONNX file and compares the two.

    Args:
        checkpoint: What `leadline train` saved.
        output: The ONNX file.
    Returns:
        Largest difference in px between torch and ONNX Runtime over random pairs of several sizes.
    Raises:
        InputError: If the checkpoint cannot be read or the two differ by more than 0.02 px.
        OutputError: If the file cannot be written.
    """
    return export_stereo(load_deployed(checkpoint), output)


def load_deployed(checkpoint: Path) -> Deployed:
    """The averaged network of a training run, as users call it.

    Raises:
        InputError: If the file is not a checkpoint of `leadline train`.
    """
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        recipe: Mapping[str, Any] = state["hyper_parameters"]["recipe"]
        weights = {
            name.removeprefix("average.module."): value
            for name, value in state["state_dict"].items()
            if name.startswith("average.module.")
        }
        model = build_model(str(recipe["model"]))
        model.load_state_dict(weights)
    except Exception as error:  # whatever torch raises on a foreign file
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"expected a checkpoint of `leadline train`, could not read {checkpoint}: {reason}") from None
    return Deployed(model.eval())  # pyright: ignore[reportArgumentType]


def export_stereo(deployed: Deployed, output: Path) -> float:
    """Writes a network as an ONNX file for pictures of any size.

    The graph takes `left` and `right` (uint8, height x width x 3) and gives `disparity` (px) and `confidence`.

    Args:
        deployed: The network with its pre- and post-processing.
        output: The ONNX file.
    Returns:
        Largest difference in px between torch and ONNX Runtime.
    Raises:
        InputError: If they differ by more than 0.02 px.
        OutputError: If the file cannot be written.
    """
    deployed = deployed.eval()
    pair = tuple(torch.randint(0, 256, (96, 160, 3), dtype=torch.uint8) for _ in range(2))
    program = torch.onnx.export(
        deployed,
        pair,
        input_names=["left", "right"],
        output_names=["disparity", "confidence"],
        dynamic_shapes={side: {0: Dim.DYNAMIC, 1: Dim.DYNAMIC} for side in ("left", "right")},
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    onnx.helper.set_model_props(graph, {MAX_DISPARITY_KEY: str(deployed.max_disparity)})
    content = graph.SerializeToString()
    parity_px = _parity(deployed, content)
    if parity_px > _MAX_PARITY_PX:
        raise InputError(f"expected torch and ONNX within {_MAX_PARITY_PX} px, got {parity_px:.4f} px; do not ship it")
    with atomic_write(output) as stream:
        stream.write(content)
    return parity_px


def _parity(deployed: Deployed, content: bytes) -> float:
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        path.write_bytes(content)
        session = GraphSession(path, threads=1)
        rng = np.random.default_rng(0)
        for height, width in _PARITY_SIZES:
            texture = rng.integers(0, 256, (height, width + 9, 3), dtype=np.uint8)
            left, right = texture[:, :-9], texture[:, 9:]
            with torch.inference_mode():
                wanted, _ = deployed(torch.from_numpy(left.copy()), torch.from_numpy(right.copy()))
            found, _ = session(left, right)
            largest = max(largest, float(np.abs(found - wanted.numpy()).max()))
    return largest
