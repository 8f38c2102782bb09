"""Trained networks as ONNX graphs, checked against torch."""

import tempfile
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnx
import torch
from torch.export import Dim

from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.models.catalog import build_model
from leadline.models.checkpoint import averaged_weights
from leadline.models.stereo import Deployed
from leadline.runtime.session import ENLARGE_KEY, MAX_DISPARITY_KEY, GraphSession

_OPSET: Final = 18
_OUTPUTS: Final = ("disparity", "confidence")
_MAX_PARITY_PX: Final = 0.02
_ALIKE: Final = 0.9999
"""Share of the pixels that must agree: a network that rounds a disparity may round a tie to either side."""
_PARITY_SIZES: Final = ((96, 160), (121, 203), (250, 371))


def export_checkpoint(checkpoint: Path, output: Path, enlarge: float | None = None) -> float:
    """Writes the averaged network of a training run as an ONNX file and compares the two.

    Args:
        checkpoint: What `leadline train` saved.
        output: The ONNX file.
        enlarge: How much larger the network sees the pictures, instead of the recipe's value.
    Returns:
        Largest difference in px between torch and ONNX Runtime over random pairs of several sizes, but for at most one
        pixel in 10,000 of each.
    Raises:
        InputError: If the checkpoint cannot be read or the two differ by more than 0.02 px.
        OutputError: If the file cannot be written.
    """
    return export_stereo(load_deployed(checkpoint, enlarge), output)


def load_deployed(checkpoint: Path, enlarge: float | None = None) -> Deployed:
    """The averaged network of a training run, as users call it.

    Args:
        checkpoint: What `leadline train` saved.
        enlarge: How much larger the network sees the pictures, instead of the recipe's value.
    Raises:
        InputError: If the file is not a checkpoint of `leadline train`, or of another network.
    """
    recipe, weights = averaged_weights(checkpoint)
    try:
        model = build_model(str(recipe["model"]))
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"expected weights of a network of this leadline in {checkpoint}: {reason}") from None
    enlarge = float(recipe.get("enlarge", 1.0)) if enlarge is None else enlarge
    return Deployed(model.eval(), enlarge)  # pyright: ignore[reportArgumentType]


def export_stereo(deployed: Deployed, output: Path) -> float:
    """Writes a network as an ONNX file for pictures of any size.

    The graph takes `left` and `right` (uint8, height x width x 3) and gives `disparity` (px) and, if the network judges
    itself, `confidence`.

    Args:
        deployed: The network with its pre- and post-processing.
        output: The ONNX file.
    Returns:
        Largest difference in px between torch and ONNX Runtime, but for at most one pixel in 10,000.
    Raises:
        InputError: If they differ by more than 0.02 px.
        OutputError: If the file cannot be written.
    """
    deployed = deployed.eval()
    pair = tuple(torch.randint(0, 256, (96, 160, 3), dtype=torch.uint8) for _ in range(2))
    with torch.inference_mode():
        names = [name for name, layer in zip(_OUTPUTS, deployed(*pair), strict=True) if layer is not None]
    program = torch.onnx.export(
        deployed,
        pair,
        input_names=["left", "right"],
        output_names=names,
        dynamic_shapes={side: {0: Dim.DYNAMIC, 1: Dim.DYNAMIC} for side in ("left", "right")},
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    onnx.helper.set_model_props(
        graph, {MAX_DISPARITY_KEY: str(deployed.max_disparity), ENLARGE_KEY: str(float(deployed.enlarge))}
    )
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
            # Smooth as pictures are: in white noise nothing matches clearly, and ties break either way.
            noise = np.asarray(cv2.GaussianBlur(rng.random((height, width + 9, 3), dtype=np.float32), (0, 0), 2.0))
            texture = (255.0 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
            left, right = texture[:, :-9], texture[:, 9:]
            with torch.inference_mode():
                wanted, _ = deployed(torch.from_numpy(left.copy()), torch.from_numpy(right.copy()))
            found, _ = session(left, right)
            largest = max(largest, float(np.quantile(np.abs(found - wanted.numpy()), _ALIKE)))
    return largest
