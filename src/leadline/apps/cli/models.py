"""`leadline models`: what the bundled networks, those of the zoo and the cards of other people's exports are."""

import json as json_module
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from leadline.errors import InputError
from leadline.loading import registered_models
from leadline.models.zoo import ZOO, ZooCard
from leadline.runtime.card import ModelCard, bundled_cards
from leadline.runtime.onnx_stereo_card import StereoCard, bundled_stereo_cards, find_stereo_card
from leadline.tasks import find_task


def models(name: str | None = None, /, *, json: bool = False) -> None:
    """The bundled networks, those of the zoo, and cards for stereo networks of other people: origin, licence, limits.

    Args:
        name: One network or card, in full; a line for each if absent.
        json: Print the whole card, or the list of all bundled cards, as JSON.
    """
    cards, foreign = bundled_cards(), bundled_stereo_cards()
    known: dict[str, ModelCard | ZooCard | StereoCard] = {**cards, **ZOO, **foreign}
    if name is not None and name not in known:
        raise InputError(f"expected one of {', '.join(known)} as the model, got {name!r}")
    if json:
        shown = [asdict(card) for card in cards.values()] if name is None else asdict(known[name])
        print(json_module.dumps(shown, indent=1))
    elif name is None:
        console = Console()
        console.print(_overview(list(cards.values())))
        console.print(_zoo_overview(list(ZOO.values())))
        console.print(_foreign_overview(list(foreign.values())))
        if registered := registered_models():
            console.print(_registered_overview(registered))
    elif name in cards:
        _print_card(cards[name])
    elif name in foreign:
        print(find_stereo_card(name).read_text(), end="")
    else:
        _print_zoo_card(ZOO[name])


def _overview(cards: list[ModelCard]) -> Table:
    table = Table()
    table.add_column("model", no_wrap=True)
    for label in ("for", "what it is", "licence"):
        table.add_column(label)
    for label in ("parameters", "GFLOP 640x480", "disparities px"):
        table.add_column(label, justify="right")
    for card in cards:
        size = f"{card.parameters / 1e6:.2f} M"
        reach = f"0-{card.max_disparity}" if find_task(card.task).has_max_disparity else "-"
        table.add_row(card.name, card.task, card.summary, card.licence, size, f"{card.gflop:g}", reach)
    return table


def _zoo_overview(cards: Sequence[ZooCard]) -> Table:
    table = Table(title="networks of others (leadline\\[zoo])", title_justify="left")
    table.add_column("model", no_wrap=True)
    for label in ("depth", "licence"):
        table.add_column(label, overflow="fold")
    table.add_column("parameters", justify="right")
    for card in cards:
        table.add_row(card.name, card.kind, card.licence, f"{card.parameters_m} M")
    return table


def _foreign_overview(cards: Sequence[StereoCard]) -> Table:
    table = Table(
        title="cards for stereo networks of others: --model FILE.onnx --card CARD, or FILE.onnx@CARD",
        title_justify="left",
    )
    table.add_column("card", no_wrap=True)
    for label in ("licence of the weights", "origin"):
        table.add_column(label, overflow="fold")
    table.add_column("largest disparity px", justify="right")
    for card in cards:
        table.add_row(card.name, card.licence, card.origin, str(card.max_disparity or "-"))
    return table


def _registered_overview(registered: Mapping[str, str]) -> Table:
    table = Table(title="models of other installed packages", title_justify="left")
    table.add_column("model", no_wrap=True)
    table.add_column("place", overflow="fold")
    for name, place in registered.items():
        table.add_row(name, place)
    return table


def _print_zoo_card(card: ZooCard) -> None:
    console = Console()
    console.print(f"[bold]{card.name}[/bold]  https://huggingface.co/{card.hub_id}")
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("depth", card.kind)
    facts.add_row("licence", card.licence if card.restriction is None else f"{card.licence}, {card.restriction}")
    facts.add_row("parameters", f"{card.parameters_m} M")
    facts.add_row("paper", card.paper)
    console.print(facts)
    if card.paper_scores:
        title = "the paper's own scores, not measured by leadline"
        console.print(_rows_table(title, [asdict(score) for score in card.paper_scores]))
    else:
        console.print("No scores of the paper's are on record for these weights.")


def _print_card(card: ModelCard) -> None:
    console = Console()
    console.print(f"[bold]{card.name}[/bold]  {card.summary}")
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("for", find_task(card.task).command)
    facts.add_row("licence", card.licence)
    facts.add_row("weights", f"{card.weights}, sha256 {card.sha256}")
    facts.add_row("parameters", f"{card.parameters}")
    facts.add_row("work", f"{card.gflop:g} GFLOP at 640x480")
    if find_task(card.task).has_max_disparity:
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
