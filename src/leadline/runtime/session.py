"""ONNX graphs in ONNX Runtime: images in, disparity or depth and any confidence out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, final

import cv2
import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.runtime.card import Task, wrong_task
from leadline.runtime.prior import sgbm_prior

_ORT: Final[Any] = onnxruntime  # it comes without types

Provider = Literal["cpu", "cuda", "coreml", "directml"]

_PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
MAX_DISPARITY_KEY: Final = "leadline.max_disparity"
"""Metadata by which an exported graph is known as ours: the largest disparity that it sees, px."""
ENLARGE_KEY: Final = "leadline.enlarge"
"""Metadata: how much larger the graph makes its images; 1 if absent."""
DEPTH_KIND_KEY: Final = "leadline.depth_kind"
"""Metadata by which a graph for single images is known as ours: metric, up_to_scale or affine_inverse."""
CANONICAL_KEY: Final = "leadline.canonical"
"""Metadata of a graph whose depth up to scale becomes metric by the camera's relative focal length."""
REFINE_KEY: Final = "leadline.refine"
"""Metadata by which a graph that mends disparities is known as ours."""
_UNKNOWN: Final = 0.5
"""As likely right as wrong: what stands for the confidence of a network that has none."""


def default_threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@final
class LoadedGraph:
    """Any ONNX graph of ours, loaded once.

    Args:
        path: ONNX file.
        task: What it must be for.
        threads: Threads inside an operator; all processors if absent.
        provider: Where it runs; never another one than asked for.
    Raises:
        InputError: If the file is not such a graph, or the provider is not installed or refuses.
    """

    def __init__(self, path: Path, task: Task, threads: int | None = None, provider: Provider = "cpu") -> None:
        wanted = _PROVIDERS[provider] if provider in _PROVIDERS else None
        available: list[str] = _ORT.get_available_providers()
        if wanted is None or wanted not in available:
            installed = ", ".join(name for name, full in _PROVIDERS.items() if full in available)
            raise InputError(f"expected an installed provider ({installed}), got {provider!r}; install its onnxruntime")
        if threads is not None and threads < 1:
            raise InputError(f"expected at least 1 thread, got {threads}")
        options = _ORT.SessionOptions()
        options.intra_op_num_threads = threads or default_threads()
        options.log_severity_level = 3
        self.path, self.threads, self.provider = path, options.intra_op_num_threads, provider
        try:
            self._session = _ORT.InferenceSession(str(path), options, providers=[wanted])
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"expected an ONNX file from `leadline export`, could not load {path}: {reason}") from None
        if self._session.get_providers()[0] != wanted:
            raise InputError(f"expected {provider} to take the network, got {self._session.get_providers()[0]}")
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs: list[str] = [layer.name for layer in self._session.get_inputs()]
        self.outputs: list[str] = [layer.name for layer in self._session.get_outputs()]
        self._check_task(task)

    def _check_task(self, task: Task) -> None:
        keys: dict[Task, str] = {"stereo": MAX_DISPARITY_KEY, "mono": DEPTH_KIND_KEY, "refine": REFINE_KEY}
        if keys[task] in self.metadata:
            return
        for is_for, key in keys.items():
            if key in self.metadata:
                raise InputError(wrong_task(str(self.path), is_for, task))
        raise InputError(f"expected an ONNX file from `leadline export`, got another network in {self.path}")

    def run(
        self, names: Sequence[str], inputs: Mapping[str, UInt8[np.ndarray, "..."] | Float32[np.ndarray, "..."]]
    ) -> list[Float32[np.ndarray, "..."]]:
        """The named outputs for the named inputs."""
        inputs = {name: np.ascontiguousarray(layer) for name, layer in inputs.items()}
        return [np.asarray(layer) for layer in self._session.run(list(names), inputs)]


@final
class GraphSession:
    """An exported stereo graph, loaded once.

    Args:
        path: ONNX file that `leadline export` wrote.
        threads: As for `LoadedGraph`; where a matcher guides the network, of OpenCV for the whole process too.
        provider: As for `LoadedGraph`.
    Raises:
        InputError: As for `LoadedGraph`.
    """

    def __init__(self, path: Path, threads: int | None = None, provider: Provider = "cpu") -> None:
        self._graph = LoadedGraph(path, "stereo", threads, provider)
        self.threads, self.provider = self._graph.threads, self._graph.provider
        self.max_disparity = int(self._graph.metadata[MAX_DISPARITY_KEY])
        self.enlarge = float(self._graph.metadata.get(ENLARGE_KEY, 1.0))
        self.has_confidence = "confidence" in self._graph.outputs
        self._guided = "prior" in self._graph.inputs
        if self._guided and threads is not None:
            cv2.setNumThreads(threads)

    def __call__(
        self, left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"]
    ) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
        """Disparity in px and confidence in [0, 1] of one pair, in one piece; 0.5 from a network that cannot tell."""
        inputs = {"left": left, "right": right}
        if self._guided:
            inputs["prior"], inputs["prior_valid"] = sgbm_prior(left, right, self.max_disparity)
        if self.has_confidence:
            disparity, confidence = self._graph.run(["disparity", "confidence"], inputs)
            return disparity, confidence
        (disparity,) = self._graph.run(["disparity"], inputs)
        return disparity, np.full_like(disparity, _UNKNOWN)
