"""Which files make pairs: two files, two folders, two patterns, or files that hold both views."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leadline.errors import InputError

_IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".ppm", ".pgm")
_BOTH_VIEWS_SUFFIXES: Final = (*_IMAGE_SUFFIXES, ".mpo", ".jps")


@dataclass(frozen=True)
class PairFiles:
    """Where the views of one pair are.

    Args:
        name: Short name, unique among the pairs found together.
        left: The left view, or the file with both.
        right: The right view, if it has a file of its own.
    """

    name: str
    left: Path
    right: Path | None


def is_many(source: str) -> bool:
    """Whether it stands for many files: a folder, or a pattern with * ? or [ that is no file's own name."""
    return os.path.isdir(source) or (glob.has_magic(source) and not os.path.exists(source))


def list_images(source: str, suffixes: Sequence[str] = _IMAGE_SUFFIXES) -> list[Path]:
    """The images of a folder or pattern, in the order of their names.

    Args:
        source: A folder, whose files with one of the suffixes count; or a pattern, whose files all count.
        suffixes: In lower case.
    Raises:
        InputError: If there are none.
    """
    if os.path.isdir(source):
        found = [path for path in Path(source).iterdir() if path.suffix.lower() in suffixes and path.is_file()]
    else:
        found = [Path(name) for name in glob.glob(source, recursive=True) if os.path.isfile(name)]
    found = sorted(path for path in found if not path.name.startswith("."))
    if not found:
        raise InputError(f"expected images in {source}, got none; check the folder or pattern")
    return found


def find_pairs(left: str, right: str | None) -> list[PairFiles]:
    """The pairs that two arguments stand for; `is_many(left)` says whether they are a batch.

    Args:
        left: An image, a folder, or a pattern.
        right: The same kind of thing; None where each left file holds both views.
    Returns:
        Pairs in the order of their names.
    Raises:
        InputError: If nothing is found, one is a file and the other is not, their numbers differ, or two pairs would
            have one name.
    """
    if right is not None and is_many(left) != is_many(right):
        raise InputError(f"expected two files, two folders or two patterns, got {left} and {right}; give both alike")
    if not is_many(left):
        return [PairFiles(Path(left).stem, Path(left), None if right is None else Path(right))]
    lefts = list_images(left, _BOTH_VIEWS_SUFFIXES if right is None else _IMAGE_SUFFIXES)
    rights = [None] * len(lefts) if right is None else list_images(right)
    if len(lefts) != len(rights):
        raise InputError(
            f"expected as many right images as left ones, got {len(lefts)} in {left} and {len(rights)} in {right}; "
            "remove those without a partner"
        )
    names = short_names(lefts)
    return [PairFiles(*row) for row in zip(names, lefts, rights, strict=True)]


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
