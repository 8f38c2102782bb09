"""Exported graphs of ours: images in, disparity or depth and any confidence out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.runtime.onnx_session import OnnxSession, Provider, reason_of
from leadline.runtime.prior import sgbm_prior
from leadline.tasks import ENLARGE_KEY, TASKS, find_task, wrong_task

_EXPECTED: Final = "an ONNX file from `leadline export`"
_NO_MEMORY: Final = "Failed to allocate memory"
_MOST: Final = 65536
_LEAST_ENLARGE: Final = 0.0625
_UNKNOWN: Final = 0.5
"""As likely right as wrong: what stands for the confidence of a network that has none."""


def task_of_graph(metadata: Mapping[str, str]) -> str | None:
    """Name of the task that a graph was exported for.

    Args:
        metadata: Of the ONNX file.
    Returns:
        None for a graph that is not ours.

    >>> task_of_graph({"leadline.depth_kind": "metric"})
    'mono'
    """
    return next((task.name for task in TASKS.values() if task.graph_key in metadata), None)


@final
class OnnxGraph:
    """Any exported graph of ours, loaded once.

    Args:
        path: ONNX file.
        task: Name of the task that it must be for.
        threads: Threads inside an operator; all processors that this process may use if absent.
        provider: Where it runs; never another one than asked for.
    Raises:
        InputError: If the file is not such a graph, or the provider is not installed or refuses.
    """

    def __init__(self, path: Path, task: str, threads: int | None = None, provider: Provider = "cpu") -> None:
        self._session = OnnxSession(path, threads, provider, _EXPECTED)
        self.path, self.threads, self.provider = path, self._session.threads, provider
        self.metadata, self.inputs, self.outputs = self._session.metadata, self._session.inputs, self._session.outputs
        self.key = find_task(task).graph_key
        if self.key not in self.metadata:
            found = task_of_graph(self.metadata)
            if found is not None:
                raise InputError(wrong_task(str(path), found, task))
            raise InputError(f"expected {_EXPECTED}, got another network in {path}")

    def run(
        self, names: Sequence[str], inputs: Mapping[str, UInt8[np.ndarray, "..."] | Float32[np.ndarray, "..."]]
    ) -> list[Float32[np.ndarray, "..."]]:
        """The named outputs for the named inputs, each of the (height, width) of the first input.

        Flow has two channels besides.

        Raises:
            InputError: If the graph does not take the inputs, or answers with something else.
            MemoryError: If there is not enough memory.
        """
        arrays = {name: np.ascontiguousarray(layer) for name, layer in inputs.items()}
        try:
            found = [np.asarray(layer) for layer in self._session.run(list(names), arrays)]
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            if _NO_MEMORY in str(error):
                raise MemoryError(reason_of(error)) from None
            raise InputError(f"expected {_EXPECTED}, {self.path} failed: {reason_of(error)}; export it again") from None
        size = next(iter(arrays.values())).shape[:2]
        for name, layer in zip(names, found, strict=True):
            if layer.dtype != np.float32 or layer.shape[:2] != size or layer.shape[2:] not in ((), (2,)):
                kind = "" if layer.dtype == np.float32 else f" of {layer.dtype}"
                raise InputError(
                    f"expected {name} of {self.path} in float32 and the image's (height, width) {size}, got "
                    f"{layer.shape}{kind}; export it again"
                )
        return found

    def number(self, key: str, default: float | None = None, least: float = 1.0) -> float:
        """A number that the graph says of itself.

        Args:
            key: Of its metadata.
            default: Where it says none.
            least: The smallest number that makes sense; the largest is 65536.
        Raises:
            InputError: If it is no such number.
        """
        told = self.metadata.get(key, default)
        try:
            found = float(told if told is not None else "")
        except ValueError:
            found = np.nan
        if not least <= found <= _MOST:
            raise InputError(
                f"expected {_EXPECTED} with {key} from {least:g} to {_MOST}, got {str(told)[:40]!r} in {self.path}; "
                "export it again"
            )
        return found


def require_names(graph: OnnxGraph, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuses a graph without the inputs and outputs that its task has.

    Args:
        graph: Any graph of ours.
        inputs: Names of the least inputs.
        outputs: Names of the least outputs.
    Raises:
        InputError: If one is missing.
    """
    for kind, wanted, found in (("input", inputs, graph.inputs), ("output", outputs, graph.outputs)):
        if absent := [name for name in wanted if name not in found]:
            raise InputError(
                f"expected {_EXPECTED} with the {kind} {absent[0]!r}, got {', '.join(found)[:100]} in {graph.path}; "
                "export it again"
            )


@final
class StereoGraph:
    """An exported stereo graph, loaded once.

    Args:
        path: ONNX file that `leadline export` wrote.
        threads: As for `OnnxGraph`; where a matcher guides the network, of OpenCV for the whole process too.
        provider: As for `OnnxGraph`.
    Raises:
        InputError: As for `OnnxGraph`.
    """

    def __init__(self, path: Path, threads: int | None = None, provider: Provider = "cpu") -> None:
        self._graph = OnnxGraph(path, "stereo", threads, provider)
        self.threads, self.provider = self._graph.threads, self._graph.provider
        self.max_disparity = int(self._graph.number(self._graph.key))
        self.enlarge = self._graph.number(ENLARGE_KEY, 1.0, _LEAST_ENLARGE)
        require_names(self._graph, ("left", "right"), ("disparity",))
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
        else:
            (disparity,) = self._graph.run(["disparity"], inputs)
            confidence = np.full_like(disparity, _UNKNOWN)
        if not np.isfinite(disparity).all():
            raise InputError(f"expected finite disparity from {self._graph.path}, got NaN or inf; export it again")
        return disparity, confidence
