"""Trained networks as ONNX graphs, checked against torch."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnx
import torch
from jaxtyping import UInt8
from torch import Tensor, nn
from torch.export import Dim

from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.models.catalog import build_model
from leadline.models.checkpoint import averaged_weights
from leadline.models.mono import MonoInference
from leadline.models.stereo import StereoInference
from leadline.models.stereo.leadline_refine import RefineInference
from leadline.runtime.prior import sgbm_prior
from leadline.runtime.session import (
    CANONICAL_KEY,
    DEPTH_KIND_KEY,
    ENLARGE_KEY,
    MAX_DISPARITY_KEY,
    REFINE_KEY,
    GraphSession,
    LoadedGraph,
)

_OPSET: Final = 18
_OUTPUTS: Final = ("disparity", "confidence")
_MAX_PARITY_PX: Final = 0.02
_ALIKE: Final = 0.9999
"""Share of the pixels that must agree: a network that rounds a disparity may round a tie to either side."""
_PARITY_SIZES: Final = ((96, 160), (121, 203), (250, 371))
_MONO_METHODS: Final = ("mono", "metric-mono", "monodepth")
"""Methods from which networks for single images come."""
_UNEXPORTED_METHODS: Final = ("diffusion", "intrinsic-lora", "finetune")
"""Methods whose networks are more than a graph, or that write their own one."""
_MONO_OUTPUTS: Final[Mapping[str, tuple[str, str]]] = {
    "affine_inverse": ("inverse_depth", "confidence"),
    "up_to_scale": ("depth", "confidence"),
}
_MAX_MONO_PARITY: Final = 1e-3
_MONO_PARITY_SIZES: Final = ((240, 320), (371, 250), (17, 16), (480, 853))


def export_checkpoint(checkpoint: Path, output: Path, enlarge: float | None = None, guided: bool = True) -> str:
    """Writes the averaged network of a training run as an ONNX file and compares the two.

    Args:
        checkpoint: What `leadline train` saved.
        output: The ONNX file.
        enlarge: How much larger a stereo network sees the images, instead of the recipe's value.
        guided: Whether a network that can be guided by a matcher is.
    Returns:
        Largest difference between torch and ONNX Runtime with its unit, as of `export_stereo`, `export_mono` or
        `export_refine`.
    Raises:
        InputError: If the checkpoint cannot be read, no graph can be made of it, the two differ too much, or a network
            that is not for stereo is to enlarge its images.
        OutputError: If the file cannot be written.
    """
    method = averaged_weights(checkpoint)[0].get("method")
    if method in _UNEXPORTED_METHODS:
        raise InputError(f"expected a run that can be exported, got one of method: {method}; use it from Python")
    if method not in (*_MONO_METHODS, "refine"):
        return f"{export_stereo(load_inference(checkpoint, enlarge, guided), output):.2g} px"
    if enlarge is not None:
        raise InputError(f"expected no --enlarge for a network that is not for stereo, got {enlarge}; omit it")
    if method == "refine":
        return f"{export_refine(load_refine_inference(checkpoint), output):.2g} px"
    return f"{100.0 * export_mono(load_mono_inference(checkpoint), output):.2g} % of the range"


def load_inference(checkpoint: Path, enlarge: float | None = None, guided: bool = True) -> StereoInference:
    """The averaged stereo network of a training run, as users call it.

    Args:
        checkpoint: What `leadline train` saved.
        enlarge: How much larger the network sees the images, instead of the recipe's value.
        guided: Whether a network that can be guided by a matcher is.
    Raises:
        InputError: If the file is not a checkpoint of `leadline train`, or of another network.
    """
    recipe, model = _load_model(checkpoint, guided)
    enlarge = float(recipe.get("enlarge", 1.0)) if enlarge is None else enlarge
    return StereoInference(model, enlarge)  # pyright: ignore[reportArgumentType]


def load_mono_inference(checkpoint: Path) -> MonoInference:
    """The averaged network for single images of a training run, as users call it.

    Args:
        checkpoint: What `leadline train` saved.
    Raises:
        InputError: If the file is not a checkpoint of `leadline train`, or of another network.
    """
    return MonoInference(_load_model(checkpoint)[1])  # pyright: ignore[reportArgumentType]


def load_refine_inference(checkpoint: Path) -> RefineInference:
    """The averaged network of a training run that mends disparities, as users call it.

    Args:
        checkpoint: What `leadline train` saved.
    Raises:
        InputError: If the file is not a checkpoint of `leadline train`, or of another network.
    """
    return RefineInference(_load_model(checkpoint)[1])


def _load_model(checkpoint: Path, guided: bool = True) -> tuple[Mapping[str, Any], nn.Module]:
    recipe, weights = averaged_weights(checkpoint)
    options = dict(recipe.get("model_options") or {})
    if not guided and options.pop("guided", False):
        weights = {name: value for name, value in weights.items() if ".sgbm_prior." not in name}
    try:
        model = build_model(str(recipe["model"]), options)
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"expected weights of a network of this leadline in {checkpoint}: {reason}") from None
    return recipe, model.eval()


def export_stereo(inference: StereoInference, output: Path) -> float:
    """Writes a network as an ONNX file for images of any size.

    The graph takes `left` and `right` (uint8, height x width x 3), and of a guided network the matcher's disparity as
    `prior` (float32, px) and where it is valid as `prior_valid` (uint8, 1 or 0); it gives `disparity` (px) and, if the
    network rates itself, `confidence`.

    Args:
        inference: The network with its pre- and post-processing.
        output: The ONNX file.
    Returns:
        Largest difference in px between torch and ONNX Runtime, but for at most one pixel in 10,000.
    Raises:
        InputError: If they differ by more than 0.02 px.
        OutputError: If the file cannot be written.
    """
    inference = inference.eval()
    inputs = _stereo_inputs(inference, 96, 160)
    with torch.inference_mode():
        names = [name for name, layer in zip(_OUTPUTS, inference(*inputs.values()), strict=True) if layer is not None]
    properties = {MAX_DISPARITY_KEY: str(inference.max_disparity), ENLARGE_KEY: str(float(inference.enlarge))}
    content = _graph(inference, inputs, names, properties)
    return _written(output, content, _parity(inference, content))


def _written(output: Path, content: bytes, parity_px: float) -> float:
    """Writes a graph of disparities if it does what torch does."""
    if parity_px > _MAX_PARITY_PX:
        raise InputError(f"expected torch and ONNX within {_MAX_PARITY_PX} px, got {parity_px:.4f} px; do not ship it")
    with atomic_write(output) as stream:
        stream.write(content)
    return parity_px


def export_mono(inference: MonoInference, output: Path) -> float:
    """Writes a network for single images as an ONNX file for images of any size.

    The graph takes `image` (uint8, height x width x 3) and gives `inverse_depth` (s/Z + t), or `depth` (up to scale) of
    a network that knows distances, and, if the network judges itself, `confidence`.

    Args:
        inference: The network with its pre- and post-processing.
        output: The ONNX file.
    Returns:
        Largest difference of either between torch and ONNX Runtime as a share of its range in the image, but
        for at most one pixel in 10,000.
    Raises:
        InputError: If they differ by more than 0.001 of the range.
        OutputError: If the file cannot be written.
    """
    inference = inference.eval()
    image = torch.randint(0, 256, (240, 320, 3), dtype=torch.uint8)
    with torch.inference_mode():
        layers = zip(_MONO_OUTPUTS[inference.kind], inference(image), strict=True)
        names = [name for name, layer in layers if layer is not None]
    properties: dict[str, str] = {DEPTH_KIND_KEY: inference.kind}
    if inference.canonical:
        properties[CANONICAL_KEY] = "1"
    content = _graph(inference, {"image": image}, names, properties)
    parity = _mono_parity(inference, content)
    if parity > _MAX_MONO_PARITY:
        raise InputError(
            f"expected torch and ONNX within {_MAX_MONO_PARITY} of the range, got {parity:.4f}; do not ship it"
        )
    with atomic_write(output) as stream:
        stream.write(content)
    return parity


def export_refine(inference: RefineInference, output: Path) -> float:
    """Writes a network that mends disparities as an ONNX file for images of any size.

    The graph takes `left` and `right` (uint8, height x width x 3), the `prior` (float32, px) and where it is valid as
    `prior_valid` (uint8, 1 or 0), and gives `disparity` (px) and `confidence`.

    Args:
        inference: The network with its pre- and post-processing.
        output: The ONNX file.
    Returns:
        Largest difference in px between torch and ONNX Runtime, but for at most one pixel in 10,000.
    Raises:
        InputError: If they differ by more than 0.02 px.
        OutputError: If the file cannot be written.
    """
    inference = inference.eval()
    inputs = {name: torch.from_numpy(layer) for name, layer in _refine_inputs(96, 160).items()}
    content = _graph(inference, inputs, _OUTPUTS, {REFINE_KEY: "1"})
    return _written(output, content, _refine_parity(inference, content))


def _refine_inputs(height: int, width: int) -> dict[str, np.ndarray]:
    """A smooth pair shifted by 9 px, with a disparity that is wrong in places and unknown in others."""
    rng = np.random.default_rng(height)
    texture = _texture(rng, height, width + 9)
    disparity = np.full((height, width), 9.0, np.float32)
    disparity[height // 3 : height // 2, width // 4 : width // 2] = 20.25
    valid = (rng.random((height, width)) < 0.9).astype(np.uint8)
    return {"left": texture[:, :-9].copy(), "right": texture[:, 9:].copy(), "prior": disparity, "prior_valid": valid}


def _refine_parity(inference: RefineInference, content: bytes) -> float:
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        path.write_bytes(content)
        graph = LoadedGraph(path, "refine", threads=1)
        for height, width in _PARITY_SIZES:
            inputs = _refine_inputs(height, width)
            with torch.inference_mode():
                wanted = inference(*(torch.from_numpy(layer) for layer in inputs.values()))[0].numpy()
            (found,) = graph.run(["disparity"], inputs)
            largest = max(largest, float(np.quantile(np.abs(found - wanted), _ALIKE)))
    return largest


def _graph(
    inference: nn.Module, images: Mapping[str, Tensor], outputs: Sequence[str], properties: Mapping[str, str]
) -> bytes:
    """The network as a graph for images of any size, with metadata."""
    program = torch.onnx.export(
        inference,
        tuple(images.values()),
        input_names=list(images),
        output_names=list(outputs),
        dynamic_shapes={name: {0: Dim.DYNAMIC, 1: Dim.DYNAMIC} for name in images},
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto
    onnx.helper.set_model_props(graph, dict(properties))
    return serialised(graph)


def serialised(graph: onnx.ModelProto) -> bytes:
    """A graph as a file, without the traces that say where in whose sources each operator stood.

    Args:
        graph: As torch exported it.
    """
    for part in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
    return graph.SerializeToString()


def _mono_parity(inference: MonoInference, content: bytes) -> float:
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        path.write_bytes(content)
        graph = LoadedGraph(path, "mono", threads=1)
        rng = np.random.default_rng(0)
        for height, width in _MONO_PARITY_SIZES:
            texture = _texture(rng, height, width)
            with torch.inference_mode():
                wanted = inference(torch.from_numpy(texture))[0].numpy()
            (found,) = graph.run([_MONO_OUTPUTS[inference.kind][0]], {"image": texture})
            difference = float(np.quantile(np.abs(found - wanted), _ALIKE))
            largest = max(largest, difference / max(float(np.ptp(wanted)), 1e-6))
    return largest


def _texture(rng: np.random.Generator, height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """Smooth as images are: in white noise nothing matches clearly, and ties break either way."""
    noise = np.asarray(cv2.GaussianBlur(rng.random((height, width, 3), dtype=np.float32), (0, 0), 2.0))
    return (255.0 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def _stereo_inputs(inference: StereoInference, height: int, width: int) -> dict[str, Tensor]:
    """A smooth pair shifted by 9 px, and what guides the network in it."""
    texture = _texture(np.random.default_rng(height), height, width + 9)
    left, right = texture[:, :-9].copy(), texture[:, 9:].copy()
    layers: dict[str, np.ndarray] = {"left": left, "right": right}
    if inference.guided:
        layers["prior"], layers["prior_valid"] = sgbm_prior(left, right, inference.max_disparity)
    return {name: torch.from_numpy(layer) for name, layer in layers.items()}


def _parity(inference: StereoInference, content: bytes) -> float:
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        path.write_bytes(content)
        session = GraphSession(path, threads=1)
        for height, width in _PARITY_SIZES:
            inputs = _stereo_inputs(inference, height, width)
            with torch.inference_mode():
                wanted, _ = inference(*inputs.values())
            found, _ = session(inputs["left"].numpy(), inputs["right"].numpy())
            largest = max(largest, float(np.quantile(np.abs(found - wanted.numpy()), _ALIKE)))
    return largest
