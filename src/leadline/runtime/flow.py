"""Optical flow: a bundled network, or one of ours in an exported file."""

from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.classical.flow_prior import flow_prior
from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.runtime.card import find_graph
from leadline.runtime.graph import OnnxGraph
from leadline.runtime.images import as_rgb, require_8bit, require_sides
from leadline.runtime.onnx_session import Provider

DEFAULT_FLOW_MODEL: Final = "leadline-flow"
_LARGEST_PIXELS: Final = 1440 * 810
"""What a network sees at once: it compares all pairs of coarse pixels, and their number grows with the square."""


@runtime_checkable
class FlowMethod(Protocol):
    """Two frames to optical flow."""

    def __call__(self, first: UInt8[np.ndarray, "h w *c"], second: UInt8[np.ndarray, "h2 w2 *d"]) -> FlowMap:
        """Motion of the first frame's pixels; both frames are RGB or grey."""
        ...


@final
class FlowSession:
    """A learned optical-flow network, loaded once and called often.

    Args:
        model: A bundled network's name, or the path of an ONNX file that `leadline export` wrote.
        threads: Threads to use, for a guided network of OpenCV for the whole process too; all processors if absent.
        provider: cpu, cuda, coreml or directml; never another one than asked for.
    Raises:
        InputError: If there is no such file or provider, or the file is another network.

    >>> FlowSession("flow.onnx")
    Traceback (most recent call last):
    leadline.errors.InputError: expected one of leadline-flow, or the path of an ONNX file of ours, as the model; ...
    """

    def __init__(self, model: str | Path, threads: int | None = None, provider: Provider = "cpu") -> None:
        self.name = str(model)
        self._graph = OnnxGraph(find_graph(model, "flow"), "flow", threads, provider)
        self._sure = "confidence" in self._graph.outputs
        self._guided = "prior" in self._graph.inputs
        if self._guided and threads is not None:
            cv2.setNumThreads(threads)

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {"model": self.name, "provider": self._graph.provider, "threads": self._graph.threads}

    def __call__(self, first: UInt8[np.ndarray, "h w *c"], second: UInt8[np.ndarray, "h2 w2 *d"]) -> FlowMap:
        """Flow, and its confidence if the network has one.

        Frames of more than 1.2 megapixels are matched at that size, and their flow is enlarged.

        Args:
            first: RGB or grey, 8 bit, of any size from 16 px a side.
            second: The next frame, of the same size.
        Returns:
            Flow; where the network's number is not finite it is invalid.
        Raises:
            InputError: If the frames are not 8-bit RGB or grey, differ in size, or are smaller than 16 px; or if the
                network's answer has another size or nothing finite.
        """
        for image, name in ((first, "the first frame"), (second, "the second frame")):
            require_8bit(image, name)
            require_sides(image)
        if first.shape[:2] != second.shape[:2]:
            raise InputError(
                f"expected two frames of one size, got {first.shape[:2]} and {second.shape[:2]} (height, width); "
                "resize one of them"
            )
        height, width = first.shape[:2]
        share = min(1.0, float(np.sqrt(_LARGEST_PIXELS / (height * width))))
        frames = [as_rgb(image) for image in (first, second)]
        if share < 1.0:
            size = (max(round(width * share), 16), max(round(height * share), 16))
            frames = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) for frame in frames]
        flow, confidence = self._run(*frames)
        if share < 1.0:
            scale = np.array([width, height], np.float32) / np.array(flow.shape[1::-1], np.float32)
            flow = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)) * scale
            if confidence is not None:
                confidence = np.asarray(cv2.resize(confidence, (width, height), interpolation=cv2.INTER_LINEAR))
        return self._checked(flow, confidence)

    def _run(
        self, first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "h w 3"]
    ) -> tuple[Float32[np.ndarray, "h w 2"], Float32[np.ndarray, "h w"] | None]:
        names = ["flow", "confidence"] if self._sure else ["flow"]
        inputs: dict[str, np.ndarray] = {"first": first, "second": second}
        if self._guided:
            inputs["prior"] = flow_prior(first, second)
        layers = self._graph.run(names, inputs)
        for layer in layers:
            if layer.shape[:2] != first.shape[:2]:
                raise InputError(
                    f"expected {self.name} to answer in the frames' (height, width) {first.shape[:2]}, got "
                    f"{layer.shape[:2]}; export it again"
                )
        return layers[0], layers[1] if self._sure else None

    def _checked(self, flow: Float32[np.ndarray, "h w 2"], confidence: Float32[np.ndarray, "h w"] | None) -> FlowMap:
        valid: Bool[np.ndarray, "h w"] = np.asarray(np.isfinite(flow).all(axis=2))
        if not valid.any():
            raise InputError(f"expected flow from {self.name}, got no finite one anywhere; use another model")
        if confidence is not None:
            confidence = np.clip(np.nan_to_num(confidence, nan=0.0), 0.0, 1.0)
        return FlowMap(np.where(valid[..., None], flow, np.float32(0.0)), valid, confidence)
