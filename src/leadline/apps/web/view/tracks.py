"""Objects and their tracks, from the JSON file that `leadline tracks` writes: for a result's frames, or alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from leadline.apps.web.view.folders import read_summary, summary_facts
from leadline.apps.web.view.frame import Moment, SeenObject, Viewed, ViewFrame
from leadline.apps.web.view.series import ClipImages, Series, clip_images
from leadline.errors import InputError, LeadlineError
from leadline.io.files import read_bytes
from leadline.io.video import open_frames
from leadline.results.tracks import FILM, TRACKS_FILE

_MOST_BYTES: Final = 512 << 20
_LONGEST_TRAIL: Final = 100
_APART: Final = 0.5
"""Share of the time between two frames within which the nearest one in time is taken."""


@dataclass(frozen=True)
class TracksFrame:
    """Objects of one moment.

    Args:
        name: Of the frame, if known.
        time_s: When it was, if known.
        objects: With their boxes.
    """

    name: str | None
    time_s: float | None
    objects: tuple[SeenObject, ...]


def read_tracks(path: Path) -> tuple[TracksFrame, ...]:
    """Reads a file of tracks; `leadline.tracking.form` describes its form.

    Args:
        path: A .json file.
    Raises:
        InputError: If it is missing, damaged or another file.
    """
    content = read_bytes(path, "tracks in a .json file", _MOST_BYTES)
    try:
        return tuple(_frame(frame) for frame in json.loads(content)["frames"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InputError(
            f'expected tracks with "frames" of "objects" as `leadline tracks` writes them, got another file in {path}: '
            f"{error!s:.100}"
        ) from error


def _frame(told: Mapping[str, Any]) -> TracksFrame:
    time_s = told.get("time_s")
    name = told.get("name")
    objects = tuple(_object(entry) for entry in told["objects"])
    return TracksFrame(None if name is None else str(name), None if time_s is None else float(time_s), objects)


def _object(told: Mapping[str, Any]) -> SeenObject:
    box = told.get("box_px")
    error = told.get("position_error_m")
    return SeenObject(
        number=int(told["id"]),
        label=str(told.get("label", "object"))[:40],
        box_px=None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        position_m=_vector(told.get("position_m")),
        size_m=_vector(told.get("size_m")),
        velocity_m_per_s=_vector(told.get("velocity_m_per_s")),
        error_m=None if error is None else float(error),
        is_in_world=told.get("world_position_m") is not None,
    )


def _vector(values: Sequence[Any] | None) -> tuple[float, float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]), float(values[2]))


@final
class _Tracked:
    """A result with objects in its frames."""

    def __init__(self, inner: Viewed, objects: Sequence[tuple[SeenObject, ...]]) -> None:
        self._inner, self._objects = inner, objects

    @property
    def title(self) -> str:
        """As without."""
        return self._inner.title

    @property
    def moments(self) -> Sequence[Moment]:
        """As without."""
        return self._inner.moments

    @property
    def facts(self) -> Sequence[tuple[str, str]]:
        """As without, and the number of tracks."""
        count = len({entry.number for frame in self._objects for entry in frame})
        return (*self._inner.facts, ("tracks", str(count)))

    def load(self, index: int) -> ViewFrame:
        """A frame with its objects, and with where they were before."""
        before = self._objects[max(0, index - _LONGEST_TRAIL) : index]
        trails = dict[int, list[tuple[float, float, float]]]()
        for frame in before:
            for entry in frame:
                # The positions of a moving camera's earlier frames are of its earlier places.
                if entry.position_m is not None and not entry.is_in_world:
                    trails.setdefault(entry.number, []).append(entry.position_m)
        found = (replace(entry, trail_m=tuple(trails.get(entry.number, ()))) for entry in self._objects[index])
        return replace(self._inner.load(index), objects=tuple(found))


def with_tracks(viewed: Viewed, tracks: Sequence[TracksFrame], path: Path) -> Viewed:
    """A result with the objects of its frames: found by name, else by time, else by order.

    Args:
        viewed: The result.
        tracks: Objects of its frames.
        path: Where they come from, for the message.
    Raises:
        InputError: If no frame of the tracks is one of the result.
    """
    moments = viewed.moments
    by_name = {frame.name: frame.objects for frame in tracks if frame.name is not None}
    if any(moment.name in by_name for moment in moments):
        return _Tracked(viewed, [by_name.get(moment.name, ()) for moment in moments])
    timed = [(frame.time_s, frame.objects) for frame in tracks if frame.time_s is not None]
    times = [moment.time_s for moment in moments if moment.time_s is not None]
    if timed and len(times) == len(moments) and len(moments) > 1:
        begin, step = timed[0][0], (times[-1] - times[0]) / (len(times) - 1)
        near = [min(timed, key=lambda entry, at=time: abs(entry[0] - begin - at)) for time in times]
        return _Tracked(
            viewed,
            [
                objects if abs(at - begin - time) <= _APART * step else ()
                for (at, objects), time in zip(near, times, strict=True)
            ],
        )
    if len(tracks) != len(moments):
        raise InputError(
            f"expected tracks of the {len(moments)} frames that are shown, got {len(tracks)} others in {path}; give "
            "the tracks of this result"
        )
    return _Tracked(viewed, [frame.objects for frame in tracks])


def open_tracks(folder: Path) -> Viewed | None:
    """What `leadline tracks` wrote; None if the folder has no such result.

    Args:
        folder: With tracks.json and summary.json.
    Raises:
        InputError: If a file is damaged, or there is no frame.
    """
    path = folder / TRACKS_FILE
    if not path.is_file():
        return None
    tracks, summary = read_tracks(path), read_summary(folder)
    if not tracks:
        raise InputError(f"expected frames in {path}, got none; make the result again")
    names = [str(number) if frame.name is None else frame.name for number, frame in enumerate(tracks)]
    images, notes = _images(folder, summary, names)
    camera = summary.get("camera") or {}
    size = (int(camera.get("height", 0)), int(camera.get("width", 0)))

    def read(index: int) -> ViewFrame:
        return ViewFrame(names[index], images.load(index, size), notes=notes)

    begin = tracks[0].time_s or 0.0
    moments = [
        Moment(name, None if frame.time_s is None else frame.time_s - begin)
        for name, frame in zip(names, tracks, strict=True)
    ]
    series = Series(folder.resolve().name, moments, summary_facts(summary), read)
    return _Tracked(series, [frame.objects for frame in tracks])


def _images(folder: Path, summary: Mapping[str, Any], names: Sequence[str]) -> tuple[ClipImages, tuple[str, ...]]:
    """The frames of the clip; else those of the overlay film, where the boxes are drawn already."""
    try:
        if (found := clip_images(summary, names)) is not None:
            return found, ()
        return ClipImages(film=open_frames(folder / FILM)), (f"the images are those of {FILM}",)
    except LeadlineError as error:
        return ClipImages(), (f"no images: {error}",)
