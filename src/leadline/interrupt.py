"""Ctrl-C while a graph runs: Python alone would answer it only when the graph has ended, which some never do."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

_PATIENCE_S: Final = 3.0
"""How long a graph may take to heed that it is to end."""
_INTERRUPTED: Final = 130
_running: Final[list[Any]] = []


@contextmanager
def running(options: Any = None) -> Generator[None]:  # noqa: ANN401 - ONNX Runtime comes without types
    """Says that a graph runs, or is loaded, within the block.

    Args:
        options: ONNX Runtime's RunOptions of that run; None for what cannot be asked to end.
    """
    _running.append(options)
    try:
        yield
    finally:
        _running.remove(options)


@contextmanager
def stopped_by_ctrl_c() -> Generator[None]:
    """Ends graphs that run within the block at Ctrl-C; a graph that does not heed it ends the process with code 130.

    For the main thread of a program; in another one it does nothing. A handler of Python must be set for the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writing.close()


def _watch(signals: socket.socket) -> None:
    """Waits for signals, whose numbers the system's part of Python writes at once; ends with the block."""
    with signals:
        while numbers := signals.recv(64):
            if signal.SIGINT in numbers and _running:
                _end_all()


def _end_all() -> None:
    for options in list(_running):
        if options is not None:
            options.terminate = True
    asked = list(_running)
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        time.sleep(0.05)
        if not any(one is other for one in asked for other in _running):
            return
    print("leadline: interrupted", file=sys.stderr, flush=True)
    os._exit(_INTERRUPTED)
