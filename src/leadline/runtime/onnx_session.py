"""ONNX Runtime: the only place where its package is imported and its sessions are opened.

The package reports to its maker's servers and keeps an identifier of the device in the user's cache, unless the
environment variable ORT_DISABLE_TELEMETRY is set before it starts. Importing leadline sets it; see docs/privacy.md.
"""

import os
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]

from leadline.errors import InputError
from leadline.interrupt import running

_ORT: Final[Any] = onnxruntime  # it comes without types

Provider = Literal["cpu", "cuda", "coreml", "directml"]
"""Where a network runs."""

_PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
_ERRORS_ONLY: Final = 3
_NOTHING_BUT_FATAL: Final = 4
_MOST_THREADS_ANYWHERE: Final = 64
_MOST_THREADS_A_PROCESSOR: Final = 4
_CGROUP_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""Processor time that a container may use: "QUOTA PERIOD" in microseconds, or "max PERIOD"."""
RUNTIME_VERSION: Final[str] = _ORT.__version__
if os.environ.get("ORT_DISABLE_TELEMETRY") == "1":
    # Where somebody imported the package before leadline, the variable came too late for it.
    _ORT.disable_telemetry_events()


def default_threads() -> int:
    """The processors that this process may use: of its affinity, and of its container's share of time.

    >>> default_threads() >= 1
    True
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(affinity, _container_processors() or affinity)


def _container_processors() -> int | None:
    """Whole processors of a container's share of time, at least 1; None without a limit."""
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, int(quota) // int(period))


def require_threads(threads: int | None) -> None:
    """Refuses a number of threads below 1, or beyond four times the processors (64 on a small machine).

    Args:
        threads: The number; None for the default.
    Raises:
        InputError: If it is one of these, or no whole number.

    >>> require_threads(2)
    >>> require_threads(0)
    Traceback (most recent call last):
    leadline.errors.InputError: expected at least 1 thread, got 0
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int | np.integer)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"expected a whole number of threads, got {threads!r}")
    if threads is not None and threads < 1:
        raise InputError(f"expected at least 1 thread, got {threads}")
    most = max(_MOST_THREADS_ANYWHERE, _MOST_THREADS_A_PROCESSOR * (os.cpu_count() or 1))
    if threads is not None and threads > most:
        raise InputError(f"expected at most {most} threads on this machine, got {threads}; more would only wait")


class OnnxSession:
    """An ONNX file in ONNX Runtime.

    Its threads sleep while they wait for work: threads that spin make each other slower where processors are shared.

    Args:
        path: ONNX file.
        threads: Threads inside an operator; as many as `default_threads` if absent.
        provider: Where it runs; never another one than asked for.
        expected: What the file should be, for the message if it cannot be loaded.
    Raises:
        InputError: If the provider is not installed or refuses, threads is out of range, or the file is no ONNX
            network.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        provider: Provider = "cpu",
        expected: str = "an ONNX network",
    ) -> None:
        wanted = _PROVIDERS[provider] if provider in _PROVIDERS else None
        available: list[str] = _ORT.get_available_providers()
        if wanted is None or wanted not in available:
            installed = ", ".join(name for name, full in _PROVIDERS.items() if full in available)
            raise InputError(f"expected an installed provider ({installed}), got {provider!r}; install its onnxruntime")
        require_threads(threads)
        options = _ORT.SessionOptions()
        options.intra_op_num_threads = threads or default_threads()
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.path, self.threads, self.provider = path, int(options.intra_op_num_threads), provider
        try:
            with running():
                self._session = _ORT.InferenceSession(str(path), options, providers=[wanted])
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise InputError(f"expected {expected}, could not load {path}: {reason_of(error)}") from None
        if self._session.get_providers()[0] != wanted:
            raise InputError(f"expected {provider} to take the network, got {self._session.get_providers()[0]}")
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs: list[str] = [layer.name for layer in self._session.get_inputs()]
        self.shapes: dict[str, list[int | str | None]] = {
            layer.name: list(layer.shape) for layer in self._session.get_inputs()
        }
        self.types: dict[str, str] = {layer.name: layer.type for layer in self._session.get_inputs()}
        self.outputs: list[str] = [layer.name for layer in self._session.get_outputs()]

    def run(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        """The named outputs for the named inputs, which are arrays; Ctrl-C ends it where `stopped_by_ctrl_c` holds.

        Raises:
            Exception: What ONNX Runtime raises if the inputs do not fit.
        """
        options = _ORT.RunOptions()
        # What goes wrong is raised; the package would print it, too.
        options.log_severity_level = _NOTHING_BUT_FATAL
        with running(options):
            try:
                return self._session.run(names, inputs, options)
            except Exception:  # ONNX Runtime's exceptions share no base class of their own
                if options.terminate:
                    raise KeyboardInterrupt from None
                raise


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of an ONNX file.

    Args:
        path: ONNX file.
    Raises:
        InputError: If it is no ONNX network.
    """
    options = _ORT.SessionOptions()
    options.graph_optimization_level = _ORT.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = 1
    try:
        session = _ORT.InferenceSession(str(path), options, providers=[_PROVIDERS["cpu"]])
    except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
        raise InputError(f"expected an ONNX network, could not load {path}: {reason_of(error)}") from None
    return session.get_modelmeta().custom_metadata_map


def reason_of(error: Exception) -> str:
    """The beginning of an error of ONNX Runtime, in one line."""
    return " ".join(str(error).split())[:160]
