"""Model cards: what a bundled network is, where it comes from, and what it scored."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from leadline.errors import InputError


@dataclass(frozen=True)
class ModelCard:
    """Where a trained network comes from and how good it is.

    Args:
        name: What `--model` takes.
        summary: One sentence.
        licence: SPDX identifier.
        weights: File name of the ONNX graph beside the card.
        sha256: Of that file.
        max_disparity: Largest disparity in px that the network sees without a pyramid.
        enlarge: How much larger than they are the network sees pictures.
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
    max_disparity: int
    enlarge: float
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


def bundled_cards() -> dict[str, ModelCard]:
    """The cards of all networks that come with leadline, by name."""
    cards = [ModelCard(**json.loads(path.read_text())) for path in sorted(_bundled_folder().glob("*.json"))]
    return {card.name: card for card in cards}


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
