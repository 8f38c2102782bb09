"""`leadline data`: the data sets that recipes and evaluations can name."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from leadline.data.catalog import DATASETS, DatasetSpec, options_of
from leadline.errors import InputError

FilesT = TypeVar("FilesT")


def data_list() -> None:
    """The data sets that leadline reads: for what, with which truth, under which terms, and the options each takes.

    Nothing is downloaded: fetch a data set from its site under its terms, then name its folder, in a recipe as
    `data: {dataset: NAME, root: FOLDER, split: ...}` or as `leadline eval stereo --dataset NAME --root FOLDER`.
    Options in brackets may be left out. The layout of each is in the documentation, page Data sets.
    """
    table = Table("name", "title", "task", "truth", "options", "licence", "source")
    for name, card in DATASETS.items():
        options = ", ".join(option if needed else f"({option})" for option, needed in options_of(card).items())
        table.add_row(name, card.title, card.task, card.annotation, options, card.licence, card.source)
    endless = Console(width=1000)
    Console(width=max(Console().width, endless.measure(table).maximum)).print(table)


def scenes_to_score(
    folder: Path | None,
    data: DatasetSpec | None,
    find: Callable[[Path], Sequence[FilesT]],
    find_in_dataset: Callable[[DatasetSpec], Sequence[FilesT]],
) -> Sequence[FilesT]:
    """The scenes of a folder or of a data set, whichever of them is named.

    Args:
        folder: The folder, if one is named.
        data: The data set, if one is named.
        find: Finds the scenes of a folder.
        find_in_dataset: Finds those of a data set.
    Raises:
        InputError: If both or neither are named, or there is no scene.
    """
    if folder is not None and data is None:
        return find(folder)
    if data is not None and folder is None:
        return find_in_dataset(data)
    came = "neither" if folder is None else "both"
    raise InputError(f"expected a folder of scenes, or --dataset NAME with --root FOLDER, got {came}; name one of them")
