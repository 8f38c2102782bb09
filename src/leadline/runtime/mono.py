"""Depth from one image: our networks, or an exported file of yours."""

from pathlib import Path
from typing import Any, Final, Protocol, cast, final, get_args, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DISTANCE_KINDS, DepthKind, DepthMap
from leadline.runtime.card import calibration_of, find_graph
from leadline.runtime.graph import OnnxGraph, require_names
from leadline.runtime.images import as_rgb, require_8bit, require_sides
from leadline.runtime.onnx_session import Provider
from leadline.tasks import CANONICAL_KEY, DEPTH_KIND_KEY

DEFAULT_MONO_MODEL: Final = "leadline-mono"


@runtime_checkable
class MonoMethod(Protocol):
    """One image to depth."""

    def __call__(self, image: UInt8[np.ndarray, "h w *c"]) -> DepthMap:
        """Depth of an image, RGB or grey, of the kind that the method knows."""
        ...


@final
class MonoSession:
    """A learned network for single images, loaded once and called often.

    Args:
        model: A bundled name, or the path of an ONNX file that `leadline export` wrote.
        threads: Threads to use; all processors if absent.
        provider: cpu, cuda, coreml or directml; never another one than asked for.
    Raises:
        InputError: If there is no such model, file or provider, or the file does not say what its depth means.

    >>> session = MonoSession(threads=1)
    >>> found = session(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    >>> found.depth.shape, found.kind, found.confidence is not None
    ((48, 64), 'affine_inverse', True)
    """

    def __init__(
        self, model: str | Path = DEFAULT_MONO_MODEL, threads: int | None = None, provider: Provider = "cpu"
    ) -> None:
        self.name = str(model)
        self._graph = OnnxGraph(find_graph(model, "mono"), "mono", threads, provider)
        self._calibration = calibration_of(model)
        kind = self._graph.metadata[DEPTH_KIND_KEY]
        self._output = "inverse_depth" if kind == "affine_inverse" else "depth"
        if kind not in get_args(DepthKind) or self._output not in self._graph.outputs:
            raise InputError(
                f"expected a kind out of {', '.join(get_args(DepthKind))} with its output (inverse_depth for "
                f"affine_inverse, else depth), got {kind!r} with {', '.join(self._graph.outputs)} in {self._graph.path}"
            )
        require_names(self._graph, ("image",), ())
        self.kind: DepthKind = cast(DepthKind, kind)
        self.canonical = CANONICAL_KEY in self._graph.metadata

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {"model": self.name, "provider": self._graph.provider, "threads": self._graph.threads}

    def __call__(self, image: UInt8[np.ndarray, "h w *c"]) -> DepthMap:
        """Depth of the graph's kind, and its confidence if it has one.

        Args:
            image: RGB or grey, 8 bit, of any size from 16 px a side.
        Returns:
            Depth; where the network's number is not finite, or is a depth that is not positive, it is invalid.
        Raises:
            InputError: If the image is not 8-bit RGB or grey, or smaller than 16 px; or if the network's answer has
                another size or nothing that is depth.
        """
        require_8bit(image, "the image")
        require_sides(image)
        sure = "confidence" in self._graph.outputs
        layers = self._graph.run([self._output, "confidence"] if sure else [self._output], {"image": as_rgb(image)})
        return self._checked(layers[0], self._calibration(layers[1], image) if sure else None)

    def with_camera(self, depth: DepthMap, camera: Pinhole) -> DepthMap:
        """Depth of this network, metric if its scale is the camera's focal length.

        Args:
            depth: What a call returned.
            camera: Who took the image.
        """
        if not self.canonical:
            return depth
        metres = depth.depth * np.float32(camera.relative_focal)
        return DepthMap(metres, depth.valid, "metric", depth.confidence, camera)

    def _checked(self, values: Float32[np.ndarray, "h w"], confidence: Float32[np.ndarray, "h w"] | None) -> DepthMap:
        valid = np.isfinite(values)
        if self.kind in DISTANCE_KINDS:
            valid &= values > 0
        if not valid.any():
            raise InputError(f"expected depth from {self.name}, got no finite one anywhere; use another model")
        if confidence is not None:
            confidence = np.clip(np.nan_to_num(confidence, nan=0.0), 0.0, 1.0)
        return DepthMap(np.where(valid, values, np.float32(0.0)), valid, self.kind, confidence)
