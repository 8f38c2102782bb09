"""Folders with the files of a network: only settings and safetensors in them are read, and nothing in them is run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final, cast

from leadline.errors import InputError

_LIBRARIES: Final = ("diffusers", "transformers")
"""Where the parts of a pipeline come from; another name stands for a file of code beside the weights."""
_MOST_BYTES: Final = 64 << 20
_ADAPTER: Final = "adapter_config.json"


def require_plain(folder: Path) -> None:
    """Refuses a folder whose files name code to run, or weights that are no safetensors of that very folder.

    Args:
        folder: With the files of a repository; the folders in it hold the parts of a pipeline.
    Raises:
        InputError: If it is one.
    """
    if (folder / _ADAPTER).exists():
        raise InputError(f"expected a network alone in {folder}, got {_ADAPTER} too; move the adapter elsewhere")
    for path in sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]):
        settings = _settings(path)
        if _names_code(settings):
            raise InputError(
                f"expected settings alone in {path}, got 'auto_map', which names code to run; code that comes with "
                "weights is never run: take the repository whose name ends in -hf, or delete the entry"
            )
        if path.name.endswith(".index.json"):
            _require_weights_here(path, settings.get("weight_map"))
        if path.name == "model_index.json":
            _require_known_parts(path, settings)


@contextmanager
def offline() -> Iterator[None]:
    """Keeps the libraries from the network while they load files that lie on this machine."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _settings(path: Path) -> dict[str, Any]:
    """What a file says; nothing where it is no JSON object, which the loaders refuse in their own words."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"expected settings of at most {_MOST_BYTES} bytes, got {path.stat().st_size} in {path}")
        content: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _names_code(value: object) -> bool:
    """Whether settings, or settings in them such as those of a backbone, have the key auto_map."""
    if isinstance(value, list):
        return any(_names_code(part) for part in cast("list[object]", value))
    if not isinstance(value, dict):
        return False
    entries = cast("dict[str, object]", value)
    return "auto_map" in entries or any(_names_code(part) for part in entries.values())


def _require_weights_here(path: Path, found: object) -> None:
    if not isinstance(found, dict):
        return
    for file in cast("dict[str, object]", found).values():
        name = str(file)
        is_plain = PurePosixPath(name).name == name == PureWindowsPath(name).name
        if not is_plain or not name.endswith(".safetensors"):
            raise InputError(
                f"expected only safetensors of its own folder in {path}, got {name[:100]!r}; pickled weights and files "
                "elsewhere are never read: convert them, or download the repository again"
            )


def _require_known_parts(path: Path, settings: dict[str, Any]) -> None:
    for name, part in settings.items():
        library = cast("list[object]", part)[0] if isinstance(part, list) and part else None
        if not name.startswith("_") and isinstance(library, str) and library not in _LIBRARIES:
            raise InputError(
                f"expected parts of {' or '.join(_LIBRARIES)} in {path}, got {name} of {library[:100]!r}; code that "
                "comes with weights is never run: download the repository again"
            )
