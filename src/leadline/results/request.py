"""Requests: a folder is finished for the very request that made it, and for no other."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

from leadline.io.files import read_bytes

SUMMARY_FILE: Final = "summary.json"
"""Written last: a folder that has it is finished."""
_KEY: Final = "request"


def describe_request(inputs: Sequence[Path | None], options: Mapping[str, object]) -> dict[str, Any]:
    """Everything that decides a result, for its summary.

    Args:
        inputs: The images, by their content; None for one that there is not.
        options: The model and what else was asked for. A path counts by the content of its file or folder, if any.
    Returns:
        Plain values under the key "request".
    Raises:
        InputError: If an input cannot be read.
    """
    told = {name: _plain(value) for name, value in options.items()}
    seen = [None if path is None else _content(path) for path in inputs]
    return {_KEY: {"inputs": seen, "options": told, "leadline": version("leadline")}}


def part_of(request: Mapping[str, Any], part: Sequence[int]) -> dict[str, Any]:
    """The request for some frames of an input that holds many; the input is read once for all of them.

    Args:
        request: As `describe_request` gives it.
        part: Numbers of the frames.
    Example:
        >>> part_of(describe_request([], {"model": "dis"}), [3, 4])["request"]["frames"]
        [3, 4]
    """
    return {**request, _KEY: {**request[_KEY], "frames": list(part)}}


def is_finished(folder: Path, request: Mapping[str, Any]) -> bool:
    """Whether a folder holds the result of this very request.

    Args:
        folder: Of the result.
        request: As `describe_request` gives it.
    Example:
        >>> import tempfile
        >>> asked = describe_request([], {"model": "sgbm"})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, SUMMARY_FILE).write_text(json.dumps(asked))
        ...     is_finished(Path(folder), asked), is_finished(Path(folder), describe_request([], {"model": "bm"}))
        (True, False)
    """
    try:
        found: object = json.loads((folder / SUMMARY_FILE).read_text())
    except (OSError, ValueError, RecursionError):
        return False
    made_by = cast("dict[str, object]", found).get(_KEY) if isinstance(found, dict) else None
    return made_by == json.loads(json.dumps(request))[_KEY]


def unfinished(
    output: Path, requests: Mapping[str, Mapping[str, Any]], overwrite: bool, noun: str
) -> tuple[list[str], tuple[str, ...]]:
    """Names of a batch that are left to do, and notes on the rest.

    Args:
        output: Holds a folder for each name.
        requests: Name -> request.
        overwrite: Whether finished ones are done again.
        noun: What they are, in the plural: "images".
    Returns:
        Names that are to be done, and lines about those that are finished or were made by another request.
    """
    existing = [name for name in requests if (output / name / SUMMARY_FILE).exists()]
    finished = [] if overwrite else [name for name in existing if is_finished(output / name, requests[name])]
    todo = [name for name in requests if name not in set(finished)]
    notes: list[str] = []
    if finished:
        notes.append(f"{len(finished)} of {len(requests)} {noun} are finished and skipped")
    if other := len(existing) - len(finished):
        reason = "as asked" if overwrite else "for other images, options or versions made them"
        notes.append(f"{other} of {len(requests)} results are replaced: {reason}")
    return todo, tuple(notes)


def _plain(value: object) -> object:
    """A value that JSON holds; a path by its content."""
    if isinstance(value, Path):
        return _content(value) if value.exists() else str(value)
    if isinstance(value, str) and Path(value).suffix in (".onnx", ".yaml") and Path(value).is_file():
        return _content(Path(value))
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _content(path: Path) -> dict[str, object]:
    if path.is_dir():
        entries = sorted((str(entry.relative_to(path)), *_stamp(entry)) for entry in path.rglob("*") if entry.is_file())
        return {"path": str(path), "sha256": hashlib.sha256(json.dumps(entries).encode()).hexdigest()}
    return {"path": str(path), "sha256": hashlib.sha256(read_bytes(path, "an input")).hexdigest()}


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file in a folder, which may be too large to read."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns
