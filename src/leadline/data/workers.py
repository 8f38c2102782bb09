"""Worker processes that end with the process that they work for."""

import multiprocessing
import os
import threading
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

_alive: list[tuple[Any, Any]] = []
"""The pipe whose writing end only this process has: the system closes it when this process ends, however that is."""


def end_with_this_process() -> Any:  # noqa: ANN401 - what torch's DataLoader takes as worker_init_fn
    """A `worker_init_fn` whose workers end at once when this process does.

    Torch's own watchdog asks for the parent, which for forkserver's workers is the fork server; and a worker that waits
    for room in a queue does not ask.
    """
    if not _alive:
        _alive.append(multiprocessing.Pipe(duplex=False))
    return partial(_watch, _alive[0][0])


def _watch(reader: Connection, _: int) -> None:
    threading.Thread(target=_end_after, args=(reader,), daemon=True).start()


def _end_after(reader: Connection) -> None:
    try:
        reader.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
