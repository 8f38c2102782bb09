"""`leadline data`: the data sets that recipes and evaluations can name."""

from rich.console import Console
from rich.table import Table

from leadline.apps.cli.extras import needs_extra


def data_list() -> None:
    """The data sets that leadline reads: for what, with which truth, under which terms, and the options each takes.

    Nothing is downloaded: fetch a data set from its site under its terms, then name its folder, in a recipe as
    `data: {dataset: NAME, root: FOLDER, split: ...}` or as `leadline eval stereo --dataset NAME --root FOLDER`.
    Options in brackets may be left out. The layout of each is in the documentation, page Data sets.
    """
    with needs_extra("train"):
        from leadline.data.catalog import DATASETS, options_of
    table = Table("name", "title", "task", "truth", "options", "licence", "source")
    for name, card in DATASETS.items():
        options = ", ".join(option if needed else f"({option})" for option, needed in options_of(card).items())
        table.add_row(name, card.title, card.task, card.annotation, options, card.licence, card.source)
    endless = Console(width=1000)
    Console(width=max(Console().width, endless.measure(table).maximum)).print(table)
