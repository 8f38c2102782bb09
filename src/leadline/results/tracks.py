"""Tracks of a recording as files: tracks.json, tracks.csv, overlay.mp4 and a summary; a run that stopped goes on."""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, final

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.boxes import LabelledBox
from leadline.geometry.camera import Pinhole
from leadline.io.atomic import atomic_write, make_output_folder
from leadline.io.film_writing import can_write_films, write_film
from leadline.io.images import read_image, write_image
from leadline.results.request import SUMMARY_FILE
from leadline.results.stereo import write_json
from leadline.tracking.detection import Detection
from leadline.tracking.form import TrackedFrame, frame_as_json, tracks_as_json
from leadline.tracking.tracker import Track, Tracker, TrackerOptions
from leadline.visual.text import draw_text, text_size

TRACKS_FILE: Final = "tracks.json"
TABLE_FILE: Final = "tracks.csv"
FILM: Final = "overlay.mp4"
TRACKS_FILES: Final = (TRACKS_FILE, TABLE_FILE, FILM, SUMMARY_FILE)
_FRAMES: Final = "overlay"
_STATE: Final = "unfinished.jsonl"
_TRAIL: Final = 60
"""Frames over which the path of a thing's feet is drawn."""
_TEXT: Final = 0.42
_COLUMNS: Final = (
    *("name", "time_s", "id", "label", "score", "left_px", "top_px", "width_px", "height_px"),
    *("x_m", "y_m", "z_m", "error_m", "vx_m_per_s", "vy_m_per_s", "vz_m_per_s"),
)


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """What was detected in a frame.

    Args:
        name: Of the frame.
        time_s: When it was taken.
        image: RGB.
        detections: With their places in space.
        world_from_camera: Pose of the camera, if known.
    """

    name: str
    time_s: float
    image: UInt8[np.ndarray, "h w 3"]
    detections: tuple[Detection, ...]
    world_from_camera: Float64[np.ndarray, "4 4"] | None = None


@dataclass(eq=False)
class _Kept:
    """Frames that are done."""

    frames: list[TrackedFrame] = field(default_factory=list[TrackedFrame])
    detections: int = 0


@final
class TracksRun:
    """A run into an output folder; frames of an earlier one of the same request are taken over.

    Args:
        folder: Output folder.
        request: As of `describe_request`.
        metres: Whether depth has a scale.
        options: How tracks begin and end.
        resume: Whether an earlier run of the same request goes on.
    """

    def __init__(
        self, folder: Path, request: Mapping[str, Any], metres: bool, options: TrackerOptions, resume: bool = True
    ) -> None:
        self._folder, self._request, self._options = make_output_folder(folder), dict(request), options
        self.metres = metres
        self._tracker: Tracker | None = None
        self._camera: Pinhole | None = None
        self._kept = _Kept()
        self._trails = dict[int, list[tuple[int, int]]]()
        if not (resume and self._resume()):
            self._kept, self._tracker, self._camera = _Kept(), None, None
            self._trails.clear()
            remove_tracks(self._folder)

    @property
    def done(self) -> int:
        """Frames that are done."""
        return len(self._kept.frames)

    @property
    def detections(self) -> int:
        """Detections in the frames that are done."""
        return self._kept.detections

    @property
    def last_name(self) -> str | None:
        """Name of the last frame that is done."""
        return self._kept.frames[-1].name if self._kept.frames else None

    @property
    def identities(self) -> tuple[tuple[int, str], ...]:
        """Identities that were told of, with their labels."""
        return tuple(sorted({(track.identity, track.label) for frame in self._kept.frames for track in frame.tracks}))

    def add(self, seen: SeenFrame, camera: Pinhole) -> TrackedFrame:
        """Takes in a frame: its tracks, its overlay, and a line to go on from.

        Raises:
            InputError: If its size is another than before, or time does not go on.
            OutputError: If a file cannot be written.
        """
        if self._camera is not None and (camera.height, camera.width) != (self._camera.height, self._camera.width):
            raise InputError(
                f"expected frames of one size, {self._camera.width}x{self._camera.height}, got "
                f"{camera.width}x{camera.height} in {seen.name}; track those for themselves"
            )
        first = self._camera is None
        frame = self._track(seen.name, seen.time_s, seen.detections, seen.world_from_camera, camera)
        place = make_output_folder(self._folder / _FRAMES)
        write_image(place / f"{self.done - 1:06d}.jpg", self._drawn(seen.image, frame))
        head = {"request": self._request, "camera": asdict(camera), "metres": self.metres}
        line = {
            "name": seen.name,
            "time_s": seen.time_s,
            "pose": None if seen.world_from_camera is None else seen.world_from_camera.tolist(),
            "detections": [_told(found) for found in seen.detections],
        }
        with (self._folder / _STATE).open("w" if first else "a") as file:
            file.write((json.dumps(head) + "\n" if first else "") + json.dumps(line) + "\n")
        return frame

    def finish(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """Writes the files of all frames, and the summary, which says that the folder is finished.

        Args:
            summary: What else it says.
        Returns:
            The summary.
        Raises:
            OutputError: If a file cannot be written.
        """
        frames = self._kept.frames
        write_json(self._folder / TRACKS_FILE, tracks_as_json(frames, self.metres))
        with atomic_write(self._folder / TABLE_FILE) as file:
            file.write(_table(frames, self.metres).encode())
        notes = list[str](summary.get("notes", ()))
        if not can_write_films():
            notes.append(f'no {FILM}, but images in {_FRAMES}: it needs PyAV, pip install "leadline[video]"')
        elif frames:
            write_film(self._folder / FILM, self._overlays(), [frame.time_s for frame in frames])
        labels = sorted({label for _, label in self.identities})
        told = {
            **summary,
            "frames": len(frames),
            "detections": self._kept.detections,
            "tracks": {label: sum(other == label for _, other in self.identities) for label in labels},
            "unit": "m in the camera's frame: x right, y down, z forward" if self.metres else None,
            "camera": None if self._camera is None else asdict(self._camera),
            "notes": notes,
            **self._request,
        }
        write_json(self._folder / SUMMARY_FILE, told)
        (self._folder / _STATE).unlink(missing_ok=True)
        if can_write_films():
            shutil.rmtree(self._folder / _FRAMES, ignore_errors=True)
        return told

    def _track(
        self,
        name: str,
        time_s: float,
        detections: Sequence[Detection],
        pose: Float64[np.ndarray, "4 4"] | None,
        camera: Pinhole,
    ) -> TrackedFrame:
        if self._tracker is None:
            self._tracker = Tracker(camera, self._options)
        frame = TrackedFrame(name, time_s, self._tracker.update(detections, time_s, pose), pose)
        self._camera = camera
        self._kept.frames.append(frame)
        self._kept.detections += len(detections)
        for track in frame.tracks:
            left, _, right, bottom = track.box_px
            trail = self._trails.setdefault(track.identity, [])
            trail.append((round((left + right) / 2.0), round(bottom)))
            del trail[:-_TRAIL]
        return frame

    def _resume(self) -> bool:
        """Takes over the frames of an unfinished run of this very request."""
        try:
            head, *lines = (json.loads(line) for line in (self._folder / _STATE).read_text().splitlines())
            if head["request"] != json.loads(json.dumps(self._request)):
                return False
            camera = Pinhole(**head["camera"])
            for number, line in enumerate(lines):
                if not (self._folder / _FRAMES / f"{number:06d}.jpg").is_file():
                    return False
                pose = None if line["pose"] is None else np.array(line["pose"])
                found = [_untold(entry) for entry in line["detections"]]
                self._track(line["name"], line["time_s"], found, pose, camera)
        except (OSError, ValueError, KeyError, TypeError, InputError):  # damaged, or none
            return False
        self.metres = bool(head["metres"])
        return bool(lines)

    def _overlays(self) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for number in range(self.done):
            yield read_image(self._folder / _FRAMES / f"{number:06d}.jpg").pixels

    def _drawn(self, image: UInt8[np.ndarray, "h w 3"], frame: TrackedFrame) -> UInt8[np.ndarray, "h w 3"]:
        drawn = image.copy()
        for track in frame.tracks:
            trail = None if frame.world_from_camera is not None else self._trails[track.identity]
            draw_track(drawn, track, self.metres, trail)
        return drawn


def draw_track(
    image: UInt8[np.ndarray, "h w 3"],
    track: Track,
    metres: bool,
    trail: Sequence[tuple[int, int]] | None = None,
) -> None:
    """Draws a box, who it is, how far and how fast, and the path of its feet.

    Args:
        image: RGB, changed in place.
        track: The thing.
        metres: Whether depth has a scale.
        trail: Columns and rows of its feet, the oldest first.
    """
    colour = track_colour(track.identity)
    left, top, right, bottom = (round(value) for value in track.box_px)
    if trail is not None and len(trail) > 1:
        cv2.polylines(image, [np.array(trail, np.int32)], False, colour, 1, cv2.LINE_AA)
    cv2.rectangle(image, (left, top), (right, bottom), colour, 2)
    words = f"{track.label} {track.identity}"
    if metres:
        distance, speed = (float(np.linalg.norm(values)) for values in (track.position_m, track.velocity_m_per_s))
        words += f" {distance:.1f}+-{float(np.linalg.norm(track.position_std_m)):.1f} m {speed:.1f} m/s"
    width, height = text_size(words, _TEXT)
    x, y = max(0, min(left, image.shape[1] - width - 2)), max(height + 5, top - 3)
    cv2.rectangle(image, (x, y - height - 4), (x + width + 3, y + 2), colour, -1)
    draw_text(image, words, (x + 2, y - 1), _TEXT, (255, 255, 255))


def track_colour(identity: int) -> tuple[int, int, int]:
    """RGB of an identity, dark enough for white letters; neighbours differ.

    Args:
        identity: From 1.
    Example:
        >>> track_colour(1) == track_colour(1), track_colour(1) == track_colour(2)
        (True, False)
    """
    hue = (identity * 0.618034) % 1.0 * 180.0
    pixel = cv2.cvtColor(np.array([[[round(hue) % 180, 220, 175]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def remove_tracks(folder: Path) -> None:
    """Removes an earlier result, as far as it is ours."""
    for name in (*TRACKS_FILES, _STATE):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / _FRAMES, ignore_errors=True)


def _table(frames: Sequence[TrackedFrame], metres: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS if metres else _COLUMNS[:9])
    for frame in frames:
        for entry in frame_as_json(frame, metres)["objects"]:
            row = [frame.name, round(frame.time_s, 6), *(entry[key] for key in ("id", "label", "score"))]
            row += entry["box_px"]
            if metres:
                row += [*entry["position_m"], entry["position_error_m"], *entry["velocity_m_per_s"]]
            writer.writerow(row)
    return text.getvalue()


def _told(found: Detection) -> dict[str, Any]:
    position, covariance, lasting = found.position_m, found.covariance_m2, found.lasting_m2
    return {
        "seen": asdict(found.seen),
        "position_m": None if position is None else position.tolist(),
        "covariance_m2": None if covariance is None else covariance.tolist(),
        "lasting_m2": None if lasting is None else lasting.tolist(),
        "size_m": found.size_m,
    }


def _untold(told: Mapping[str, Any]) -> Detection:
    seen: Mapping[str, Any] = told["seen"]
    left, top, right, bottom = seen["box_px"]
    box = LabelledBox((left, top, right, bottom), seen["score"], seen["label"])
    if told["position_m"] is None:
        return Detection(box)
    width, height = told["size_m"]
    position, covariance = np.array(told["position_m"]), np.array(told["covariance_m2"])
    lasting = None if told["lasting_m2"] is None else np.array(told["lasting_m2"])
    return Detection(box, position, covariance, lasting, (width, height))
