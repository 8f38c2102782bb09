"""`leadline video`: steady depth for every frame of a film."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import UInt8
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from leadline.apps.cli.batch import say
from leadline.apps.cli.sources import zoo_options
from leadline.apps.cli.words import with_options
from leadline.errors import InputError
from leadline.io.owned import owned_folder
from leadline.io.two_views import open_views
from leadline.io.video import FrameSequence, open_frames
from leadline.loading import load_model
from leadline.results.matching import pair_warnings
from leadline.results.request import SUMMARY_FILE, describe_request, is_finished
from leadline.results.stereo import versions
from leadline.results.video import (
    VideoFormat,
    VideoProgress,
    estimate_video,
    finish_summary,
    finish_video,
    remove_video,
)
from leadline.runtime.mono import DEFAULT_MONO_MODEL
from leadline.runtime.onnx_session import Provider
from leadline.runtime.steady import SteadyDepth, SteadyOptions
from leadline.runtime.stereo import DEFAULT_MODEL
from leadline.runtime.validity import judged

_UNITS: Final = {
    "disparity": "px of the left view, x_right = x_left - disparity",
    "metric": "m along the optical axis",
    "up_to_scale": "depth up to one scale for the clip",
    "affine_depth": "depth up to one scale and shift for the clip",
    "affine_inverse": "inverse depth up to one scale and shift for the clip: larger is closer",
}


def video(
    frames: str,
    right: str | None = None,
    /,
    *,
    model: str | None = None,
    format: Literal["png16", "pfm", "npz"] = "png16",
    window: int = SteadyOptions.window,
    overlap: int = SteadyOptions.overlap,
    keep: float = SteadyOptions.keep,
    fps: float | None = None,
    source: list[str] | None = None,
    accept_licence: bool = False,
    threads: int | None = None,
    provider: Provider = "cpu",
    max_pixels: int | None = None,
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
) -> int:
    """Depth that does not flicker, for every frame of a film.

    Each frame is estimated on its own. Windows of frames that overlap get one scale and shift for each frame, such that
    points that are found again keep their value; then each frame is fused with the last one along the optical flow. A
    cut begins anew. Memory does not grow with the length of the film.

    The output folder gets depth/NAME.png or .pfm for each frame, all on one scale, or one depth.npz; film.mp4, the
    frames beside their depth in colours; and summary.json with the kind of depth and the flicker before and after. A
    run that was stopped goes on where its last window ended.

    Args:
        frames: A film (leadline[video]), a folder or a quoted pattern of frames; for stereo, of the left view.
        right: The same of the right view, rectified: depth is then the disparity of a stereo method.
        model: As for `leadline mono` (leadline-mono if absent) or, with a right view, for `leadline stereo`
            (leadline-fast if absent).
        format: png16, one 16-bit image a frame (mm for metric depth); pfm, floats; or npz, one file for the clip.
        window: Frames that get their scale together.
        overlap: Frames that two windows share.
        keep: Weight of the past where a point is found again; 0 fuses nothing.
        fps: Frames a second of images, for the film; 25 if absent. Films have times of their own.
        source: Folder with the files of a zoo network, or NAME=FOLDER; from the hub or its cache if absent.
        accept_licence: Accept the licence of a zoo network, where it restricts its use.
        threads: Threads to use; all processors if absent.
        provider: Where a network runs; never anywhere else than asked for.
        max_pixels: Largest frame that is read.
        output: Output folder.
        overwrite: Replace a result that exists.
    """
    name = model or (DEFAULT_MONO_MODEL if right is None else DEFAULT_MODEL)
    options = SteadyOptions(window=window, overlap=overlap, keep=keep)
    clip = _clip(frames, right, fps, max_pixels)
    zoo = zoo_options([name], source or (), accept_licence)[name]
    asked = {"model": name, "format": format, "fps": fps, **asdict(options), **zoo}
    request = describe_request(clip.files, asked)
    if is_finished(output, request) and not overwrite:
        say((f"note: {output} is finished and skipped",))
        return 0
    if (output / SUMMARY_FILE).exists() and not overwrite:
        raise InputError(
            f"expected an output folder without another result, got {output / SUMMARY_FILE}; choose another output "
            "folder, or overwrite it"
        )
    say(f"note: {with_options(line)}" for line in clip.notes)
    doubts = clip.doubts()
    say(with_options(doubt) for doubt in doubts)
    method = load_model(name, "mono" if right is None else "stereo", threads=threads, provider=provider, **zoo)
    with owned_folder(output):
        if overwrite:
            remove_video(output)
        steady = SteadyDepth(method if right is None else _judged(method), options)
        progress, notes = _estimate(steady, clip, output, request)
        said = (*clip.notes, *doubts)
        return _finish(clip, progress, format, output, {"model": name, **request}, (*said, *notes), len(said))


@dataclass(frozen=True, eq=False)
class _Clip:
    """Frames of one view, or of two."""

    left: FrameSequence
    right: FrameSequence | None
    matched: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """Every file, once."""
        views = (self.left,) if self.right is None else (self.left, self.right)
        return list(dict.fromkeys(path for view in views for path in view.files(*range(len(view)))))

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on both views, and on a clip that is no film."""
        few = ("one frame alone: there is nothing to steady",) if len(self.left) == 1 else ()
        return (*self.left.notes, *(() if self.right is None else self.right.notes), *self.matched, *few)

    def doubts(self) -> tuple[str, ...]:
        """Warnings of the first pair, where there are two views: swapped, not rectified, of two moments."""
        if self.right is None:
            return ()
        left, right = (view.load(0)[0].pixels for view in (self.left, self.right))
        return () if left.shape != right.shape else pair_warnings(left, right)

    def views(self, index: int) -> UInt8[np.ndarray, "h w 3"] | tuple[UInt8[np.ndarray, "h w 3"], ...]:
        """What the method takes of one frame."""
        left = self.left.load(index)[0].pixels
        return left if self.right is None else (left, self.right.load(index)[0].pixels)

    def image(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """The left frame."""
        return self.left.load(index)[0].pixels


def _clip(frames: str, right: str | None, fps: float | None, max_pixels: int | None) -> _Clip:
    if right is None:
        return _Clip(open_frames(frames, fps, max_pixels), None)
    return _Clip(*open_views(frames, right, fps, max_pixels))


def _judged(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda left, right: judged(method(left, right), left, right)


def _estimate(
    steady: SteadyDepth, clip: _Clip, output: Path, request: Mapping[str, Any]
) -> tuple[VideoProgress, tuple[str, ...]]:
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("estimating frames", total=len(clip.left))
        return estimate_video(
            steady, clip.left, clip.views, output, request, lambda done: bar.update(task, completed=done)
        )


def _finish(
    clip: _Clip,
    progress: VideoProgress,
    format: VideoFormat,
    output: Path,
    asked: Mapping[str, Any],
    notes: tuple[str, ...],
    said: int,
) -> int:
    count = len(progress.changes)
    times = None if clip.left.times_s is None else clip.left.times_s[:count]
    told, more = finish_video(output, clip.left.names[:count], times, clip.image, progress.kind, format)
    flicker = progress.flicker()
    summary = {
        "kind": progress.kind,
        "unit": _UNITS[progress.kind],
        "frames": count,
        "shots_begin_at": progress.shots,
        "frames_per_second": count / max(progress.seconds, 1e-9),
        "flicker": flicker,
        "flicker_is": "OPW: mean change along the optical flow, of log depth for metric and up_to_scale, else in units "
        "of the clip's mean absolute deviation",
        **told,
        "notes": [*notes, *more],
        "versions": versions(),
        **asked,
    }
    finish_summary(output, summary)
    say(f"note: {line}" for line in (*notes[said:], *more))
    steadied, raw = flicker["steadied"], flicker["frame_by_frame"]
    steadiness = "" if steadied is None or raw is None else f"; flicker {steadied:.3f}, frame by frame {raw:.3f}"
    shots = f"{len(progress.shots)} shot{'s' if len(progress.shots) > 1 else ''}"
    print(
        f"{output}: {count} frames in {shots}, {progress.kind}, {summary['frames_per_second']:.1f} frames a second"
        f"{steadiness}"
    )
    return 0
