"""Results of many moments: films, recordings, and folders of results."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.apps.web.view.folders import OneResult, open_result, read_summary, summary_facts
from leadline.apps.web.view.frame import Moment, ViewFrame
from leadline.apps.web.view.images import request_inputs, request_options
from leadline.errors import InputError, LeadlineError
from leadline.io.files import read_bytes
from leadline.io.grey_png import read_grey8
from leadline.io.images import read_image
from leadline.io.kitti_png import read_kitti_disparity
from leadline.io.npz import read_npz
from leadline.io.pair_files import natural_key, short_names
from leadline.io.pfm import read_pfm
from leadline.io.video import FrameSequence, is_film, open_frames
from leadline.maps import DepthMap, DisparityMap
from leadline.results.request import SUMMARY_FILE
from leadline.results.stereo import described_rig
from leadline.results.video import ARCHIVE, DEPTH_FOLDER, FILM, read_map

Image = UInt8[np.ndarray, "_ _ 3"]
Map = tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]


@final
@dataclass(frozen=True, eq=False)
class Series:
    """Frames in the order of time.

    Args:
        title: The folder's name.
        moments: The frames.
        facts: What is known of the whole.
        read: Makes the frame of a number.
    """

    title: str
    moments: Sequence[Moment]
    facts: Sequence[tuple[str, str]]
    read: Callable[[int], ViewFrame]

    def load(self, index: int) -> ViewFrame:
        """A frame by its number."""
        return replace(self.read(index), name=self.moments[index].name, time_s=self.moments[index].time_s)


def open_batch(folder: Path) -> Series | None:
    """The results in folders of a folder, such as a batch writes; None if there are none.

    Raises:
        InputError: If one is damaged.
    """
    found = dict[str, OneResult]()
    for path in sorted((path for path in folder.iterdir() if path.is_dir()), key=natural_key):
        if (path / SUMMARY_FILE).is_file() and (result := open_result(path)) is not None:
            found[path.name] = result
    if not found:
        return None
    results = tuple(found.values())
    fps = request_options(results[0].summary).get("fps")
    times = [result.summary.get("times_s") for result in results]
    moments = [
        Moment(name, float(time[0]) if isinstance(time, list) and time and time[0] is not None else _at(number, fps))
        for number, (name, time) in enumerate(zip(found, times, strict=True))
    ]
    return Series(folder.resolve().name, moments, results[0].facts, lambda index: results[index].load(0))


def _at(number: int, fps: object) -> float | None:
    return number / float(fps) if isinstance(fps, int | float) and fps > 0 else None


def open_recording(folder: Path) -> Series | None:
    """What `leadline live --record` wrote; None if the folder has no recording.

    Raises:
        InputError: If it is damaged, or has no frame.
    """
    if not any(folder.glob("*.jsonl")):
        return None
    # Cameras and threads, which results without a recording need not wait for.
    from leadline.streaming.recording import INDEX, REQUEST

    if not (folder / INDEX).is_file():
        return None
    content = read_bytes(folder / INDEX, "a recording's list of frames")
    try:
        # A line without an end is one that is being written, or that a killed run left.
        lines = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
        known = json.loads(read_bytes(folder / REQUEST, "a recording's description"))
        files = [(str(line["name"]), str(line["disparity"]), float(line["time_s"])) for line in lines]
        model = known["request"]["options"]["model"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"expected a recording of leadline in {folder}, got damaged files: {error}") from error
    if not files:
        raise InputError(f"expected frames in the recording {folder}, got none yet")
    rig = None if not known.get("rig") else described_rig(known["rig"])
    facts = [("method", str(model)), ("frames", str(len(files))), *summary_facts({"rig": known.get("rig") or {}})]

    def read(index: int) -> ViewFrame:
        name, file, _ = files[index]
        path, sure = folder / "disparity" / Path(file).name, folder / "confidence" / f"{Path(name).name}.png"
        values, valid = _finite(read_pfm(path)) if path.suffix == ".pfm" else read_kitti_disparity(path)
        confidence = None
        if sure.is_file():
            confidence = read_grey8(sure, "confidence").astype(np.float32) / np.float32(255.0)
        disparity = DisparityMap(values, valid, confidence)
        depth = None if rig is None else disparity.to_depth(rig)
        image = read_image(folder / "left" / f"{Path(name).name}.png").pixels
        return ViewFrame(name, image, disparity, depth, rig=rig)

    begin = files[0][2]
    return Series(folder.resolve().name, [Moment(name, time - begin) for name, _, time in files], facts, read)


def _finite(values: Float32[np.ndarray, "h w"]) -> Map:
    known = np.isfinite(values)
    return np.where(known, values, np.float32(0.0)), known


def open_film(folder: Path) -> Series | None:
    """What `leadline video` wrote; None if the folder has no such result.

    Raises:
        InputError: If it is damaged.
    """
    place, archive = folder / DEPTH_FOLDER, folder / ARCHIVE
    if not (folder / SUMMARY_FILE).is_file() or not (place.is_dir() or archive.is_file()):
        return None
    summary = read_summary(folder)
    names, maps = _packed(archive) if archive.is_file() else _maps(place, summary)
    kind = summary.get("kind", "affine_inverse")
    images, notes = _images(folder, summary, names)
    times = images.times_s if images.times_s is not None and len(images.times_s) >= len(names) else None
    fps = request_options(summary).get("fps")

    def read(index: int) -> ViewFrame:
        values, known = maps(index)
        image = images.load(index, values.shape)
        if kind == "disparity":
            return ViewFrame(names[index], image, disparity=DisparityMap(values, known), notes=notes)
        return ViewFrame(names[index], image, depth=DepthMap(values, known, kind), notes=notes)

    moments = [Moment(name, times[n] - times[0] if times else _at(n, fps)) for n, name in enumerate(names)]
    return Series(folder.resolve().name, moments, summary_facts(summary), read)


def _maps(place: Path, summary: Mapping[str, Any]) -> tuple[list[str], Callable[[int], Map]]:
    files = sorted((path for path in place.iterdir() if path.suffix in (".png", ".pfm")), key=natural_key)
    if not files:
        raise InputError(f"expected maps in {place}, got none; make the result again")
    return [path.stem for path in files], lambda index: read_map(files[index], summary)


def _packed(archive: Path) -> tuple[list[str], Callable[[int], Map]]:
    arrays = read_npz(archive, ("depth", "names"), "the depth of a film")
    depth, names = arrays["depth"], [str(name) for name in arrays["names"]]
    if depth.ndim != 3 or len(depth) != len(names):
        raise InputError(f"expected a map for each of {len(names)} names in {archive}, got others; make it again")
    return names, lambda index: _finite(depth[index].astype(np.float32))


@dataclass(frozen=True, eq=False)
class ClipImages:
    """Frames of a clip: images, a film, or the left half of the film in the result.

    Args:
        paths: Images.
        film: Instead of them.
        is_half: Whether the film has something beside each frame.
    """

    paths: Sequence[str] = ()
    film: FrameSequence | None = None
    is_half: bool = False

    @property
    def times_s(self) -> Sequence[float] | None:
        """When each frame of a film was taken."""
        return None if self.film is None else self.film.times_s

    def load(self, index: int, size: tuple[int, int]) -> Image | None:
        """A frame; None if it is not to be had in this size."""
        if self.film is None and index >= len(self.paths):
            return None
        try:
            pixels = read_image(self.paths[index]).pixels if self.film is None else self.film.load(index)[0].pixels
        except LeadlineError:
            return None
        if self.is_half:
            pixels = pixels[:, : pixels.shape[1] // 2]
            pixels = np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
        return pixels if pixels.shape[:2] == size else None


def _images(folder: Path, summary: Mapping[str, Any], names: Sequence[str]) -> tuple[ClipImages, tuple[str, ...]]:
    """The frames that the result was made of, else those in its own film, and what is to be said of them."""
    try:
        if (found := clip_images(summary, names)) is not None:
            return found, ()
    except LeadlineError as error:
        return ClipImages(), (f"no images: {error}",)
    try:
        own = ClipImages(film=open_frames(folder / FILM), is_half=True)
    except LeadlineError as error:
        return ClipImages(), (f"no images: those of the clip are gone, and {error}",)
    return own, (f"the clip's own images are gone: those of {FILM} are shown",)


def clip_images(summary: Mapping[str, Any], names: Sequence[str]) -> ClipImages | None:
    """The frames of the clip that a result was made of; None if they are not there any more.

    Args:
        summary: Content of summary.json.
        names: Of the result's frames.
    Raises:
        LeadlineError: If it is a film that cannot be read.
    """
    paths = list(request_inputs(summary))
    if paths and is_film(paths[0]) and Path(paths[0]).is_file():
        return ClipImages(film=open_frames(paths[0]))
    left = paths[: len(names)]
    if left and len(left) == len(names) and all(Path(path).is_file() for path in left) and _named(left) == list(names):
        return ClipImages(left)
    return None


def _named(paths: Sequence[str]) -> list[str]:
    return short_names([Path(path) for path in paths])
