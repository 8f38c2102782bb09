"""Engines: independent tasks done by several workers, processes of this machine or a Ray cluster.

What a task gives must depend on the task alone. Then neither the number of workers nor their losses change any result:
what a lost worker had in hand is done again.
"""

import multiprocessing
import os
import signal
import socket
import sys
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from multiprocessing import connection
from typing import Any, Final, Generic, Literal, TypeVar, final

import cv2

from leadline.data.workers import end_with_this_process
from leadline.errors import InputError, LeadlineError, MissingExtraError

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

#: processes: of this machine. ray: of a Ray cluster, the one at RAY_ADDRESS if that is set, else a local one.
Engine = Literal["processes", "ray"]

_MOST_LOSSES: Final = 3
"""Workers that one task may cost before it is taken for the reason."""
_MOST_WORKERS: Final = {"processes": 256, "ray": 100_000}
_PATIENCE_S: Final = 10.0
_OBJECTS_BYTES: Final = 128 << 20
"""Ray's object store on this machine; results are small."""


def require_engine(engine: Engine, workers: int) -> None:
    """Refuses an engine that is not there, or that cannot have so many workers.

    Args:
        engine: Its name.
        workers: Tasks that are done at once; 0 does them in this process.
    Raises:
        InputError: If there cannot be so many workers.
        MissingExtraError: If the engine's package is not installed.
    """
    least, most = int(engine == "ray"), _MOST_WORKERS[engine]
    if workers < least:
        raise InputError(f"expected workers of at least {least} with the engine {engine}, got {workers}")
    if workers > most:
        raise InputError(f"expected workers of at most {most} with the engine {engine}, got {workers}")
    if engine == "ray":
        _ray()


def run_tasks(
    work: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: int, engine: Engine = "processes"
) -> Generator[ResultT]:
    """Results of independent tasks, in the order in which they are finished.

    The first error ends all workers and is raised here. A task whose worker is killed is done again by another one.

    Args:
        work: What is done: a function of an importable module, or a `partial` of one. It depends on its task alone.
        tasks: What it is done with; they can be pickled.
        workers: Tasks that are done at once; 0 does them in this process.
        engine: Where the workers are. A cluster's machines need this version of leadline, and see the files that the
            tasks name at the same paths.
    Yields:
        Results, which can be pickled.
    Raises:
        InputError: If there cannot be so many workers, or the cluster has another version of leadline.
        LeadlineError: If a task costs one worker after the other, or the cluster is not there.
        MissingExtraError: If the engine's package is not installed.
    Example:
        >>> list(run_tasks(abs, [-3, 2], workers=0))
        [3, 2]
    """
    require_engine(engine, workers)
    if not tasks:
        return
    number = min(workers, len(tasks))
    if engine == "ray":
        yield from _on_ray(work, tasks, number)
    elif number == 0:
        yield from map(work, tasks)
    else:
        yield from _in_processes(work, tasks, number)


def _in_processes(work: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], number: int) -> Iterator[ResultT]:
    waiting, lost = deque(range(len(tasks))), Counter[int]()
    idle: list[_Worker[TaskT]] = []
    busy: dict[Any, tuple[_Worker[TaskT], int]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < number:
                worker, task = (idle.pop() if idle else _Worker(work)), waiting.popleft()
                busy[worker.pipe] = (worker, task)
                worker.begin(tasks[task])
            for pipe in connection.wait(list(busy)):
                worker, task = busy.pop(pipe)
                try:
                    done, result = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.end()
                    lost[task] += 1
                    _require_few_losses(lost[task])
                    waiting.appendleft(task)
                    continue
                idle.append(worker)
                if not done:
                    raise result
                yield result
    finally:
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.end()


@final
class _Worker(Generic[TaskT]):
    """A process that does one task at a time.

    Each has a pipe of its own: a process that is killed while it holds the lock of a common queue would stop them all.
    """

    def __init__(self, work: Callable[[TaskT], object]) -> None:
        # Spawned, not forked: a progress display runs a thread.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, work, end_with_this_process())
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, task: TaskT) -> None:
        """Hands it a task; a process that is gone by now is found when its answer is read."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(task)

    def end(self) -> None:
        """Ends it: one that waits sees its pipe closed, and one that works removes its unfinished file."""
        self.pipe.close()
        self._process.terminate()
        self._process.join(_PATIENCE_S)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def _serve(pipe: connection.Connection, work: Callable[[Any], object], watch: Callable[[int], None]) -> None:
    """Leaves Ctrl-C to the parent; when that ends a worker, the worker still removes its unfinished file.

    A parent that is killed ends its workers as well: they would go on for hours.
    """
    watch(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    cv2.setNumThreads(1)
    with suppress(EOFError, OSError):
        while True:
            pipe.send(_outcome(work, pipe.recv()))


def _outcome(work: Callable[[TaskT], object], task: TaskT) -> tuple[bool, object]:
    """Whether the task was done, with its result or the error."""
    try:
        return True, work(task)
    except LeadlineError as error:
        return False, error
    except Exception as error:
        error.add_note(f"in a worker:\n{traceback.format_exc()}")
        return False, error


def _require_few_losses(count: int) -> None:
    if count > _MOST_LOSSES:
        raise LeadlineError(
            f"expected workers that live, lost {count} of them by the same task; is there memory for so many? "
            "take fewer workers"
        )


def _ray() -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            'expected the package ray for the engine ray, found none; install it with pip install "leadline[scale]"'
        ) from error
    return ray


def _on_ray(work: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], number: int) -> Iterator[ResultT]:
    ray = _ray()
    joined = ray.is_initialized()
    if not joined:
        _connect(ray, number)
    waiting, pending = deque(tasks), list[Any]()
    try:
        call = ray.remote(num_cpus=1, max_retries=_MOST_LOSSES)(_work_on_ray)
        ours, shared = version("leadline"), ray.put(work)
        while waiting or pending:
            while waiting and len(pending) < number:
                pending.append(call.remote(ours, shared, waiting.popleft()))
            finished, pending = ray.wait(pending, num_returns=1)
            yield _fetched(ray, finished[0])
    finally:
        # A cluster ends the tasks of a program that leaves it.
        if not joined:
            ray.shutdown()
        for one in pending if joined else ():
            ray.cancel(one, force=True)


def _connect(ray: Any, workers: int) -> None:  # noqa: ANN401
    address = os.environ.get("RAY_ADDRESS")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
    local = {"num_cpus": workers, "object_store_memory": _OBJECTS_BYTES, "_node_ip_address": "127.0.0.1"}
    try:
        if address in (None, "", "local"):
            ray.init(address="local", **local, **quiet)
        else:
            _require_answer(address)
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises many kinds
        reason = " ".join(str(error).split())[:160]
        raise LeadlineError(
            f"expected a Ray cluster at {address or 'this machine'}, got: {reason}; check RAY_ADDRESS, or unset it"
        ) from error


def _require_answer(address: str) -> None:
    """Looks whether HOST:PORT answers, after which Ray would ask for many minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()


def _work_on_ray(wanted: str, work: Callable[[TaskT], ResultT], task: TaskT) -> tuple[bool, object]:
    if (found := version("leadline")) != wanted:
        return False, InputError(
            f"expected leadline {wanted} on every machine of the cluster, got {found}; install the same one"
        )
    cv2.setNumThreads(1)
    return _outcome(work, task)


def _fetched(ray: Any, reference: Any) -> Any:  # noqa: ANN401
    try:
        done, result = ray.get(reference)
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.WorkerCrashedError | ray.exceptions.OutOfMemoryError):
            _require_few_losses(_MOST_LOSSES + 1)
        reason = " ".join(str(error).split())[:160]
        raise LeadlineError(f"expected the cluster to do each task, got: {reason}; start again to go on") from error
    if not done:
        raise result
    return result
