"""`leadline data`: the data sets that recipes and evaluations can name."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from leadline.data.assets.catalog import ASSET_PACKS
from leadline.data.assets.models import credits_of_installed
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


def data_assets(*, credit: bool = False) -> None:
    """The packages of free models and skies that `leadline render stereo --worlds assets` uses if they are installed.

    None is part of leadline, and none is fetched by it. A package is looked for in the folders of LEADLINE_ASSETS, then
    where its own installation puts it.

    Args:
        credit: Print instead whom to name, with the licence, where worlds with the installed packages are used.
    """
    if credit:
        print("\n".join(credits_of_installed()))
        return
    table = Table("name", "title", "kind", "licence", "MB", "files here", "install", "origin")
    for name, pack in ASSET_PACKS.items():
        cells = (pack.licence, str(pack.size_mb), str(len(pack.found())), pack.install, pack.origin)
        table.add_row(name, pack.title, pack.kind, *cells)
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
