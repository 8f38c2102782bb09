"""Depth of a film as files: a map for each frame on one scale, a film in colours, and a summary; resumed exactly."""

import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.errors import InputError
from leadline.io.atomic import atomic_write, make_output_folder
from leadline.io.film_writing import can_write_films, write_film
from leadline.io.grey_png import read_depth_png, read_png16
from leadline.io.images import write_depth_mm_png, write_image
from leadline.io.pfm import read_pfm, write_pfm
from leadline.io.video import FrameSequence
from leadline.maps import DepthMap, DisparityMap
from leadline.results.request import SUMMARY_FILE
from leadline.results.stereo import write_json
from leadline.runtime.steady import SteadyDepth, SteadyFrame, SteadyState
from leadline.visual.colormap import plasma, robust_range

VideoFormat = Literal["png16", "pfm", "npz"]

DEPTH_FOLDER: Final = "depth"
FILM: Final = "film.mp4"
ARCHIVE: Final = "depth.npz"
_STATE: Final = "unfinished.npz"
_WHITE: Final = 65535
_MM_PER_M: Final = 1000.0
_FILM_HEIGHT: Final = 480
"""Frames of the film are shrunk to at most this height."""


@dataclass(eq=False)
class VideoProgress:
    """What is known of the frames that are done.

    Args:
        changes: Of each frame, `SteadyFrame.change`, NaN at a cut.
        raw_changes: The same of the method alone.
        spreads: Of each frame.
        shots: Numbers of the frames with which shots begin.
        kind: Of depth, or disparity.
        seconds: Spent on them, reading and writing included.
    Example:
        >>> progress = VideoProgress([np.nan, 0.25], [np.nan, 0.5], [2.0, 3.0], [0], "affine_inverse")
        >>> progress.flicker()
        {'steadied': 0.1, 'frame_by_frame': 0.2}
    """

    changes: list[float] = field(default_factory=list[float])
    raw_changes: list[float] = field(default_factory=list[float])
    spreads: list[float] = field(default_factory=list[float])
    shots: list[int] = field(default_factory=list[int])
    kind: str = ""
    seconds: float = 0.0

    def add(self, found: SteadyFrame) -> None:
        """Notes one frame more."""
        if found.new_shot:
            self.shots.append(len(self.changes))
        self.changes.append(found.change)
        self.raw_changes.append(found.raw_change)
        self.spreads.append(found.spread)
        self.kind = "disparity" if isinstance(found.depth, DisparityMap) else found.depth.kind

    def flicker(self) -> dict[str, float | None]:
        """Flicker of the steadied values and of the method's own: OPW in units of the clip's spread.

        For depth of kind metric and up_to_scale OPW is of the logarithm, and stands as it is.
        """
        unit = 1.0 if self.kind in ("metric", "up_to_scale") else float(np.mean(self.spreads)) or 1.0
        told: dict[str, float | None] = {}
        for name, changes in (("steadied", self.changes), ("frame_by_frame", self.raw_changes)):
            known = [change for change in changes if np.isfinite(change)]
            told[name] = float(np.mean(known)) / unit if known else None
        return told


def estimate_video(
    steady: SteadyDepth,
    frames: FrameSequence,
    views: Callable[[int], UInt8[np.ndarray, "h w 3"] | tuple[UInt8[np.ndarray, "h w 3"], ...]],
    folder: Path,
    request: Mapping[str, Any],
    advance: Callable[[int], None],
) -> tuple[VideoProgress, tuple[str, ...]]:
    """Writes depth/NAME.pfm for each frame; a run that was stopped goes on where its last window ended.

    Args:
        steady: The method and how it is steadied.
        frames: For names.
        views: What the method takes of the frame of a number.
        folder: Output folder.
        request: As of `describe_request`: another request starts anew.
        advance: Called with the number of frames that are done.
    Returns:
        What is known of the frames, and notes: where a damaged film ends.
    Raises:
        InputError: If the first frame cannot be read.
        OutputError: If a file cannot be written.
    """
    place = make_output_folder(folder / DEPTH_FOLDER)
    state, progress = _resume(folder, request, frames.names)
    notes = list[str]()
    advance(state.done)
    begun = time.perf_counter() - progress.seconds
    read = _reader(views, max(0, state.done - 1), len(frames), notes)
    for found in steady.steady(read, state):
        name = frames.names[len(progress.changes)]
        write_pfm(place / f"{name}.pfm", _values(found.depth))
        progress.add(found)
        progress.seconds = time.perf_counter() - begun
        if found.state is not None:
            _save(folder, request, found.state, progress)
        advance(len(progress.changes))
    return progress, tuple(notes)


def _reader(
    views: Callable[[int], Any], first: int, count: int, notes: list[str]
) -> Iterator[UInt8[np.ndarray, "h w 3"] | tuple[UInt8[np.ndarray, "h w 3"], ...]]:
    for index in range(first, count):
        try:
            frame = views(index)
        except InputError as error:
            if index == 0:
                raise
            notes.append(f"the result ends before frame {index} of {count}: {error}")
            return
        yield frame


def finish_video(
    folder: Path,
    names: Sequence[str],
    times_s: Sequence[float] | None,
    image: Callable[[int], UInt8[np.ndarray, "h w 3"]],
    kind: str,
    form: VideoFormat,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The files that need the whole clip: one scale for all frames, the film, the archive. Memory holds one frame.

    Args:
        folder: Output folder, with depth/NAME.pfm for each name.
        names: Of the frames.
        times_s: Of the frames, if known.
        image: The frame of a number.
        kind: Of depth, or disparity.
        form: What becomes of the maps.
    Returns:
        What goes into the summary, and notes.
    Raises:
        OutputError: If a file cannot be written.
    """
    paths = [folder / DEPTH_FOLDER / f"{name}.pfm" for name in names]
    low = high = least = most = np.nan
    for path in paths:
        values = read_pfm(path)
        valid = np.isfinite(values)
        if valid.any():
            robust = robust_range(values, valid)
            low, high = np.fmin(low, robust[0]), np.fmax(high, robust[1])
            least, most = np.fmin(least, values[valid].min()), np.fmax(most, values[valid].max())
    colours = (float(low), float(high)) if low < high else (0.0, 1.0)
    told: dict[str, Any] = {"format": form, "least": float(least), "most": float(most), "colour_range": colours}
    notes = list[str]()
    if can_write_films():
        near_is_small = kind in ("metric", "up_to_scale", "affine_depth")
        frames = (_beside(image(number), read_pfm(path), colours, near_is_small) for number, path in enumerate(paths))
        write_film(folder / FILM, frames, times_s)
        told["film"] = FILM
    else:
        notes.append(f'no {FILM}: it needs PyAV, pip install "leadline[video]"')
    if form == "npz":
        _write_archive(folder / ARCHIVE, paths, names, times_s)
    elif form == "png16":
        told |= _write_pngs(paths, kind, (float(least), float(most)))
    return told, tuple(notes)


def finish_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Writes summary.json, which says that the folder is finished, and removes what only a resumed run needs.

    In this order: a run that is killed in between finds everything that it needs to go on, or is finished.
    """
    write_json(folder / SUMMARY_FILE, summary)
    if summary["format"] != "pfm":
        for path in (folder / DEPTH_FOLDER).glob("*.pfm"):
            path.unlink()
    if summary["format"] == "npz":
        shutil.rmtree(folder / DEPTH_FOLDER, ignore_errors=True)
    (folder / _STATE).unlink(missing_ok=True)


def _write_pngs(paths: Iterable[Path], kind: str, limits: tuple[float, float]) -> dict[str, Any]:
    """16-bit PNGs on one scale; metric depth in millimetres. Returns how samples become values."""
    if kind == "metric":
        for path in paths:
            values = read_pfm(path)
            write_depth_mm_png(path.with_suffix(".png"), values, np.isfinite(values))
        return {"sample": "mm, 0 where unknown"}
    least, most = limits
    step = _step(least, most)
    for path in paths:
        values = read_pfm(path)
        known = np.isfinite(values)
        samples = np.where(known, np.rint((np.where(known, values, least) - least) / step) + 1.0, 0.0)
        write_image(path.with_suffix(".png"), samples.astype(np.uint16))
    return {"sample": f"value = {least:.9g} + (sample - 1) * {step:.9g}; 0 is unknown"}


def read_map(path: Path, summary: Mapping[str, Any]) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Values of a frame of a finished result (0 where unknown), and where they are known.

    Args:
        path: depth/NAME.pfm or depth/NAME.png.
        summary: Content of its summary.json.
    Raises:
        InputError: If the file or the summary is damaged.
    """
    if path.suffix == ".pfm":
        values = read_pfm(path)
        known = np.isfinite(values)
        return np.where(known, values, np.float32(0.0)), known
    if summary.get("kind") == "metric":
        return read_depth_png(path, _MM_PER_M)
    try:
        least, most = float(summary["least"]), float(summary["most"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected least and most in {SUMMARY_FILE}, got none; make the result again") from error
    samples = read_png16(path, "a frame's values")
    values = least + (samples.astype(np.float64) - 1.0) * _step(least, most)
    return np.where(samples > 0, values, 0.0).astype(np.float32), samples > 0


def _step(least: float, most: float) -> float:
    """What one step of a sample is worth."""
    return (most - least) / (_WHITE - 1) or 1.0


def _write_archive(path: Path, paths: Sequence[Path], names: Sequence[str], times_s: Sequence[float] | None) -> None:
    """depth.npz with depth (frames, height, width), names and times, frame by frame: memory holds one."""
    height, width = read_pfm(paths[0]).shape
    stored = np.dtype("<f4")
    header = {"descr": stored.str, "fortran_order": False, "shape": (len(paths), height, width)}
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("depth.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            for part in paths:
                entry.write(read_pfm(part).astype(stored).tobytes())
        for name, values in (("names", np.array(names)), ("times_s", times_s)):
            if values is not None:
                with archive.open(f"{name}.npy", "w") as entry:
                    np.lib.format.write_array(entry, np.asarray(values))


def _beside(
    image: UInt8[np.ndarray, "h w 3"], values: Float32[np.ndarray, "h w"], colours: tuple[float, float], flip: bool
) -> UInt8[np.ndarray, "h2 w2 3"]:
    """A frame and its depth side by side, hotter is closer."""
    low, high = (-colours[1], -colours[0]) if flip else colours
    depth = plasma(-values if flip else values, np.isfinite(values), (low, high))
    both = np.hstack([image, depth])
    height = min(_FILM_HEIGHT, both.shape[0])
    size = (round(both.shape[1] * height / both.shape[0]), height)
    return np.asarray(cv2.resize(both, size, interpolation=cv2.INTER_AREA), np.uint8)


def _values(found: DepthMap | DisparityMap) -> Float32[np.ndarray, "h w"]:
    """Values, NaN where unknown."""
    values = found.disparity if isinstance(found, DisparityMap) else found.depth
    known: Bool[np.ndarray, "h w"] = found.valid
    return np.where(known, values, np.float32(np.nan)).astype(np.float32)


def _save(folder: Path, request: Mapping[str, Any], state: SteadyState, progress: VideoProgress) -> None:
    told = {**vars(progress), "done": state.done, **request}
    arrays: dict[str, np.ndarray] = {"told": np.array(json.dumps(told))}
    if state.overlap:
        arrays["overlap"] = np.stack(state.overlap)
    if state.fused is not None:
        arrays["fused"] = state.fused
    if state.last is not None:
        arrays["last"], arrays["raw_last"] = state.last
    with atomic_write(folder / _STATE) as stream:
        np.savez(stream, **cast("dict[str, Any]", arrays))


def _resume(folder: Path, request: Mapping[str, Any], names: Sequence[str]) -> tuple[SteadyState, VideoProgress]:
    """The state of an unfinished run of this very request; a fresh one if there is none, or its files are not whole."""
    try:
        with (folder / _STATE).open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        told: dict[str, Any] = json.loads(str(arrays.pop("told")))
        if {key: told.pop(key, None) for key in request} != json.loads(json.dumps(dict(request))):
            raise ValueError("another request")
        last = (arrays["last"], arrays["raw_last"]) if "last" in arrays else None
        overlap = tuple(arrays["overlap"]) if "overlap" in arrays else ()
        fused = arrays.get("fused")
        if fused is not None and fused.ndim != 3:
            raise ValueError("a state of an earlier version")
        state = SteadyState(told.pop("done"), overlap, fused, last)
        progress = VideoProgress(**told)
        if {state.done} != {len(values) for values in (progress.changes, progress.raw_changes, progress.spreads)}:
            raise ValueError("frames without their figures")
        for name in names[: state.done]:
            read_pfm(folder / DEPTH_FOLDER / f"{name}.pfm")
    except Exception:  # zipfile and numpy raise a dozen kinds on damaged files
        return SteadyState(), VideoProgress()
    return state, progress


def remove_video(folder: Path) -> None:
    """Removes an earlier result, as far as it is ours."""
    for name in (SUMMARY_FILE, FILM, ARCHIVE, _STATE):
        (folder / name).unlink(missing_ok=True)
    place = folder / DEPTH_FOLDER
    for path in [*place.glob("*.pfm"), *place.glob("*.png")]:
        os.unlink(path)
