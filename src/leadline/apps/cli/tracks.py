"""`leadline tracks`: people and things in 3D."""

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from cyclopts import Parameter
from jaxtyping import Float64, UInt8
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from leadline.apps.cli.batch import say
from leadline.apps.cli.stereo import ranged_methods
from leadline.apps.cli.words import with_options
from leadline.cameras.opening import open_source
from leadline.errors import InputError
from leadline.geometry.boxes import LabelledBox
from leadline.geometry.camera import Pinhole
from leadline.geometry.trajectory import Trajectory
from leadline.io.owned import owned_folder
from leadline.io.trajectories import read_trajectory
from leadline.io.video import FrameSequence, is_sequence, open_frames
from leadline.loading import load_model
from leadline.maps import DepthMap
from leadline.results.monocular import CameraSource, estimate_depth
from leadline.results.request import SUMMARY_FILE, describe_request, is_finished
from leadline.results.rigs import RigGiven, length_unit
from leadline.results.stereo import versions
from leadline.results.tracks import SeenFrame, TracksRun, remove_tracks
from leadline.runtime.detector import DEFAULT_DETECTOR, OnnxDetector, load_detector
from leadline.runtime.mono import DEFAULT_MONO_MODEL
from leadline.runtime.onnx_session import Provider
from leadline.runtime.stereo import DEFAULT_MODEL
from leadline.scale.sources import parse_scale_source
from leadline.streaming.stream import LiveStream, StreamOptions
from leadline.tracking.detection import detections_by_size, detections_in_space
from leadline.tracking.tracker import TrackerOptions

_SCHEME: Final = re.compile(r"[a-z]{2,12}:")
_NOMINAL_FOV: Final = 60.0
_POSE_APART_S: Final = 0.05
"""Seconds by which a frame and its pose may differ."""
_BY_BOX: Final = "no metres: things are followed by their boxes alone"


def tracks(
    source: str,
    right: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    square_mm: float | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    baseline_m: float | None = None,
    model: str | None = None,
    scale_from: Annotated[str | None, Parameter(name="--scale-from")] = None,
    detector: str = DEFAULT_DETECTOR,
    label: list[str] | None = None,
    min_score: float = 0.2,
    birth_score: float = TrackerOptions.birth_score,
    patience: float = TrackerOptions.patience_s,
    poses: Path | None = None,
    fps: float | None = None,
    frames: int | None = None,
    swap: bool = False,
    max_disparity: int | None = None,
    threads: int | None = None,
    provider: Provider = "cpu",
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
) -> int:
    """People and things in 3D: who is where, how far, and how fast.

    A detector finds boxes, depth puts them in space with an error bar, and a tracker in metres gives them identities
    and velocities. Depth comes from two views, as for `leadline live`, or from one film or folder by leadline-mono,
    where --scale-from gives the metres; without a scale things are followed by their boxes, and no metres are told.

    The output folder gets tracks.json, tracks.csv, overlay.mp4 (leadline[tracks]) and summary.json. A run that was
    stopped goes on where it ended.

    Args:
        source: Camera or recording of two views, as for `leadline live`; or a film, a folder or a quoted pattern of
            frames of one view.
        right: The right view, where it has a film, folder or pattern of its own.
        calibration: Calibration file, as for `leadline stereo`; of one view, as for `leadline mono`.
        translation_unit: Unit of the calibration's translation, where the file states none or a wrong one.
        square_mm: Side of a square of the calibration board, mm, where the translation is in squares.
        focal_px: Focal length, px; instead of a calibration.
        fov: Field of view across the width, degrees; instead of --focal-px.
        baseline_m: Distance between the cameras, metres.
        model: As for `leadline stereo` (leadline-fast if absent) or, for one view, for `leadline mono`.
        scale_from: For one view, what makes depth metric, as for `leadline mono`: height:METRES@PITCH, ground:METRES.
        detector: nanodet, or the card (.yaml) of another ONNX detector.
        label: Class to look for, such as person; may come several times. All if absent.
        min_score: Detections of lower scores are left out.
        birth_score: Score from which a detection begins a track.
        patience: How long something that is not seen keeps its identity, seconds.
        poses: Path of the camera (TUM or KITTI): positions in the world, too.
        fps: Frames a second of images.
        frames: End after this many frames.
        swap: Exchange the views.
        max_disparity: Largest disparity to look for, px.
        threads: Threads to use; all processors if absent.
        provider: Where the depth network runs; never anywhere else than asked for.
        output: Output folder.
        overwrite: Replace a result that exists.
    """
    if not 0.0 <= min_score < 1.0:
        raise InputError(f"expected --min-score from 0 to below 1, got {min_score:g}")
    if frames is not None and frames < 1:
        raise InputError(f"expected --frames of at least 1, got {frames}")
    finder = load_detector(detector, threads)
    finder.require_labels(label)
    options = TrackerOptions(birth_score=birth_score, patience_s=patience)
    path = None if poses is None else read_trajectory(poses)
    mono = right is None and _SCHEME.match(source) is None and is_sequence(source)
    asked = {
        "source": source, "right": right, "calibration": calibration, "translation_unit": translation_unit,
        "square_mm": square_mm, "focal_px": focal_px, "fov": fov, "baseline_m": baseline_m, "model": model,
        "scale_from": scale_from, "detector": finder.card.sha256, "label": label, "min_score": min_score,
        "birth_score": birth_score, "patience": patience, "poses": poses, "fps": fps, "frames": frames, "swap": swap,
        "max_disparity": max_disparity,
    }  # fmt: skip
    job = _Job(finder, tuple(label) if label else None, min_score, options, path, frames, output, overwrite)
    if mono:
        if (baseline_m, max_disparity) != (None, None) or swap:
            raise InputError(
                f"expected the options of one view for {source}, got one of two views; give the right view, or "
                "file:FILM for a film of both side by side"
            )
        sequence = open_frames(source, fps)
        camera = CameraSource(focal_px, fov, calibration)
        depth = _MonoDepth(sequence, camera, model or DEFAULT_MONO_MODEL, scale_from, threads, provider)
        request = describe_request(list(dict.fromkeys(sequence.files(*range(len(sequence))))), asked)
        return job.run(depth, request)
    if scale_from is not None:
        raise InputError("expected no --scale-from with two views, got one; their baseline gives the metres")
    if fps is not None:
        raise InputError(f'expected the frames a second of two views in the source, "{source}?fps={fps:g}"')
    given = RigGiven(calibration, length_unit(translation_unit, square_mm), focal_px, fov, baseline_m)
    name = model or DEFAULT_MODEL
    methods = ranged_methods(name, max_disparity, None, threads, provider)
    methods.prepare()
    return job.run(_StereoDepth(source, right, given, methods, swap, name), describe_request([], asked))


@dataclass(frozen=True, eq=False)
class _Moment:
    """A frame with its depth, if there is metric depth."""

    name: str
    time_s: float
    image: UInt8[np.ndarray, "h w 3"]
    depth: DepthMap | None
    camera: Pinhole


@dataclass(frozen=True, eq=False)
class _Job:
    """What is done with each frame, whatever its depth comes from."""

    finder: OnnxDetector
    labels: tuple[str, ...] | None
    min_score: float
    options: TrackerOptions
    path: Trajectory | None
    frames: int | None
    output: Path
    overwrite: bool

    def run(self, source: "_MonoDepth | _StereoDepth", request: dict[str, Any]) -> int:
        """Tracks a source into the output folder; the exit code."""
        if is_finished(self.output, request) and not self.overwrite:
            say((f"note: {self.output} is finished and skipped",))
            return 0
        if (self.output / SUMMARY_FILE).exists() and not self.overwrite:
            raise InputError(
                f"expected an output folder without another result, got {self.output / SUMMARY_FILE}; choose another "
                "output folder, or overwrite it"
            )
        begun = time.perf_counter()
        with owned_folder(self.output):
            if self.overwrite:
                remove_tracks(self.output)
            run = TracksRun(self.output, request, True, self.options, source.can_resume)
            before = run.done
            if before:
                say((f"note: {before} frames of an earlier run are taken over",))
            try:
                self._work(source, run)
            except KeyboardInterrupt:
                if not source.can_resume and run.done:
                    self._finish(source, run, request, begun, before)
                raise
            return self._finish(source, run, request, begun, before)

    def _work(self, source: "_MonoDepth | _StereoDepth", run: TracksRun) -> None:
        if self.frames is not None and run.done >= self.frames:
            return
        with _bar(source.count(self.frames)) as advance, closing(source.moments(run)) as moments:
            advance(run.done)
            for moment in moments:
                found = self.finder(moment.image, self.min_score, self.labels)
                run.metres = moment.depth is not None
                pose = None if self.path is None else _pose_at(self.path, run.done, moment.time_s)
                run.add(_seen(moment, found, pose), moment.camera)
                advance(run.done)
                if self.frames is not None and run.done >= self.frames:
                    return

    def _finish(
        self, source: "_MonoDepth | _StereoDepth", run: TracksRun, request: dict[str, Any], begun: float, before: int
    ) -> int:
        notes = list(source.notes)
        seconds = time.perf_counter() - begun
        if not run.identities:
            wanted = "anything" if self.labels is None else " or ".join(self.labels)
            notes.append(
                f"no track: {wanted} was not found {self.options.confirm} times in a row in {run.done} frames "
                f"({run.detections} detections); lower the scores, or name other classes"
            )
        rate = (run.done - before) / max(seconds, 1e-9)
        summary = {
            "model": source.model, **self.finder.description, "frames_per_second": rate, "notes": notes,
            "versions": versions(),
        }  # fmt: skip
        told = run.finish(summary)
        say(f"note: {with_options(note)}" for note in told["notes"] if note not in source.said)
        counts = ", ".join(f"{count} {label}" for label, count in told["tracks"].items()) or "none"
        unit = "metres" if run.metres else "no metres"
        print(f"{self.output}: {run.done} frames, tracks: {counts}; {unit}; {rate:.1f} frames a second")
        return 0


def _seen(moment: _Moment, found: tuple[LabelledBox, ...], pose: Float64[np.ndarray, "4 4"] | None) -> SeenFrame:
    if moment.depth is None:
        detections = detections_by_size(found, moment.camera)
        pose = None
    else:
        detections = detections_in_space(found, moment.depth)
    return SeenFrame(moment.name, moment.time_s, moment.image, detections, pose)


def _pose_at(path: Trajectory, number: int, time_s: float) -> Float64[np.ndarray, "4 4"]:
    """Pose of a frame: by its time where the poses have times, else by its number."""
    if path.times_s is not None:
        number = int(np.argmin(np.abs(path.times_s - time_s)))
        if abs(float(path.times_s[number]) - time_s) > _POSE_APART_S:
            raise InputError(
                f"expected a pose within {_POSE_APART_S} s of each frame, got none for {time_s:.3f} s, the nearest at "
                f"{path.times_s[number]:.3f} s; give poses of this recording"
            )
    elif number >= len(path):
        raise InputError(f"expected a pose for each frame, got {len(path)}; give poses of this recording")
    return path.poses[number]


@dataclass(eq=False)
class _MonoDepth:
    """Depth of the frames of one view."""

    sequence: FrameSequence
    given: CameraSource
    model: str
    scale_from: str | None
    threads: int | None
    provider: Provider
    can_resume: bool = True

    def __post_init__(self) -> None:
        self.scale = None if self.scale_from is None else parse_scale_source(self.scale_from)
        self.notes: list[str] = list(self.sequence.notes)
        self.said: set[str] = set()
        self.metric = True
        if self.sequence.times_s is None:
            self.notes.append("frames without times are taken for 25 a second; give --fps for velocities")

    def count(self, frames: int | None) -> int | None:
        """How many frames there will be."""
        return len(self.sequence) if frames is None else min(frames, len(self.sequence))

    def moments(self, run: TracksRun) -> Generator[_Moment]:
        """Frames from the first that is not done on."""
        method = load_model(self.model, "mono", threads=self.threads, provider=self.provider)
        for index in range(run.done, len(self.sequence)):
            (frame,) = self.sequence.load(index)
            height, width = frame.pixels.shape[:2]
            found = self.given.camera(self.sequence.files(index)[0], height, width)
            time_s = index / 25.0 if self.sequence.times_s is None else self.sequence.times_s[index]
            depth = None
            if self.metric:
                depth = estimate_depth(method, frame.pixels, found, self.scale, frame.name).depth
                self.metric = depth.kind == "metric" and depth.camera is not None
            if not self.metric:
                depth = None
                self._note(
                    f"depth has no scale: {_BY_BOX}; a source of scale makes it metric"
                    if found.camera is not None
                    else f"the focal length is unknown: {_BY_BOX}; give focal_px, fov_deg or a calibration"
                )
            yield _Moment(frame.name, time_s, frame.pixels, depth, found.camera or _nominal(height, width))

    def _note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(line)


@dataclass(eq=False)
class _StereoDepth:
    """Depth of the pairs of a source."""

    address: str
    right: str | None
    given: RigGiven
    methods: Any
    swap: bool
    model: str

    def __post_init__(self) -> None:
        self.source = open_source(self.address, self.right, on_event=self._tell)
        self.can_resume = not self.source.is_live
        self.notes: list[str] = []
        self.said: set[str] = set()

    def count(self, frames: int | None) -> int | None:
        """How many frames there will be, if known."""
        return frames

    def moments(self, run: TracksRun) -> Generator[_Moment]:
        """Pairs from the first that is not done on."""
        first = 0 if run.last_name is None else int(run.last_name) + 1
        options = StreamOptions(swap=self.swap, first_number=first)
        with LiveStream(self.source, self.methods, self.given, options, self._tell) as stream:
            for result in stream:
                height, width = result.left.shape[:2]
                camera = _nominal(height, width) if result.depth is None else result.depth.camera
                assert camera is not None
                name = f"{result.frame.meta.number:06d}"
                yield _Moment(name, result.time_s, result.left, result.depth, camera)

    def _tell(self, line: str) -> None:
        text = line.removeprefix("note: ")
        if text not in self.said:
            self.said.add(text)
            self.notes.append(text)
            say((with_options(line),))


def _nominal(height: int, width: int) -> Pinhole:
    """Some camera, for boxes that are followed without metres."""
    focal = width / (2.0 * np.tan(np.radians(_NOMINAL_FOV) / 2.0))
    return Pinhole(float(focal), float(focal), (width - 1) / 2.0, (height - 1) / 2.0, height, width)


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[[int], None]]:
    columns: Iterable[Any] = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("tracking", total=total)
        yield lambda done: bar.update(task, completed=done)
