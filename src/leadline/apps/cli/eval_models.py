"""The models that the evaluations take: networks and matchers by name, and folders of predictions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from leadline.errors import InputError
from leadline.loading import is_model, known_models
from leadline.models.zoo import ZOO
from leadline.protocols.predictions import VALUE_READERS, find_predictions


def named_models(models: str, others: Collection[str] = ()) -> dict[str, Path | None]:
    """The methods of --models: name in tables -> folder of predictions, or None for one that predicts now.

    Args:
        models: Names, separated by commas.
        others: Names of methods that no model has.
    Raises:
        InputError: If a name is empty, or two are alike.
    """
    names = [name.strip() for name in models.split(",")]
    if "" in names or len(set(names)) < len(names):
        raise InputError(f"expected different names, separated by commas, in --models, got {models!r}")
    folders = {name: None if name in others or is_model(name) else Path(name) for name in names}
    named = {name if folder is None else folder.resolve().name: folder for name, folder in folders.items()}
    if len(named) < len(names):
        raise InputError(f"expected folders of different names in --models, got {', '.join(names)}; rename one")
    return named


def predictions_in(
    folder: Path,
    task: str,
    keys: Sequence[str],
    others: Collection[str] = (),
    readers: Mapping[str, Callable[[Path], Any]] = VALUE_READERS,
) -> dict[str, Path]:
    """The files of a folder of predictions, by the samples' keys.

    Args:
        folder: What --models named, if it is one.
        task: What it is for.
        keys: The samples' keys.
        others: Names of methods that no model has.
        readers: Suffix -> reader of a prediction.
    Raises:
        InputError: If it is no folder, or a prediction is missing.
    """
    if not folder.is_dir():
        models = [name for name in known_models(task) if name not in ZOO]
        zoo = ", a network of the zoo" if len(models) < len(known_models(task)) else ""
        known = ", ".join((*models, "package.module:attribute", *others))
        raise InputError(
            f"expected {known}, an ONNX file{zoo} or a folder of predictions, got {folder}; check the name"
        )
    return find_predictions(folder, keys, readers)
