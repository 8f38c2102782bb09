"""What a stereo network of other people takes and gives, described by a card: a small YAML file.

Cards of well-known exports come with leadline and are named, such as hitnet-middlebury; `leadline models` lists them.
A card of yours has these keys; those with a value here may be left out::

    task: stereo                      # a card without it is for single images
    name: some-network                # for tables and messages
    licence: MIT                      # SPDX identifier, of the weights
    origin: https://...               # where the network comes from
    source: https://...               # where its inputs and outputs are documented
    inputs:                           # in the order of the graph's
      - {view: left, name: left}
      - {view: right, name: right}
    output: {name: disparity}
    max_disparity: 192                # largest disparity it can find, px of the image as it sees it; 0: none is stated
    colour: RGB                       # or BGR, or grey
    white: 255                        # what the brightest pixel becomes: 255 or 1
    mean: [0, 0, 0]                   # subtracted from it
    std: [1, 1, 1]                    # what the difference is divided by
    layout: NCHW                      # or NHWC
    size: {side: native, multiple_of: 32}   # as of leadline.runtime.onnx_card; the graph's own size if left out
    fit: resize                       # or pad: with side native, the images' borders are repeated up to the multiple
    interpolation: linear             # or area, or cubic
    path: some-network.onnx           # relative to the card; the card's own name with .onnx if left out
    sha256: ""                        # of that file
    notes: ""                         # what a user must know

A view is left, right, both (the channels of left, then of right, in one input) or flow (an initial flow of two
channels, zero everywhere). Further keys of an input: divide (1), by which its height and width are smaller than the
size. Without a name, inputs count by their place in the graph.

Further keys of the output: without a name, the graph's first one counts; channel (0) chooses one of several; factor
(1) makes positive disparities of its numbers, -1 for a flow; unit (image) says that its numbers are pixels of the
image as the network sees it, or of the output's own size (output), or shares of the width (width).
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, cast

from leadline.errors import InputError
from leadline.runtime.card_keys import checked_keys, read_card_text
from leadline.runtime.onnx_card import Interpolation, Layout, SizeRule

View = Literal["left", "right", "both", "flow"]
Colour = Literal["RGB", "BGR", "grey"]
Unit = Literal["image", "output", "width"]
Fit = Literal["resize", "pad"]

_WHITES: Final = (1.0, 255.0)


@dataclass(frozen=True, kw_only=True)
class StereoInput:
    """One input of a network.

    Args:
        view: What it shows.
        name: In the graph; by place if empty.
        divide: Its height and width are the network's size over this.
    Raises:
        InputError: If divide is below 1.
    """

    view: View
    name: str = ""
    divide: int = 1

    def __post_init__(self) -> None:
        """Refuses an enlargement."""
        if self.divide < 1:
            raise InputError(f"expected divide of at least 1 for an input on the card, got {self.divide}")

    def channels(self, colour: Colour) -> int:
        """Number of its channels.

        >>> StereoInput(view="both").channels("grey")
        2
        """
        of_view = 1 if colour == "grey" else 3
        return {"left": of_view, "right": of_view, "both": 2 * of_view, "flow": 2}[self.view]


@dataclass(frozen=True, kw_only=True)
class StereoOutput:
    """The output of a network that is made a disparity.

    Args:
        name: In the graph; its first output if empty.
        channel: Which of several channels.
        factor: Disparity is the number times this; -1 for a flow.
        unit: What a number counts: pixels of the image as the network sees it, of the output's own size, or widths.
    Raises:
        InputError: If the factor is 0 or not finite, or the channel is negative.
    """

    name: str = ""
    channel: int = 0
    factor: float = 1.0
    unit: Unit = "image"

    def __post_init__(self) -> None:
        """Refuses a factor that leaves nothing."""
        if not 0.0 < abs(self.factor) < float("inf") or self.channel < 0:
            raise InputError(
                f"expected a factor other than 0 and a channel from 0 for the output on the card, got {self.factor:g} "
                f"and {self.channel}"
            )


@dataclass(frozen=True, kw_only=True)
class StereoCard:
    """Content of a card file; the module's text describes its keys.

    Args:
        task: stereo.
        name: For tables and messages.
        licence: SPDX identifier of the weights.
        origin: Where the network comes from.
        source: Where its inputs and outputs are documented.
        inputs: In the order of the graph's.
        output: What becomes the disparity.
        max_disparity: Largest disparity that the network can find, px of the image as it sees it; 0 if none is stated.
        colour: Order of the channels.
        white: What 255 of an 8-bit image becomes.
        mean: Subtracted from that.
        std: What the difference is divided by, > 0.
        layout: Order of the inputs' axes.
        size: The size at which the network sees the images; the graph's own if absent.
        fit: How the images are brought to it.
        interpolation: Likewise, for resize.
        path: The ONNX file, relative to the card.
        sha256: Of that file, hexadecimal; not compared if empty.
        notes: What a user must know.
    Raises:
        InputError: If the views are not those of a pair, a number is out of range, or two keys contradict each other.
    """

    task: Literal["stereo"]
    name: str
    licence: str
    origin: str
    source: str
    inputs: tuple[StereoInput, ...]
    output: StereoOutput
    max_disparity: int
    colour: Colour = "RGB"
    white: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: Layout = "NCHW"
    size: SizeRule | None = None
    fit: Fit = "resize"
    interpolation: Interpolation = "linear"
    path: str = ""
    sha256: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        """Refuses what is no pair, or cannot be."""
        views = [entry.view for entry in self.inputs]
        if not ("both" in views or {"left", "right"} <= set(views)):
            raise InputError(f"expected inputs that show left and right, or both, on the card, got {views}")
        if not min(self.std) > 0.0 or self.white not in _WHITES or self.max_disparity < 0:
            raise InputError(
                "expected std above 0, white of 1 or 255 and max_disparity from 0 on the card, got "
                f"{self.std}, {self.white:g} and {self.max_disparity}"
            )
        if self.fit == "pad" and (self.size is None or self.size.side != "native"):
            raise InputError("expected a size with side native for fit pad on the card; take resize for another one")


def bundled_stereo_cards() -> dict[str, StereoCard]:
    """Cards of well-known exports of other people, by name; the weights are the user's.

    >>> bundled_stereo_cards()["hitnet-eth3d"].colour
    'grey'
    """
    cards = [read_stereo_card(path) for path in sorted(_folder().glob("*.yaml"))]
    return {card.name: card for card in cards}


def find_stereo_card(card: Path | str) -> Path:
    """The file of a card.

    Args:
        card: Name of a bundled card, or a YAML file.
    Raises:
        InputError: If there is no such card.
    """
    bundled = _folder() / f"{card}.yaml"
    if Path(str(card)).name == str(card) and bundled.is_file():
        return bundled
    if str(card).endswith(".yaml"):
        return Path(card)
    known = ", ".join(sorted(path.stem for path in _folder().glob("*.yaml")))
    raise InputError(f"expected a card file (.yaml) or one of {known} as the card, got {str(card)!r}")


def read_stereo_card(path: Path | str) -> StereoCard:
    """A card without its network.

    Args:
        path: The card, a YAML file.
    Raises:
        InputError: If it is missing, not YAML, or has an unknown, missing or wrong key.
    """
    where = f"the card {path}"
    content = read_card_text(path)
    if not is_stereo_card(content):
        raise InputError(f"expected a card with the line task: stereo, got none in {path}; add it for a stereo network")
    keys = checked_keys(content, StereoCard, where)
    if not isinstance(keys["inputs"], list):
        raise InputError(f"expected a list of inputs for {where}, got {keys['inputs']!r}")
    entries = cast("list[object]", keys["inputs"])
    keys["inputs"] = tuple(StereoInput(**checked_keys(entry, StereoInput, f"an input of {where}")) for entry in entries)
    keys["output"] = StereoOutput(**checked_keys(keys["output"], StereoOutput, f"output of {where}"))
    if keys.get("size") is not None:
        keys["size"] = SizeRule(**checked_keys(keys["size"], SizeRule, f"size on {where}"))
    return StereoCard(**keys)


def is_stereo_card(content: object) -> bool:
    """Whether the content of a card file is for stereo.

    >>> is_stereo_card({"task": "stereo"}), is_stereo_card({"kind": "metric"})
    (True, False)
    """
    return isinstance(content, dict) and cast("dict[object, object]", content).get("task") == "stereo"


def _folder() -> Path:
    return Path(str(files("leadline.runtime") / "foreign"))
