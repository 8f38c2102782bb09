"""Mining of 3D films: from files to shards that `leadline train` reads, split by film; resumed by shot."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from leadline.data.mono.shards import DepthShards, write_depth_shard
from leadline.data.movies.film import TWO_FILES, StereoFilm, open_film
from leadline.data.movies.layout import FilmLayout
from leadline.data.movies.options import MineOptions
from leadline.data.movies.shot import HISTOGRAM, LoadMatcher, ShotTask
from leadline.data.movies.shots import Shot, find_shots
from leadline.data.movies.state import (
    FILMS,
    SHOTS,
    SPLITS,
    ShotJob,
    do_job,
    film_identity,
    read_record,
    require_request,
    write_record,
)
from leadline.errors import InputError
from leadline.samples import DepthSample

_SHARD_FRAMES: Final = 100
_NEAR_BITS: Final = 5
"""Frames whose hashes differ in fewer bits are taken for the same."""
_FEWEST_SPLIT: Final = 3
_PART: Final = 10
_SHOWN: Final = 16
"""Refused shots of a film that keep an image for people, at most."""

Run = Callable[[Callable[[ShotJob], int], Sequence[ShotJob]], Iterator[int]]
"""Does a function with each of some jobs, in any order, in this process or in others."""


@dataclass(frozen=True, kw_only=True)
class MineRequest:
    """What is mined.

    Args:
        films: Files; LEFT::RIGHT, the files of both views; or folders of photographs.
        output: Folder of the training set.
        options: How.
        load: Makes the stereo method.
        layout: How the views lie in all films; found for each if absent.
        swap: Whether to exchange the views of all films.
        validation: Names of films for validation.
        test: Names of films for the test.
    """

    films: tuple[str, ...]
    output: Path
    options: MineOptions
    load: LoadMatcher
    layout: FilmLayout | None = None
    swap: bool = False
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


def mine_films(
    request: MineRequest,
    run: Run = map,
    tell: Callable[[str, int, int], None] = lambda *_: None,
) -> list[dict[str, Any]]:
    """Mines films into `OUTPUT/train`, `validation` and `test`; goes on where an earlier run stopped.

    All films are opened and their layouts found before the first is mined. No film is in two splits; one that was
    mined before keeps its split.

    Args:
        request: What.
        run: Does the work on shots.
        tell: Called with what is done, how much of it, and of how much.
    Returns:
        The records of all films in the output folder, by name.
    Raises:
        InputError: If a film cannot be mined at all: see `open_film`; or two have one name.
        OutputError: If the folder holds films that were mined with other options, or a file cannot be written.
        MissingExtraError: If PyAV or PySceneDetect is not installed.
    """
    names = film_names(request.films)
    films = [
        open_film(place, name, request.layout, request.swap, request.options.width)
        for place, name in zip(request.films, names, strict=True)
    ]
    # Workers may have another working folder.
    films = [replace(film, left=_absolute(film.left), right=film.right and _absolute(film.right)) for film in films]
    require_request(request.output, {**asdict(request.options), "leadline": version("leadline")})
    splits = choose_splits(names, request.validation, request.test, _former_splits(request.output))
    for film in films:
        _mine_film(film, splits[film.name], request, run, tell)
    paths = sorted((request.output / FILMS).glob("*.json"))
    return [record for path in paths if (record := read_record(path)) is not None]


def film_names(places: Sequence[str]) -> list[str]:
    """Names of films: those of their files, without what a key of a sample cannot hold.

    Args:
        places: Files, or LEFT::RIGHT.
    Raises:
        InputError: If there is no film, or two have one name.
    Example:
        >>> film_names(["films/The Visit 3D.mkv", "a.left.mp4::a.right.mp4"])
        ['The-Visit-3D', 'a_left']
    """
    if not places:
        raise InputError("expected at least one film, got none")
    stems = [Path(place.partition(TWO_FILES)[0]).stem for place in places]
    names = ["".join(c if c.isalnum() or c in "-_" else "_" if c == "." else "-" for c in stem) for stem in stems]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"expected films of different names, got {twice[0]} twice; rename one")
    return names


def choose_splits(
    names: Sequence[str], validation: Sequence[str], test: Sequence[str], former: Mapping[str, str]
) -> dict[str, str]:
    """The split of each film: train, validation or test.

    Args:
        names: Of the films.
        validation: Those for validation; where neither these nor `test` are given, a tenth of three films and more.
        test: Those for the test; likewise.
        former: Splits of films that were mined before, which they keep.
    Raises:
        InputError: If one is named that is not there, or for two splits, or was mined for another one.
    Example:
        >>> choose_splits(["a", "b", "c"], ["b"], [], {})
        {'a': 'train', 'b': 'validation', 'c': 'train'}
        >>> sorted(choose_splits(["a", "b", "c"], [], [], {}).values())
        ['test', 'train', 'validation']
    """
    asked = {**dict.fromkeys(validation, "validation"), **dict.fromkeys(test, "test")}
    if both := set(validation) & set(test):
        raise InputError(f"expected each film in one split, got {min(both)} for validation and test")
    for name, split in asked.items():
        if name not in names:
            raise InputError(f"expected one of the films {', '.join(names)} for {split}, got {name!r}")
        if former.get(name, split) != split:
            raise InputError(
                f"expected {name} to stay in the split {former[name]}, which it was mined for, got {split}; choose "
                "another output folder"
            )
    if not asked and len(names) >= _FEWEST_SPLIT:
        share = max(1, len(names) // _PART)
        last = sorted(names)[-2 * share :]
        asked = {**dict.fromkeys(last[:share], "validation"), **dict.fromkeys(last[share:], "test")}
    return {name: former.get(name, asked.get(name, "train")) for name in names}


def _former_splits(output: Path) -> dict[str, str]:
    records = {path.stem: read_record(path) for path in (output / FILMS).glob("*.json")}
    return {name: str(record["split"]) for name, record in records.items() if record is not None}


def _mine_film(
    film: StereoFilm, split: str, request: MineRequest, run: Run, tell: Callable[[str, int, int], None]
) -> None:
    """One film from its file to its shards and its record."""
    path, folder = request.output / FILMS / f"{film.name}.json", _shots_folder(request.output, film)
    identity = film_identity(film)
    before = read_record(path)
    if before is not None:
        if before["identity"] != identity:
            raise InputError(
                f"expected another name than {film.name} for another film or layout than what is in {request.output}; "
                "rename the file, or choose another output folder"
            )
        tell(f"{film.name}: finished before", 1, 1)
        return
    shots = _shots(film, identity, folder, tell)
    jobs = [
        ShotJob(task=ShotTask(film=film, number=number, shot=shot, options=request.options, load=request.load),
                folder=folder)
        for number, shot in enumerate(shots)
    ]  # fmt: skip
    unfinished = [job for job in jobs if not _is_done(job)]
    done = len(jobs) - len(unfinished)
    for _ in run(do_job, unfinished):
        done += 1
        tell(f"{film.name}: shots", done, len(jobs))
    _pack(film, identity, split, jobs, request.output, path)
    shutil.rmtree(folder, ignore_errors=True)


def _shots_folder(output: Path, film: StereoFilm) -> Path:
    return Path(_absolute(str(output / SHOTS / film.name)))


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _shots(
    film: StereoFilm, identity: Mapping[str, Any], folder: Path, tell: Callable[[str, int, int], None]
) -> list[Shot]:
    """Shots of a film, from an earlier run if it was this very film."""
    path = folder / "shots.json"
    before = read_record(path)
    if before is not None and before.get("identity") == identity:
        return [Shot(*pair) for pair in before["shots"]]
    shutil.rmtree(folder, ignore_errors=True)
    shots = find_shots(film, lambda seen: tell(f"{film.name}: looking for cuts", seen, film.frames))
    write_record(path, {"identity": identity, "shots": [list(shot) for shot in shots]})
    return shots


def _is_done(job: ShotJob) -> bool:
    record = read_record(job.record)
    return record is not None and (not record["frames"] or job.shard.is_file())


def _pack(
    film: StereoFilm, identity: Mapping[str, Any], split: str, jobs: Sequence[ShotJob], output: Path, path: Path
) -> None:
    """Shards of a film's accepted frames without near duplicates, then its record."""
    records = [record for job in jobs if (record := read_record(job.record)) is not None]
    kept, duplicates = _without_duplicates(records)
    folder = output / split
    parts = [kept[start : start + _SHARD_FRAMES] for start in range(0, len(kept), _SHARD_FRAMES)]
    shards: list[str] = []
    for number, part in enumerate(parts):
        shard = folder / f"{film.name}-{number:04d}.tar"
        write_depth_shard(shard, _samples(part, {job.task.number: job for job in jobs}))
        shards.append(str(shard.relative_to(output)))
    told = {
        "name": film.name, "identity": identity, "split": split, "layout": film.layout, "because": film.because,
        "right_first": film.right_first, "file": Path(film.left).name, "frames_in_film": film.frames,
        "fps": round(film.fps, 3), "size": list(film.size), "frames": len(kept), "shards": shards,
        **_summed(records, duplicates),
    }  # fmt: skip
    write_record(path, told)


def _summed(records: Sequence[Mapping[str, Any]], duplicates: int) -> dict[str, Any]:
    """The figures of a film's shots together."""
    frames, pixels, refused = Counter[str](), Counter[str](), Counter[str]()
    histogram = np.zeros(len(HISTOGRAM) - 1, np.int64)
    for record in records:
        frames.update(record["rejected_frames"])
        pixels.update(record["rejected_pixels"])
        refused.update([record["refused"]] if record["refused"] else [])
        if record["histogram"]:
            histogram += np.asarray(record["histogram"], np.int64)
    if duplicates:
        frames["duplicate"] += duplicates
    shown = [record for record in records if record["refused"] and record["thumbnail"]]
    shown = shown[:: max(1, -(-len(shown) // _SHOWN))]
    return {
        "shots": [[r["first"], r["last"], len(r["frames"]), r["refused"], r["measures"]] for r in records],
        "refused_shots": dict(refused),
        "looked_at": sum(record["looked_at"] for record in records),
        "rejected_frames": dict(frames),
        "rejected_pixels": dict(pixels),
        "pixels": int(histogram.sum()),
        "histogram": histogram.tolist(),
        "refused_shown": [[r["first"], r["refused"], r["thumbnail"]] for r in shown],
    }


def _without_duplicates(records: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Notes of the frames that are kept, in the order of the film, and how many were dropped as near duplicates."""
    kept: list[dict[str, Any]] = []
    hashes: list[int] = []
    dropped = 0
    for notes in (notes for record in records for notes in record["frames"]):
        value = int(notes["hash"], 16)
        if any((value ^ other).bit_count() < _NEAR_BITS for other in hashes):
            dropped += 1
            continue
        hashes.append(value)
        kept.append(notes)
    return kept, dropped


def _samples(
    part: Sequence[dict[str, Any]], jobs: Mapping[int, ShotJob]
) -> Iterator[tuple[DepthSample, dict[str, object]]]:
    """Samples with their notes, read from the shots' own shards."""
    opened: tuple[int, DepthShards, dict[str, int]] | None = None
    for notes in part:
        number = int(notes["shot"])
        if opened is None or opened[0] != number:
            shards = DepthShards([jobs[number].shard])
            opened = (number, shards, {shards.key(index): index for index in range(len(shards))})
        yield opened[1][opened[2][f"{notes['film']}-{notes['frame']:06d}"]], notes


__all__ = ["SPLITS", "MineRequest", "choose_splits", "film_names", "mine_films"]
