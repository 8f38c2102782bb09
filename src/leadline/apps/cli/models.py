"""`leadline models`: what the bundled networks are."""

import json as json_module
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from leadline.errors import InputError
from leadline.runtime.card import ModelCard, bundled_cards


def models(name: str | None = None, /, *, json: bool = False) -> None:
    """The bundled networks: origin, licence, scores, limits.

    Args:
        name: One network, in full; a line for each if absent.
        json: Print the whole card, or the list of all cards, as JSON.
    """
    cards = bundled_cards()
    if name is not None and name not in cards:
        raise InputError(f"expected one of {', '.join(cards)} as the bundled model, got {name!r}")
    shown = list(cards.values()) if name is None else [cards[name]]
    if json:
        everything = [asdict(card) for card in shown]
        print(json_module.dumps(everything if name is None else everything[0], indent=1))
    elif name is None:
        Console().print(_overview(shown))
    else:
        _print_card(shown[0])


def _overview(cards: list[ModelCard]) -> Table:
    table = Table()
    table.add_column("model", no_wrap=True)
    for label in ("for", "what it is", "licence"):
        table.add_column(label)
    for label in ("parameters", "GFLOP 480x640", "disparities px"):
        table.add_column(label, justify="right")
    for card in cards:
        size = f"{card.parameters / 1e6:.2f} M"
        reach = f"0-{card.max_disparity}" if card.task == "stereo" else "-"
        table.add_row(card.name, card.task, card.summary, card.licence, size, f"{card.gflop:g}", reach)
    return table


def _print_card(card: ModelCard) -> None:
    console = Console()
    console.print(f"[bold]{card.name}[/bold]  {card.summary}")
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("for", f"leadline {card.task}")
    facts.add_row("licence", card.licence)
    facts.add_row("weights", f"{card.weights}, sha256 {card.sha256}")
    facts.add_row("parameters", f"{card.parameters}")
    facts.add_row("work", f"{card.gflop:g} GFLOP at 480x640")
    if card.task == "stereo":
        facts.add_row("disparities", f"up to {card.max_disparity} px in one pass")
    for key, value in card.training.items():
        facts.add_row(key, ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value))
    for limit in card.limits:
        facts.add_row("limit", limit)
    console.print(facts)
    for title, rows in (("scores", card.scores), ("validation while it was trained", card.curve)):
        if rows:
            console.print(_rows_table(title, rows))


def _rows_table(title: str, rows: list[dict[str, object]]) -> Table:
    """Rows of any keys; a key that some rows lack stays empty there."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title, title_justify="left")
    for key in keys:
        table.add_column(key, justify="right")
    for row in rows:
        cells = [row.get(key) for key in keys]
        table.add_row(
            *("" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in cells)
        )
    return table
