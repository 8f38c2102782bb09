"""Requests that wait for a worker, and workers that do what the command line does."""

import queue
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

from leadline.apps.cli.main import is_out_of_memory
from leadline.apps.cli.stereo import ranged_methods
from leadline.errors import InputError, LeadlineError
from leadline.io.calib_found import LengthUnit
from leadline.io.pair_files import PairFiles
from leadline.io.ply import Axes
from leadline.loading import load_model
from leadline.results.job import Report
from leadline.results.methods import MethodsByRange
from leadline.results.mono import MONO_FILES
from leadline.results.mono_job import MonoJob
from leadline.results.monocular import CameraSource
from leadline.results.request import describe_request
from leadline.results.rigs import RigGiven, RigMaker, length_unit
from leadline.results.stereo import RESULT_FILES, CloudLimits
from leadline.results.stereo_job import StereoJob
from leadline.runtime.mono import MonoMethod
from leadline.runtime.onnx_session import Provider
from leadline.scale.sources import ScaleSource, parse_scale_source

FILES: Final = {"stereo": RESULT_FILES, "mono": MONO_FILES}
"""What a result of each kind may hold."""
_MOST_RANGES: Final = 4
"""Ranges of disparities whose sessions a worker keeps."""
_WITHOUT_FILE: Final = ("height", "ground", "planes")


@dataclass(frozen=True)
class Limits:
    """How much a server takes.

    Args:
        most_bytes: Of one request.
        max_pixels: Of one image.
        waiting: Requests that wait for a worker.
        timeout_s: How long a request may wait and be answered.
    Raises:
        InputError: If one allows nothing.
    """

    most_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 16_000_000
    waiting: int = 128
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuses limits that nothing keeps."""
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"expected {name} above 0, got {value}")


@dataclass(frozen=True)
class Models:
    """What workers run.

    Args:
        stereo: Method for pairs.
        mono: Method for single images.
        threads: Of each worker; all processors if absent.
        provider: Where networks run.
    """

    stereo: str
    mono: str
    threads: int | None = None
    provider: Provider = "cpu"


class BusyError(LeadlineError):
    """Too many requests wait."""


class StoppingError(LeadlineError):
    """The server is about to end."""


@dataclass(frozen=True, eq=False)
class Request:
    """A request whose files are on the disk.

    Args:
        kind: stereo or mono.
        folder: Its files, and its result; removed by whoever made it.
        files: Name of the field -> file.
        values: Name of the field -> value.
        answer: What comes of it; cancelled by whoever no longer waits for it.
    """

    kind: str
    folder: Path
    files: Mapping[str, Path]
    values: Mapping[str, Any]
    answer: "Future[Report]" = field(default_factory=lambda: Future[Report]())

    @property
    def result(self) -> Path:
        """Folder of the result."""
        return self.folder / "result"


@final
class Workers:
    """Threads that each hold one session of each network.

    Args:
        models: What they run; loaded before the constructor returns.
        count: How many.
        limits: How much they take.
    Raises:
        LeadlineError: If a model is unknown or unusable.
    """

    def __init__(self, models: Models, count: int, limits: Limits) -> None:
        if count < 1:
            raise InputError(f"expected at least 1 worker, got {count}")
        self.limits, self.stopping = limits, False
        self._queue: queue.Queue[Request | None] = queue.Queue(limits.waiting)
        self._busy = 0
        self._lock = threading.Lock()
        workers = [Worker(models, limits.max_pixels) for _ in range(count)]
        self._threads = [threading.Thread(target=self._work, args=(worker,), daemon=True) for worker in workers]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._queue.qsize()

    @property
    def busy(self) -> int:
        """Workers that work."""
        return self._busy

    def submit(self, request: Request) -> None:
        """Puts a request into the queue.

        Raises:
            BusyError: If it is full.
            StoppingError: If the server is about to end.
        """
        if self.stopping:
            raise StoppingError("expected a server that runs, but it is stopping; ask again later")
        try:
            self._queue.put_nowait(request)
        except queue.Full:
            raise BusyError(
                f"expected at most {self.limits.waiting} waiting requests, and so many wait; ask again later"
            ) from None

    def stop(self) -> None:
        """Takes no more requests; what waits is still answered."""
        self.stopping = True

    def close(self) -> None:
        """Ends the threads when their work is done."""
        self.stop()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, worker: "Worker") -> None:
        while (request := self._queue.get()) is not None:
            if not request.answer.set_running_or_notify_cancel():
                continue
            with self._lock:
                self._busy += 1
            try:
                request.answer.set_result(worker.run(request))
            except Exception as error:
                request.answer.set_exception(
                    InputError("expected a request that fits into memory; send smaller images")
                    if is_out_of_memory(error)
                    else error
                )
            finally:
                with self._lock:
                    self._busy -= 1


@final
class Worker:
    """One session of each network, and the command line's work with it.

    Args:
        models: What it runs.
        max_pixels: Of one image.
    """

    def __init__(self, models: Models, max_pixels: int) -> None:
        self._models, self._max_pixels = models, max_pixels
        self._ranges: dict[tuple[int | None, int | None], MethodsByRange] = {}
        self._methods(None, None).prepare()
        self._mono: MonoMethod = load_model(models.mono, "mono", threads=models.threads, provider=models.provider)

    def run(self, request: Request) -> Report:
        """Does a request, and leaves its result in its folder.

        Raises:
            LeadlineError: If what it holds is unusable.
        """
        return self._stereo(request) if request.kind == "stereo" else self._single(request)

    def _methods(self, largest: int | None, smallest: int | None) -> MethodsByRange:
        if (largest, smallest) not in self._ranges:
            if len(self._ranges) >= _MOST_RANGES:
                # The first one is the model's own range; the others go with the oldest request.
                del self._ranges[list(self._ranges)[1]]
            models = self._models
            self._ranges[largest, smallest] = ranged_methods(
                models.stereo, largest, smallest, models.threads, models.provider
            )
        return self._ranges[largest, smallest]

    def _stereo(self, request: Request) -> Report:
        values, files = request.values, request.files
        unit: LengthUnit | None = length_unit(values.get("translation_unit"), values.get("square_mm"))
        given = RigGiven(
            files.get("calibration"),
            unit,
            values.get("focal_px"),
            values.get("fov"),
            values.get("baseline_m"),
            both_views="right" not in files,
        )
        job = StereoJob(
            self._models.stereo,
            self._methods(values.get("max_disparity"), values.get("min_disparity")),
            RigMaker(given),
            cloud_limits(values),
            bool(values.get("swap", False)),
            values.get("layout"),
            self._max_pixels,
            {"model": self._models.stereo, **values},
        )
        return job.run(PairFiles("pair", files["left"], files.get("right")), request.result)

    def _single(self, request: Request) -> Report:
        values, path = request.values, request.files["image"]
        axes: Axes = values.get("axes", "opencv")
        job = MonoJob(
            self._mono,
            self._models.mono,
            CameraSource(values.get("focal_px"), values.get("fov"), request.files.get("calibration")),
            scale_of(values.get("scale_from")),
            axes,
            bool(values.get("mesh", False)),
            cloud_limits(values),
            self._max_pixels,
        )
        return job.run(
            path, path.stem, request.result, describe_request([path], {"model": self._models.mono, **values})
        )


def cloud_limits(values: Mapping[str, Any]) -> CloudLimits:
    """Which pixels become points.

    >>> cloud_limits({"max_depth": 4.0}).max_depth_m
    4.0
    """
    return CloudLimits(values.get("min_confidence", CloudLimits.min_confidence), values.get("max_depth"))


def scale_of(text: str | None) -> ScaleSource | None:
    """A source of scale that needs no file: a request names no file of the server.

    Raises:
        InputError: If it would read one, or is none.
    """
    if text is None:
        return None
    if text.partition(":")[0] not in _WITHOUT_FILE:
        raise InputError(f"expected height:, ground: or planes: as scale_from, got {text[:40]!r}")
    return parse_scale_source(text, None)


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder for the files of one request."""
    return tempfile.TemporaryDirectory(prefix="leadline-serve-")


def until(seconds: float) -> Callable[[], float]:
    """Seconds that are left of a time.

    >>> 0.9 < until(1.0)() <= 1.0
    True
    """
    end = time.monotonic() + seconds
    return lambda: max(0.0, end - time.monotonic())
