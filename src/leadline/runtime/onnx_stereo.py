"""Stereo networks of other people that are ONNX files, run as their cards say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.errors import InputError, require_whole
from leadline.maps import DisparityMap
from leadline.runtime.card_keys import require_checksum
from leadline.runtime.images import as_rgb, check_images
from leadline.runtime.onnx_card import MODES, SizeRule
from leadline.runtime.onnx_session import OnnxSession, Provider, reason_of
from leadline.runtime.onnx_stereo_card import (
    StereoCard,
    StereoInput,
    bundled_stereo_cards,
    find_stereo_card,
    read_stereo_card,
)

_TYPES: Final[Mapping[str, type[np.generic]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_MOST_NEGATIVE_SHARE: Final = 0.5


@final
class OnnxStereo:
    """A stereo network with a card, loaded once and called often.

    Args:
        card: What it is.
        weights: The ONNX file.
        max_disparity: Largest disparity that must be looked for, px of the images; whatever the network finds if
            absent.
        threads: Threads to use; all processors if absent.
        provider: As for `OnnxSession`.
    Raises:
        InputError: If ONNX Runtime cannot load it, its inputs or output are not the card's, or a number is out of
            range.
    """

    def __init__(
        self,
        card: StereoCard,
        weights: Path,
        max_disparity: int | None = None,
        threads: int | None = None,
        provider: Provider = "cpu",
    ) -> None:
        if max_disparity is not None:
            require_whole(max_disparity, "max_disparity")
        if max_disparity is not None and not max_disparity >= 1:
            raise InputError(f"expected a largest disparity of at least 1 px, got {max_disparity}")
        self.card, self.weights, self.max_disparity = card, weights, max_disparity
        self._session = OnnxSession(weights, threads, provider)
        self._names = _bound_inputs(card, self._session, weights)
        self._output = _bound_output(card, self._session, weights)
        self._size = card.size or _graph_size(card, self._session, self._names, weights)

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {
            "model": self.card.name,
            "weights": str(self.weights),
            "licence": self.card.licence,
            "origin": self.card.origin,
            "provider": self._session.provider,
            "threads": self._session.threads,
        }

    def searched_px(self, height: int, width: int) -> float:
        """The largest disparity that the network can find in images of a size, px; infinite if the card sets none."""
        seen = width if self.card.fit == "pad" else self._size.applied(height, width)[1]
        return self.card.max_disparity * width / seen if self.card.max_disparity else np.inf

    def __call__(self, left: UInt8[np.ndarray, "h w *c"], right: UInt8[np.ndarray, "h w *c"]) -> DisparityMap:
        """Disparity of a rectified pair at its own size, without a confidence.

        Args:
            left: RGB or grey, 8 bit.
            right: The right image, of the same size.
        Raises:
            InputError: If the images are not 8-bit RGB or grey, differ in size, or are smaller than 16 px; if the
                largest disparity asked for is beyond what the network can find; or if the network refuses the images
                or answers with another shape or nothing that is disparity.
        """
        check_images(left, right)
        height, width = left.shape[:2]
        self._require_reach(height, width)
        rows, columns = self._seen(height, width)
        views = {
            side: _fitted(self._coloured(view), rows, columns, self.card)
            for side, view in (("left", left), ("right", right))
        }
        numbers = self._answer(
            {
                name: self._input(entry, views, self._session.types[name])
                for name, entry in zip(self._names, self.card.inputs, strict=True)
            }
        )
        return self._disparity(numbers, (height, width), (rows, columns))

    def _require_reach(self, height: int, width: int) -> None:
        reach = self.searched_px(height, width)
        if self.max_disparity is not None and self.max_disparity > np.ceil(reach):
            raise InputError(
                f"expected a largest disparity of at most {reach:.0f} px for {self.card.name} on images of "
                f"{width}x{height}, got {self.max_disparity}; give --max-disparity {reach:.0f}, or smaller images"
            )

    def _seen(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the network sees the images."""
        if self.card.fit == "pad":
            least = self._size.multiple_of
            return -(-height // least) * least, -(-width // least) * least
        return self._size.applied(height, width)

    def _coloured(self, image: UInt8[np.ndarray, "h w *c"]) -> UInt8[np.ndarray, "h w channels"]:
        rgb = as_rgb(image)
        if self.card.colour == "grey":
            return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))[..., None]
        return rgb[..., ::-1] if self.card.colour == "BGR" else rgb

    def _input(self, entry: StereoInput, views: Mapping[str, np.ndarray], kind: str) -> np.ndarray:
        """One input of the network, as an array of its type with a leading axis of length 1."""
        whole = views["left"]
        rows, columns = whole.shape[0] // entry.divide, whole.shape[1] // entry.divide
        if entry.view == "flow":
            layer: np.ndarray = np.zeros((rows, columns, 2), np.float32)
        else:
            sides = ("left", "right") if entry.view == "both" else (entry.view,)
            layer = np.concatenate([self._normalised(views[side], rows, columns) for side in sides], axis=2)
        ordered = layer.transpose(2, 0, 1) if self.card.layout == "NCHW" else layer
        wanted = _TYPES[kind]
        return np.ascontiguousarray((np.rint(ordered) if wanted is np.uint8 else ordered)[None].astype(wanted))

    def _normalised(
        self, view: Float32[np.ndarray, "h w channels"], rows: int, columns: int
    ) -> Float32[np.ndarray, "rows columns channels"]:
        if (rows, columns) != view.shape[:2]:
            smaller = np.asarray(cv2.resize(view, (columns, rows), interpolation=MODES[self.card.interpolation]))
            view = smaller.reshape(rows, columns, -1)
        channels = int(view.shape[2])
        mean, deviation = (np.asarray(numbers[:channels], np.float32) for numbers in (self.card.mean, self.card.std))
        return (view * np.float32(self.card.white / 255.0) - mean) / deviation

    def _answer(self, inputs: Mapping[str, np.ndarray]) -> Float32[np.ndarray, "_ _"]:
        try:
            (answer,) = self._session.run([self._output], dict(inputs))
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            shapes = ", ".join(f"{name} {layer.shape}" for name, layer in inputs.items())
            raise InputError(
                f"expected {self.card.name} to take {shapes}, got: {reason_of(error)}; correct the card's inputs, "
                "layout or size"
            ) from None
        layer, channel = np.asarray(answer).squeeze(), self.card.output.channel
        if layer.ndim == 3 and channel < min(layer.shape):
            # An image has fewer channels than rows and columns, wherever their axis is.
            layer = layer.take(channel, axis=int(np.argmin(layer.shape)))
        elif channel or layer.ndim != 2:
            raise InputError(
                f"expected an output of h x w with channel {channel} from {self.card.name}, got "
                f"{np.asarray(answer).shape}; correct output on the card"
            )
        return layer.astype(np.float32)

    def _disparity(
        self, numbers: Float32[np.ndarray, "_ _"], size: tuple[int, int], seen: tuple[int, int]
    ) -> DisparityMap:
        """Numbers of the network as disparity of the images."""
        height, width = size
        # A padded image keeps its pixels, a resized one changes them.
        across = 1.0 if self.card.fit == "pad" else width / seen[1]
        units = {"image": 1.0, "output": seen[1] / numbers.shape[1], "width": float(seen[1])}
        scaled = numbers * np.float32(self.card.output.factor * units[self.card.output.unit] * across)
        whole = seen if self.card.fit == "pad" else size
        disparity, known = _resized(scaled, *whole)
        disparity, known = disparity[:height, :width], known[:height, :width]
        if not known.any() or float((disparity[known] < 0).mean()) > _MOST_NEGATIVE_SHARE:
            found = "no number" if not known.any() else "negative disparity in most pixels"
            raise InputError(
                f"expected positive disparity from {self.card.name}, got {found}; correct the output's factor or the "
                "order of the views on the card, or exchange the images"
            )
        return DisparityMap(np.ascontiguousarray(disparity), np.ascontiguousarray(known))


def load_onnx_stereo(
    card: Path | str,
    weights: Path | str | None = None,
    max_disparity: int | None = None,
    threads: int | None = None,
    provider: Provider = "cpu",
) -> OnnxStereo:
    """A stereo network of other people from its card.

    Args:
        card: Name of a bundled card, or a YAML file as `leadline.runtime.onnx_stereo_card` describes it.
        weights: The ONNX file; as the card says if absent.
        max_disparity: As for `OnnxStereo`.
        threads: Likewise.
        provider: Likewise.
    Raises:
        InputError: If the card is missing or wrong, the network's file is missing or has another checksum than the
            card, or as for `OnnxStereo`.
    Example:
        >>> load_onnx_stereo("hitnet-eth3d", "missing.onnx")
        Traceback (most recent call last):
        leadline.errors.InputError: expected the network missing.onnx for the card hitnet-eth3d, got no such file; ...
    """
    path = find_stereo_card(card)
    content = read_stereo_card(path)
    found = path.parent / content.path if content.path else path.with_suffix(".onnx")
    graph = found if weights is None else Path(weights)
    if not graph.is_file():
        raise InputError(
            f"expected the network {graph} for the card {content.name}, got no such file; name the network as "
            f"FILE.onnx@{content.name}"
        )
    if content.sha256:
        require_checksum(graph, content.sha256, path)
    return OnnxStereo(content, graph, max_disparity, threads, provider)


def fitting_cards(weights: Path) -> tuple[str, ...]:
    """Bundled cards whose named inputs and output a network has.

    Args:
        weights: An ONNX file.
    """
    session = OnnxSession(weights, 1)
    fitting = list[str]()
    for card in bundled_stereo_cards().values():
        if not (card.output.name and all(entry.name for entry in card.inputs)):
            continue
        try:
            _bound_inputs(card, session, weights)
            _bound_output(card, session, weights)
        except InputError:
            continue
        fitting.append(card.name)
    return tuple(fitting)


def _bound_inputs(card: StereoCard, session: OnnxSession, weights: Path) -> list[str]:
    """Names of the graph's inputs in the order of the card's, after type and channels are compared."""
    found = session.inputs
    if len(found) != len(card.inputs):
        raise InputError(
            f"expected {len(card.inputs)} inputs in {weights}, as the card {card.name} has, got {', '.join(found)}; "
            "take another card or correct its inputs"
        )
    names = [entry.name or place for entry, place in zip(card.inputs, found, strict=True)]
    for name, entry in zip(names, card.inputs, strict=True):
        if name not in found:
            raise InputError(
                f"expected input {name!r} in {weights}, got {', '.join(found)}; take another card or correct its inputs"
            )
        if session.types[name] not in _TYPES:
            raise InputError(
                f"expected float32, float16 or 8-bit input {name!r} in {weights}, got {session.types[name]}; export "
                "it again"
            )
        shape, wanted = session.shapes[name], entry.channels(card.colour)
        place = 1 if card.layout == "NCHW" else -1
        channels = shape[place] if len(shape) == 4 else None
        if len(shape) != 4 or (isinstance(channels, int) and channels != wanted):
            raise InputError(
                f"expected input {name!r} of {weights} with 4 axes and {wanted} channels, as the card {card.name} "
                f"says, got the shape {shape}; take another card or correct its inputs, colour or layout"
            )
    return names


def _bound_output(card: StereoCard, session: OnnxSession, weights: Path) -> str:
    name = card.output.name or session.outputs[0]
    if name not in session.outputs:
        raise InputError(
            f"expected output {name!r} in {weights}, got {', '.join(session.outputs)}; take another card or correct "
            "its output"
        )
    return name


def _graph_size(card: StereoCard, session: OnnxSession, names: list[str], weights: Path) -> SizeRule:
    """The only size that a graph takes."""
    name = next(name for name, entry in zip(names, card.inputs, strict=True) if entry.divide == 1)
    shape = session.shapes[name]
    sides = shape[2:] if card.layout == "NCHW" else shape[1:3]
    height, width = sides
    if not (isinstance(height, int) and isinstance(width, int)):
        raise InputError(
            f"expected one size of the images in {weights}, got the shape {shape} of {name!r}; state size on the card, "
            "such as {side: native, multiple_of: 32} with fit: pad"
        )
    return SizeRule("exact", height=height, width=width)


def _fitted(
    image: UInt8[np.ndarray, "h w channels"], rows: int, columns: int, card: StereoCard
) -> Float32[np.ndarray, "rows columns channels"]:
    """An image at the network's size."""
    height, width, channels = image.shape
    values = np.ascontiguousarray(image, np.float32)
    if card.fit == "pad":
        padded = cv2.copyMakeBorder(values, 0, rows - height, 0, columns - width, cv2.BORDER_REPLICATE)
        return np.asarray(padded, np.float32).reshape(rows, columns, channels)
    if (rows, columns) == (height, width):
        return values
    resized = np.asarray(cv2.resize(values, (columns, rows), interpolation=MODES[card.interpolation]), np.float32)
    return resized.reshape(rows, columns, channels)


def _resized(
    values: Float32[np.ndarray, "_ _"], height: int, width: int
) -> tuple[Float32[np.ndarray, "height width"], Bool[np.ndarray, "height width"]]:
    """Values at another size, and where they are finite."""
    known = np.isfinite(values)
    filled = np.where(known, values, np.float32(0.0))
    if values.shape == (height, width):
        return filled, known
    share = cv2.resize(known.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    larger = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger, np.float32), np.asarray(share) > np.float32(0.999)
