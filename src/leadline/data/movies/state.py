"""What a mining run keeps on disk, so that it goes on by shot after any interruption."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np

from leadline.data.mono.shards import write_depth_shard
from leadline.data.movies.film import StereoFilm
from leadline.data.movies.photographs import photographs_of
from leadline.data.movies.shot import MinedShot, ShotTask, mine_shot
from leadline.errors import OutputError
from leadline.io.atomic import atomic_write, make_output_folder

FILMS: Final = "films"
SHOTS: Final = "shots"
SPLITS: Final = ("train", "validation", "test")
_REQUEST: Final = "mine.json"
_CHECKED_BYTES: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ShotJob:
    """A shot to be mined, and where its result goes.

    Args:
        task: The shot.
        folder: Of the film's shots.
    """

    task: ShotTask
    folder: Path

    @property
    def record(self) -> Path:
        """What became of the shot; written last."""
        return self.folder / f"{self.task.number:05d}.json"

    @property
    def shard(self) -> Path:
        """Its samples, if it has any."""
        return self.folder / f"{self.task.number:05d}.tar"


def do_job(job: ShotJob) -> int:
    """Mines a shot and writes its samples, then its record; may run in another process.

    Args:
        job: The shot.
    Returns:
        Its number.
    Raises:
        InputError: As `mine_shot`.
        OutputError: If a file cannot be written.
    """
    mined = mine_shot(job.task)
    if mined.frames:
        write_depth_shard(job.shard, ((frame.sample, frame.notes) for frame in mined.frames))
    write_record(job.record, _described(mined, job.task))
    return job.task.number


def _described(mined: MinedShot, task: ShotTask) -> dict[str, Any]:
    return {
        "first": task.shot.first,
        "last": task.shot.last,
        "refused": mined.refused,
        "frames": [frame.notes for frame in mined.frames],
        "looked_at": mined.looked_at,
        "rejected_frames": dict(mined.rejected_frames),
        "rejected_pixels": dict(mined.rejected_pixels),
        "pixels": sum(mined.histogram),
        "histogram": list(mined.histogram),
        "measures": mined.measures,
        "thumbnail": _jpeg(mined.thumbnail),
    }


def _jpeg(image: np.ndarray | None) -> str:
    if image is None:
        return ""
    _, code = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 80))
    return code.tobytes().hex()


def decoded_thumbnail(text: str) -> np.ndarray | None:
    """The thumbnail of a record, RGB; None if it has none."""
    if not text:
        return None
    image = cv2.imdecode(np.frombuffer(bytes.fromhex(text), np.uint8), cv2.IMREAD_COLOR_RGB)
    return None if image is None else np.asarray(image)


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Writes JSON, whole or not at all.

    Raises:
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_record(Path(folder, "a.json"), {"frames": 3})
        ...     read_record(Path(folder, "a.json")), read_record(Path(folder, "b.json"))
        ({'frames': 3}, None)
    """
    make_output_folder(path.parent)
    with atomic_write(path) as stream:
        stream.write((json.dumps(values, indent=1, sort_keys=True) + "\n").encode())


def read_record(path: Path) -> dict[str, Any] | None:
    """A record of an earlier run; None if there is none or it is damaged, so that it is made again."""
    try:
        found: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def require_request(output: Path, request: Mapping[str, Any]) -> None:
    """Notes the options of a folder, or refuses others than those that made what is in it.

    Raises:
        OutputError: If they differ, or cannot be written.
    """
    path = output / _REQUEST
    if path.exists():
        before, now = read_record(path), json.loads(json.dumps(request))
        if before != now:
            changed = [key for key in now if (before or {}).get(key) != now[key]]
            raise OutputError(
                f"expected the options that made what is in {output}, got another {', '.join(changed) or 'record'}; "
                "choose another output folder"
            )
        return
    write_record(path, request)


def film_identity(film: StereoFilm) -> dict[str, Any]:
    """All that decides what is mined of a film: its content by size and a checksum of both ends, and its layout."""
    files = photographs_of(film.left) if film.of_photographs else [film.left, *filter(None, [film.right])]
    told = {key: value for key, value in asdict(film).items() if key not in ("left", "right", "because")}
    return json.loads(json.dumps({**told, "content": [_fingerprint(Path(file)) for file in files]}))


def _fingerprint(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_CHECKED_BYTES)
        file.seek(max(0, size - _CHECKED_BYTES))
        tail = file.read(_CHECKED_BYTES)
    return f"{size}-{hashlib.sha256(head + tail).hexdigest()[:16]}"
