"""Model cards: what a bundled network is, where it comes from, and what it scored."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from leadline.errors import InputError

Task = Literal["stereo", "mono", "refine"]
"""What a network is for: two images, one, or two and a disparity to mend."""

_NAMED: Final = {
    "stereo": ("a stereo network", "use it with `leadline stereo`"),
    "mono": ("a monocular network", "use it with `leadline mono`"),
    "refine": ("a network that mends disparities", "use it with `leadline refine`"),
}


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Where a trained network comes from and how good it is.

    Args:
        name: What `--model` takes.
        summary: One sentence.
        licence: SPDX identifier.
        weights: File name of the ONNX graph beside the card.
        sha256: Of that file.
        task: stereo, mono or refine.
        max_disparity: Largest disparity in px that a stereo network sees without a pyramid; 0 for the others.
        enlarge: How much larger than they are a stereo network sees images; a mono graph resizes them itself.
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
            raise InputError(wrong_task(name, cards[name].task, task))
        verify(cards[name])
        return cards[name].path
    path = Path(model)
    if path.suffix == ".onnx" and path.is_file():
        return path
    known = [*bundled_cards(task), *others]
    one_of = f"one of {', '.join(known)}, or " if known else ""
    raise InputError(f"expected {one_of}the path of an ONNX file of ours, as the model; got {name!r}")


def wrong_task(name: str, is_for: Task, wanted: Task) -> str:
    """What to say of a network that is for another task."""
    return f"expected {_NAMED[wanted][0]}, got {name}, which is {_NAMED[is_for][0]}; {_NAMED[is_for][1]}"


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
