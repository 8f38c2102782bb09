"""ONNX networks of other people for single images, described by a card: a small YAML file beside it.

A card has these keys; those with a value here may be left out:

    name: some-network                # for tables and messages
    path: some-network.onnx           # relative to the card
    sha256: 64 hexadecimal digits     # of that file
    licence: Apache-2.0               # SPDX identifier
    kind: affine_inverse              # metric (metres), up_to_scale, affine_inverse or affine_depth
    input: image                      # the graph's input, float32, a batch of one image
    output: depth                     # the graph's output: h x w, with any leading axes of length 1
    layout: NCHW                      # or NHWC
    mean: [0.485, 0.456, 0.406]       # of RGB in [0, 1]; [0, 0, 0]
    std: [0.229, 0.224, 0.225]        # [1, 1, 1]
    size: {side: shorter, pixels: 518, multiple_of: 14}
    interpolation: cubic              # or linear, or area, as OpenCV does them
    canonical_focal_px: 0             # for kind metric, where metres are output x focal length / this number

The size's side says what gets that many pixels, the other side following: shorter, longer, or both for a square that
does not keep the aspect; or native, without pixels, for the image's own size. Each side is then rounded to the
nearest multiple_of (1), at least one. A graph that takes one size only says which, with nothing else, and every image
is squeezed into it:

    size: {side: exact, height: 384, width: 512}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DISTANCE_KINDS, DepthKind, DepthMap
from leadline.runtime.card_keys import checked_keys, read_card_text, require_checksum
from leadline.runtime.images import as_rgb, require_8bit, require_sides
from leadline.runtime.onnx_session import OnnxSession, reason_of

Layout = Literal["NCHW", "NHWC"]
Interpolation = Literal["cubic", "linear", "area"]
Side = Literal["shorter", "longer", "nearest", "both", "native", "exact"]

MODES: Final[Mapping[Interpolation, int]] = {
    "cubic": cv2.INTER_CUBIC,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
}
"""How OpenCV names the interpolations."""


@dataclass(frozen=True)
class SizeRule:
    """The size at which a network sees an image.

    Args:
        side: Which side gets the pixels: shorter, longer, nearest for the one that changes least (as in
            transformers for DPT and Depth Anything), both, native for none, or exact for a height and a width.
        pixels: Of that side; 0 for native and exact.
        multiple_of: Each side is rounded to a multiple of it; 1 for exact.
        height: For exact only.
        width: For exact only.
    Raises:
        InputError: If a number is out of range.
    """

    side: Side
    pixels: int = 0
    multiple_of: int = 1
    height: int = 0
    width: int = 0

    def __post_init__(self) -> None:
        """Refuses sizes that cannot be."""
        goal = self.height, self.width
        if self.side == "exact":
            if min(goal) < 1 or (self.pixels, self.multiple_of) != (0, 1):
                raise InputError(f"expected an exact size with height and width of at least 1 alone, got {self}")
        elif (
            self.multiple_of < 1 or (self.pixels < 1) != (self.side == "native") or (self.height, self.width) != (0, 0)
        ):
            raise InputError(
                "expected a size with multiple_of of at least 1 and pixels of at least 1, without pixels for native, "
                f"and with height and width for exact only, got {self}"
            )

    def applied(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the network sees of an image.

        >>> SizeRule("shorter", 518, 14).applied(480, 640)
        (518, 686)
        >>> SizeRule("both", 384, 32).applied(480, 640)
        (384, 384)
        """
        if self.side == "exact":
            return self.height, self.width
        shorter, longer = min(height, width), max(height, width)
        # At equal change the height counts, as there.
        nearest = width if abs(1.0 - self.pixels / width) < abs(1.0 - self.pixels / height) else height
        goal = {"shorter": shorter, "longer": longer, "nearest": nearest, "both": 0, "native": 0}[self.side]
        if self.side == "both":
            sides: tuple[float, float] = float(self.pixels), float(self.pixels)
        else:
            scale = self.pixels / goal if goal else 1.0
            sides = height * scale, width * scale
        rows, columns = (max(1, round(side / self.multiple_of)) * self.multiple_of for side in sides)
        return rows, columns


@dataclass(frozen=True, kw_only=True)
class OnnxDepthCard:
    """Content of a card file; the module's text describes its keys.

    Args:
        name: For tables and messages.
        path: The ONNX file; absolute, or relative to the card.
        sha256: Of the ONNX file, hexadecimal.
        licence: SPDX identifier.
        kind: What the network's numbers mean.
        input: Name of the graph's input.
        output: Name of its output.
        layout: Order of the input's axes.
        mean: Of RGB in [0, 1], subtracted.
        std: What the difference is divided by, > 0.
        size: The size at which the network sees an image.
        interpolation: How the image is brought to it.
        canonical_focal_px: Focal length of the camera whose metres the network gives, such as 1000 for Metric3D or 300
            for the metric Depth Anything 3: metres = output x focal length / this number, the focal length being that
            of the image as the network sees it, px. 0 where the output is metres itself.
    Raises:
        InputError: If std is not positive, or a canonical focal length is negative or goes with another kind.
    """

    name: str
    path: str
    sha256: str
    licence: str
    kind: DepthKind
    input: str
    output: str
    size: SizeRule
    layout: Layout = "NCHW"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    interpolation: Interpolation = "cubic"
    canonical_focal_px: float = 0.0

    def __post_init__(self) -> None:
        """Refuses normalisation that divides by nothing."""
        if not min(self.std) > 0.0:
            raise InputError(f"expected std above 0 on the card, got {self.std}")
        if not 0.0 <= self.canonical_focal_px < np.inf or (self.canonical_focal_px and self.kind != "metric"):
            raise InputError(
                f"expected canonical_focal_px above 0 with kind metric on the card, got {self.canonical_focal_px:g} "
                f"with {self.kind}; leave it out for another kind"
            )


@final
class OnnxDepth:
    """A network with a card, loaded once and called often.

    Args:
        card: What it is.
        weights: The ONNX file.
        threads: Threads to use; all processors if absent.
    Raises:
        InputError: If ONNX Runtime cannot load it, it lacks the card's input or output, or threads is less than 1.
    """

    def __init__(self, card: OnnxDepthCard, weights: Path, threads: int | None = None) -> None:
        self.card, self._session = card, OnnxSession(weights, threads)
        for name, found in (("input", self._session.inputs), ("output", self._session.outputs)):
            wanted = getattr(card, name)
            if wanted not in found:
                raise InputError(f"expected {name} {wanted!r} in {weights}, got {', '.join(found)}; correct the card")

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {
            "model": self.card.name,
            "licence": self.card.licence,
            "provider": "cpu",
            "threads": self._session.threads,
        }

    def __call__(self, image: UInt8[np.ndarray, "h w *c"]) -> DepthMap:
        """Depth of the card's kind at the size of the image, without a confidence.

        Args:
            image: RGB or grey, 8 bit.
        Returns:
            Depth; what is not finite, or a distance that is not positive, is invalid.
        Raises:
            InputError: If the image is not 8-bit RGB or grey, or smaller than 16 px; or the network refuses its size
                or answers with another shape or nothing that is depth.
        """
        require_8bit(image, "the image")
        require_sides(image)
        height, width = image.shape[:2]
        answer = self._answer(self._input(as_rgb(image)))
        values = np.asarray(cv2.resize(answer, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
        valid = np.isfinite(values)
        if self.card.kind in DISTANCE_KINDS:
            valid &= values > 0
        if not valid.any():
            raise InputError(
                f"expected depth from {self.card.name}, got none anywhere; check kind and mean on the card"
            )
        kind = "up_to_scale" if self.card.canonical_focal_px else self.card.kind
        return DepthMap(np.where(valid, values, np.float32(0.0)), valid, kind)

    def with_camera(self, depth: DepthMap, camera: Pinhole) -> DepthMap:
        """Depth that a call returned, metric if the card states a canonical focal length.

        Args:
            depth: What a call returned.
            camera: The camera that took the image.
        Source: Yin et al., Metric3D, ICCV 2023, the canonical camera transformation.
        """
        if not self.card.canonical_focal_px:
            return depth
        rows, columns = self.card.size.applied(camera.height, camera.width)
        seen = camera.scaled(rows, columns)
        factor = np.float32((seen.focal_x_px + seen.focal_y_px) / 2.0 / self.card.canonical_focal_px)
        return DepthMap(depth.depth * factor, depth.valid, "metric", depth.confidence, camera)

    def _input(self, image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "1 _ _ _"]:
        rows, columns = self.card.size.applied(*image.shape[:2])
        shares = image.astype(np.float32) / np.float32(255.0)
        if (rows, columns) != image.shape[:2]:
            mode = MODES[self.card.interpolation]
            shares = np.asarray(cv2.resize(shares, (columns, rows), interpolation=mode), dtype=np.float32)
        mean, deviation = (np.asarray(numbers, dtype=np.float32) for numbers in (self.card.mean, self.card.std))
        normal = (shares - mean) / deviation
        ordered = normal.transpose(2, 0, 1) if self.card.layout == "NCHW" else normal
        return np.ascontiguousarray(ordered[None])

    def _answer(self, pixels: Float32[np.ndarray, "1 _ _ _"]) -> Float32[np.ndarray, "_ _"]:
        try:
            (answer,) = self._session.run([self.card.output], {self.card.input: pixels})
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise InputError(
                f"expected {self.card.name} to take a float32 input of shape {pixels.shape}, got: {reason_of(error)}; "
                "correct layout or size on the card"
            ) from None
        layer = np.asarray(answer)
        if layer.ndim < 2 or layer.size != layer.shape[-2] * layer.shape[-1]:
            raise InputError(
                f"expected an output of h x w from {self.card.name}, with leading axes of length 1 only, got "
                f"{layer.shape}; correct output on the card"
            )
        return layer.reshape(layer.shape[-2:]).astype(np.float32)


def load_onnx_card(path: Path | str, threads: int | None = None) -> OnnxDepth:
    """A network from its card, after its checksum is compared.

    Args:
        path: The card, a YAML file; the module's text describes its keys.
        threads: As for `OnnxDepth`.
    Raises:
        InputError: If the card is missing, not YAML, or has an unknown, missing or wrong key; if the network's file is
            missing, has another checksum or weights in other files; or as for `OnnxDepth`.
    """
    card = read_onnx_card(path)
    weights = Path(path).parent / card.path
    require_checksum(weights, card.sha256, path)
    return OnnxDepth(card, weights, threads)


def read_onnx_card(path: Path | str) -> OnnxDepthCard:
    """A card without its network.

    Args:
        path: The card, a YAML file.
    Raises:
        InputError: If it is missing, not YAML, or has an unknown, missing or wrong key.
    """
    keys = checked_keys(read_card_text(path), OnnxDepthCard, f"the card {path}")
    keys["size"] = SizeRule(**checked_keys(keys["size"], SizeRule, f"size on the card {path}"))
    return OnnxDepthCard(**keys)
