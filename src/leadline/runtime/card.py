"""Model cards: what a bundled network is, where it comes from, and what it scored."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from leadline.errors import InputError

Task = Literal["stereo", "mono"]
"""What a network is for: two pictures or one."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Where a trained network comes from and how good it is.

    Args:
        name: What `--model` takes.
        summary: One sentence.
        licence: SPDX identifier.
        weights: File name of the ONNX graph beside the card.
        sha256: Of that file.
        task: stereo or mono.
        max_disparity: Largest disparity in px that a stereo network sees without a pyramid; 0 for mono.
        enlarge: How much larger than they are a stereo network sees pictures; a mono graph resizes them itself.
        parameters: Number of trained weights.
        gflop: Of one pass at 640x480, in 1e9 floating-point operations (a multiply-add is two).
        training: Recipe, seed, data, steps, hours and machine.
        curve: Rows of the validation curve: step, group, score.
        scores: Rows of final scores, each with its protocol.
        limits: What it is bad at, in plain words.
    """

    name: str
    summary: str
    licence: str
    weights: str
    sha256: str
    task: Task = "stereo"
    max_disparity: int = 0
    enlarge: float = 1.0
    parameters: int
    gflop: float
    training: dict[str, Any]
    curve: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    limits: list[str]

    @property
    def path(self) -> Path:
        """The ONNX graph."""
        return _bundled_folder() / self.weights

    def to_json(self) -> str:
        """The card as JSON, as it is stored."""
        return json.dumps(asdict(self), indent=1) + "\n"


def bundled_cards(task: Task | None = None) -> dict[str, ModelCard]:
    """The cards of the networks that come with leadline, by name.

    Args:
        task: Only those for it; all if absent.
    """
    cards = [ModelCard(**json.loads(path.read_text())) for path in sorted(_bundled_folder().glob("*.json"))]
    return {card.name: card for card in cards if task in (None, card.task)}


def find_graph(model: str | Path, task: Task, others: Sequence[str] = ()) -> Path:
    """The ONNX file that a name stands for.

    Args:
        model: A bundled name, or the path of a file that ends in .onnx.
        task: What it is wanted for.
        others: Names that the caller takes besides, for the message.
    Raises:
        InputError: If there is no such network, it is for another task, or its weights are damaged.
    """
    name, cards = str(model), bundled_cards()
    if name in cards:
        if cards[name].task != task:
            raise InputError(wrong_task(name, task))
        verify(cards[name])
        return cards[name].path
    path = Path(model)
    if path.suffix == ".onnx" and path.is_file():
        return path
    known = [*bundled_cards(task), *others]
    one_of = f"one of {', '.join(known)}, or " if known else ""
    raise InputError(f"expected {one_of}the path of an ONNX file of ours, as the model; got {name!r}")


def wrong_task(name: str, wanted: Task) -> str:
    """What to say of a network that is for the other task."""
    named = {"stereo": "a stereo network", "mono": "a monocular network"}
    other: Task = "mono" if wanted == "stereo" else "stereo"
    return f"expected {named[wanted]}, got {name}, which is {named[other]}; use it with `leadline {other}`"


def verify(card: ModelCard) -> None:
    """Compares the weights with the card's checksum.

    Raises:
        InputError: If the file is missing or differs.
    """
    if not card.path.is_file():
        raise InputError(f"expected the weights {card.weights} of {card.name}, found none; reinstall leadline")
    found = hashlib.sha256(card.path.read_bytes()).hexdigest()
    if found != card.sha256:
        raise InputError(f"expected weights of {card.name} with sha256 {card.sha256[:12]}, got {found[:12]}; reinstall")


def _bundled_folder() -> Path:
    return Path(str(files("leadline.runtime") / "bundled"))
