"""Model cards: what a bundled network is, where it comes from, and what it scored."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from leadline.errors import InputError
from leadline.runtime.calibration import ConfidenceCalibration
from leadline.tasks import find_task, wrong_task


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Origin and quality of a trained network.

    Args:
        name: What `load_model` takes.
        summary: One sentence.
        licence: SPDX identifier.
        weights: File name of the ONNX graph beside the card.
        sha256: Of that file.
        task: One of `leadline.tasks.TASKS`.
        max_disparity: Largest disparity in px that a stereo network sees without a pyramid; 0 for the others.
        enlarge: How much larger than they are a stereo network sees images; a mono graph resizes them itself.
        parameters: Number of trained weights.
        gflop: Of one pass at 640x480, in 1e9 floating-point operations (a multiply-add is two).
        training: Recipe, seed, data, steps, hours and machine.
        curve: Rows of the validation curve: step, group, score.
        scores: Rows of final scores, each with its protocol.
        limits: What it is bad at, in plain words.
        confidence: How its confidence is corrected when it runs: the numbers of a `ConfidenceCalibration`.
    Raises:
        InputError: If there is no such task, or the correction is out of range.
    """

    name: str
    summary: str
    licence: str
    weights: str
    sha256: str
    task: str
    max_disparity: int = 0
    enlarge: float = 1.0
    parameters: int
    gflop: float
    training: dict[str, Any]
    curve: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    limits: list[str]
    confidence: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        """Refuses an unknown task, and a correction that cannot be."""
        find_task(self.task)
        _ = self.calibration

    @property
    def calibration(self) -> ConfidenceCalibration:
        """How its confidence is corrected when it runs."""
        return ConfidenceCalibration(**self.confidence)

    @property
    def path(self) -> Path:
        """The ONNX graph."""
        return _bundled_folder() / self.weights

    def to_json(self) -> str:
        """The card as JSON, as it is stored."""
        return json.dumps(asdict(self), indent=1) + "\n"


def bundled_cards(task: str | None = None) -> dict[str, ModelCard]:
    """The cards of the networks that come with leadline, by name.

    Args:
        task: Only those for it; all if absent.
    Raises:
        InputError: If there is no such task, or a card lacks one.

    >>> [card.task for card in bundled_cards("mono").values()]
    ['mono']
    """
    if task is not None:
        find_task(task)
    cards = [_read_card(path) for path in sorted(_bundled_folder().glob("*.json"))]
    return {card.name: card for card in cards if task in (None, card.task)}


def _read_card(path: Path) -> ModelCard:
    content = json.loads(path.read_text())
    required = [entry.name for entry in fields(ModelCard) if entry.default is entry.default_factory is MISSING]
    if missing := [name for name in required if name not in content]:
        raise InputError(f"expected {missing[0]} on the model card {path}, found none; reinstall leadline")
    return ModelCard(**content)


def find_graph(model: str | Path, task: str, others: Sequence[str] = ()) -> Path:
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
            raise InputError(wrong_task(name, cards[name].task, task))
        verify(cards[name])
        return cards[name].path
    path = Path(model)
    if path.suffix == ".onnx" and path.is_file():
        return path
    known = [*bundled_cards(task), *others]
    one_of = f"one of {', '.join(known)}, or " if known else ""
    raise InputError(f"expected {one_of}the path of an ONNX file of ours, as the model; got {name!r}")


def calibration_of(model: str | Path) -> ConfidenceCalibration:
    """The correction of a network's confidence: that of its card, none for a file.

    Args:
        model: A bundled name, or the path of a file.

    >>> calibration_of("my.onnx").offset
    0.0
    """
    card = bundled_cards().get(str(model))
    return ConfidenceCalibration() if card is None else card.calibration


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
