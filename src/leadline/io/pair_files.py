"""Finding of pairs: two files, two folders, two patterns, one folder of both, or files that hold both views."""

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64

from leadline.errors import InputError

IMAGE_SUFFIXES: Final = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".ppm", ".pgm"),
    *(".bmp", ".webp", ".avif", ".heic", ".heif"),
)
"""Images that are read, in lower case."""
BOTH_VIEWS_SUFFIXES: Final = (*IMAGE_SUFFIXES, ".mpo", ".jps")
_SIDECARS: Final = (".txt", ".yaml", ".yml", ".json", ".xml", ".csv", ".md", ".conf", ".pfm", ".npy", ".ply")
"""Files that lie beside images and are none: not worth a word."""
# The words by which files of one pair differ, where they stand alone: not the l of "wall".
_SIDE: Final = re.compile(
    r"(?<![a-z])(?:left|right|cam(?:era)?[_-]?[0-3]|im(?:age)?_?0?[0-3](?=[^0-9]|$)|view_?[0-3]|infra(?:red)?_?[12]|[lr])"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
_TIME: Final = re.compile(r"(?<!\d)\d{9,20}(?:\.\d+)?(?!\d)")
_DATED: Final = re.compile(
    r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})[-_.T ]+(\d{2})[-_.:]?(\d{2})[-_.:]?(\d{2})(?:[-_.,]?(\d{1,9}))?(?!\d)"
)
_LEAST_COMMON: Final = 0.5
"""Share of the shorter list that must have a partner by name before names count."""
_TIME_SHARE: Final = 0.25
"""Time stamps match if they differ by less than this share of the time between two frames."""
_MOST_NAMED: Final = 3
_SIDE_FOLDERS: Final = (
    ("left", "right"),
    ("image_2", "image_3"),
    ("image_0", "image_1"),
    ("image_02/data", "image_03/data"),
    ("cam0/data", "cam1/data"),
    ("mav0/cam0/data", "mav0/cam1/data"),
)
"""Left and right within one folder: the plain names, KITTI's, then EuRoC's."""
_SCENE: Final = ("im0.png", "im1.png")


@dataclass(frozen=True)
class PairFiles:
    """Files of one pair.

    Args:
        name: Short name, unique among the pairs found together.
        left: The left view, or the file with both.
        right: The right view, if it has a file of its own.
    """

    name: str
    left: Path
    right: Path | None


@dataclass(frozen=True)
class FoundPairs:
    """The pairs that two arguments stand for.

    Args:
        pairs: In natural order of their names.
        notes: What was left out or assumed, one line each, for the user.
    """

    pairs: tuple[PairFiles, ...]
    notes: tuple[str, ...] = ()


def natural_key(path: Path | str) -> tuple[tuple[int, int | str], ...]:
    """Key that sorts names as people do: img2 before img10.

    >>> sorted(["img10.png", "img2.png"], key=natural_key)
    ['img2.png', 'img10.png']
    """
    parts = re.split(r"(\d+)", str(path))
    return tuple((0, int(part)) if part.isdigit() and part.isascii() else (1, part) for part in parts)


def is_many(source: str) -> bool:
    """Whether it stands for many files: a folder, or a pattern with * ? or [ that is no file's own name."""
    return os.path.isdir(source) or (glob.has_magic(source) and not os.path.exists(source))


def list_images(source: str | Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """The images of a folder or pattern, in natural order of their names.

    Args:
        source: A folder, whose files with one of the suffixes count; or a pattern, whose files all count.
        suffixes: In lower case.
    Raises:
        InputError: If there are none.
    """
    source = str(source)
    if os.path.isdir(source):
        found = [path for path in Path(source).iterdir() if path.suffix.lower() in suffixes and path.is_file()]
    else:
        found = [Path(name) for name in glob.glob(source, recursive=True) if os.path.isfile(name)]
    found = sorted((path for path in found if not path.name.startswith(".")), key=natural_key)
    if not found:
        raise InputError(f"expected images in {source} ({', '.join(suffixes)}), got none; check the folder or pattern")
    return found


def left_out(*sources: str | None, suffixes: Sequence[str] = BOTH_VIEWS_SUFFIXES) -> tuple[str, ...]:
    """A note for each folder with files that are no images we read, naming some; calibrations and notes aside.

    Args:
        sources: Folders; anything else is passed over.
        suffixes: Of the files that are read, in lower case.
    """
    notes = list[str]()
    for source in sources:
        if source is None or not os.path.isdir(source):
            continue
        known = (*suffixes, *_SIDECARS)
        others = [path for path in Path(source).iterdir() if path.is_file() and not path.name.startswith(".")]
        names = sorted((path.name for path in others if path.suffix.lower() not in known), key=natural_key)
        if names:
            notes.append(f"{source}: {_some(names)} left out: no image of a form that is read")
    return tuple(notes)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def search_pairs(left: str | Path, right: str | Path | None = None) -> FoundPairs:
    """The pairs that one or two arguments stand for; `is_many(left)` says whether they are a batch.

    Args:
        left: An image, a folder, or a pattern.
        right: The same kind of thing. Without it, LEFT is a folder that holds the folders left and right (or KITTI's
            image_2 and image_3, image_0 and image_1, image_02/data and image_03/data, or EuRoC's cam0/data and
            cam1/data); a folder with im0.png and
            im1.png, or a folder of such folders; or files that hold both views.
    Returns:
        Pairs in natural order of their names, matched as `match_files` does, and notes.
    Raises:
        InputError: If nothing is found, one is a file and the other is not, files cannot be matched, or two pairs would
            have one name.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for side in ("left", "right"):
        ...         Path(folder, side).mkdir()
        ...         Path(folder, side, "1.png").touch()
        ...     [(pair.left.parent.name, pair.right.parent.name) for pair in search_pairs(folder).pairs]
        [('left', 'right')]
    """
    left, right = str(left), None if right is None else str(right)
    if right is not None and is_many(left) != is_many(right):
        raise InputError(f"expected two files, two folders or two patterns, got {left} and {right}; give both alike")
    if not is_many(left):
        return FoundPairs((PairFiles(Path(left).stem, Path(left), None if right is None else Path(right)),))
    if right is None:
        return _pairs_within(left)
    matched, notes = match_files(list_images(left), list_images(right), f"{left} and {right}")
    return FoundPairs(_named(matched), (*left_out(left, right, suffixes=IMAGE_SUFFIXES), *notes))


def _pairs_within(source: str) -> FoundPairs:
    """The pairs of a single folder or pattern."""
    folder = Path(source)
    for sides in _SIDE_FOLDERS:
        left, right = (folder / side for side in sides)
        if left.is_dir() and right.is_dir():
            return search_pairs(left, right)
    views = [folder / name for name in _SCENE]
    scenes = (
        [folder]
        if views[0].is_file()
        else sorted((path.parent for path in folder.glob(f"*/{_SCENE[0]}")), key=natural_key)
    )
    if scenes:
        for scene in scenes:
            if not (scene / _SCENE[1]).is_file():
                raise InputError(
                    f"expected a right image {scene / _SCENE[1]}, found none; add it or remove its left one"
                )
        pairs = [PairFiles(scene.resolve().name, *(scene / name for name in _SCENE)) for scene in scenes]
        return FoundPairs(tuple(pairs))
    files = list_images(source, BOTH_VIEWS_SUFFIXES)
    return FoundPairs(_named([(path, None) for path in files]), left_out(source))


def _named(files: Sequence[tuple[Path, Path | None]]) -> tuple[PairFiles, ...]:
    names = short_names([left for left, _ in files])
    return tuple(PairFiles(name, *views) for name, views in zip(names, files, strict=True))


def match_files(
    lefts: Sequence[Path], rights: Sequence[Path], where: str
) -> tuple[list[tuple[Path, Path]], tuple[str, ...]]:
    """Partners by name, else by time stamp, else by position where names say nothing.

    Names match if they are equal but for the words of a side (left, right, cam0, im1, ...). Time stamps match if they
    differ by less than a quarter of the time between two frames. Files without a partner are left out and named.

    Args:
        lefts: Left images in order.
        rights: Right images in order.
        where: The two sources, for messages.
    Returns:
        Left and right file of each pair, in the order of the left ones, and notes.
    Raises:
        InputError: If only some names match and the rest contradicts them, or unlike numbers of files cannot be
            matched.
    """
    named = _by_key(lefts, rights)
    shorter = min(len(lefts), len(rights))
    if len(named) == len(lefts) == len(rights):
        return named, ()
    timed = _by_time(lefts, rights)
    best = max(named, timed, key=len)
    if len(best) >= max(1.0, _LEAST_COMMON * shorter):
        return best, _unmatched(lefts, rights, best)
    if len(lefts) != len(rights):
        raise InputError(
            f"expected as many right images as left ones, got {len(lefts)} and {len(rights)} in {where}, and their "
            f"names do "
            "not tell which belong together; remove those without a partner"
        )
    if named or timed:
        raise InputError(
            f"expected images whose names or time stamps match, got {len(best)} of {shorter} in {where} that do; "
            f"rename "
            "them, or remove those without a partner"
        )
    pairs = list(zip(lefts, rights, strict=True))
    if len(pairs) == 1:
        (one,) = pairs
        return pairs, (f"names of {where} do not match: {one[0].name} is paired with {one[1].name}",)
    first, last = pairs[0], pairs[-1]
    return pairs, (
        f"names of {where} do not match: paired in order, {first[0].name} with {first[1].name} to {last[0].name} with "
        f"{last[1].name}",
    )


def _by_key(lefts: Sequence[Path], rights: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pairs whose names are equal but for the words of a side, or for zeros before a number, too."""
    exact = _equal_keys(lefts, rights, padded=True)
    if len(exact) == min(len(lefts), len(rights)):
        return exact
    return max(exact, _equal_keys(lefts, rights, padded=False), key=len)


def _equal_keys(lefts: Sequence[Path], rights: Sequence[Path], padded: bool) -> list[tuple[Path, Path]]:
    """Pairs of equal keys; with their folders where names alone are not unique."""
    for depth in (1, 2, 3):
        keys = [[_key(path, depth, padded) for path in paths] for paths in (lefts, rights)]
        if all(len(set(side)) == len(side) for side in keys):
            partners = dict(zip(keys[1], rights, strict=True))
            return [(path, partners[key]) for path, key in zip(lefts, keys[0], strict=True) if key in partners]
    return []


def differs_by_side(left: str, right: str) -> bool:
    """Whether two names are equal but for the words of a side, and in order: left before right.

    >>> differs_by_side("/stereo/left/image_rect", "/stereo/right/image_rect"), differs_by_side("/cam1/a", "/cam0/a")
    (True, False)
    """
    sides = [_SIDE.findall(name) for name in (left, right)]
    bare = [_SIDE.sub("", name) for name in (left, right)]
    # In alphabetical order left is before right, and cam0 before cam1.
    return bare[0] == bare[1] and [word.lower() for word in sides[0]] < [word.lower() for word in sides[1]]


def _key(path: Path, depth: int, padded: bool) -> tuple[str, ...]:
    parts = path.absolute().with_suffix("").parts[-depth:]
    bare = [re.sub(r"[_\-. ]+", "_", _SIDE.sub("", part)).strip("_").lower() for part in parts]
    # Frame 7 is frame 0007.
    return tuple(part if padded else re.sub(r"(?<!\d)0+(?=\d)", "", part) for part in bare)


def _by_time(lefts: Sequence[Path], rights: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pairs whose time stamps lie close together, each file in one pair at most."""
    times = [[_time(path) for path in paths] for paths in (lefts, rights)]
    if any(time is None for side in times for time in side) or min(map(len, times)) < 2:
        return []
    first, second = (np.array([time or 0.0 for time in side]) for side in times)
    order = [np.argsort(side) for side in (first, second)]
    gaps = np.concatenate([np.diff(side[at]) for side, at in zip((first, second), order, strict=True)])
    tolerance = _TIME_SHARE * float(np.median(gaps))
    forth, back = _nearest(first, second, order[1]), _nearest(second, first, order[0])
    return [
        (path, rights[forth[at]])
        for at, path in enumerate(lefts)
        if back[forth[at]] == at and abs(second[forth[at]] - first[at]) <= tolerance
    ]


def _nearest(
    wanted: Float64[np.ndarray, " n"], among: Float64[np.ndarray, " m"], order: Int64[np.ndarray, " m"]
) -> Int64[np.ndarray, " n"]:
    """For each wanted number the place of the nearest one among others, whose sorting order is given."""
    after = np.clip(np.searchsorted(among[order], wanted), 1, len(among) - 1)
    choices = np.stack([order[after - 1], order[after]])
    nearer = np.argmin(np.abs(among[choices] - wanted), axis=0)
    return choices[nearer, np.arange(len(wanted))]


def _time(path: Path) -> float | None:
    """Time stamp of a file by its name: a long number, or a date and a time of day, then in seconds."""
    dated = _DATED.search(path.stem)
    if dated is not None:
        try:
            day = datetime(*(int(part) for part in dated.groups()[:6]), tzinfo=UTC)
        except ValueError:
            return None
        return day.timestamp() + float(f"0.{dated[7] or 0}")
    found = _TIME.search(path.stem)
    return None if found is None else float(found[0])


def stamp_s(path: Path) -> float | None:
    """Time stamp of a file by its name, seconds; None if its name has none.

    A number counts seconds, milliseconds, microseconds or nanoseconds since 1970, as its digits before a point say.

    >>> round(stamp_s(Path("1403715273262142976.png")), 3), stamp_s(Path("l_1403715273.25.png")), stamp_s(Path("7.png"))
    (1403715273.262, 1403715273.25, None)
    """
    if _DATED.search(path.stem) is not None:
        return _time(path)
    found = _TIME.search(path.stem)
    if found is None:
        return None
    whole, _, _ = found[0].partition(".")
    unit = next(
        (unit for digits, unit in ((10, 1.0), (13, 1e-3), (16, 1e-6), (19, 1e-9)) if len(whole) == digits), None
    )
    return None if unit is None else float(found[0]) * unit


def _unmatched(lefts: Sequence[Path], rights: Sequence[Path], pairs: Sequence[tuple[Path, Path]]) -> tuple[str, ...]:
    used = {path for pair in pairs for path in pair}
    notes = list[str]()
    for paths, other in ((lefts, "right"), (rights, "left")):
        names = [path.name for path in paths if path not in used]
        if names:
            notes.append(f"{paths[0].parent}: {_some(names)} left out: no {other} image of this name or moment")
    return tuple(notes)


def short_names(paths: list[Path]) -> list[str]:
    """The parts of the paths that differ: `a/1.png a/2.png` are 1 and 2, `a/im0.png b/im0.png` are a and b.

    Raises:
        InputError: If two would have one name.
    """
    if len(paths) == 1:
        return [paths[0].stem]
    shared = len(Path(os.path.commonpath([path.parent.absolute() for path in paths])).parts)
    parts = [path.absolute().with_suffix("").parts[shared:] for path in paths]
    while len({names[-1] for names in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [names[:-1] for names in parts]
    names = ["_".join(path_parts) for path_parts in parts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"expected images of different names, got {twice} twice; rename one or give a pattern")
    return names
