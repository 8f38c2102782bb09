"""Detectors: ONNX networks that find boxes, described by a card, a small YAML file beside them.

leadline bundles one, NanoDet (80 classes of COCO). A card for another one has these keys; those with a value here may
be left out:

    name: some-network                # for tables and messages
    path: some-network.onnx           # relative to the card
    sha256: 64 hexadecimal digits     # of that file
    licence: Apache-2.0               # SPDX identifier
    layout: yolov8                    # of the output: yolov8 or nanodet
    input: images                     # the graph's input, float32, 1 x 3 x height x width
    output: output0                   # the graph's output
    height: 640                       # of the input
    width: 640
    classes: [person, bicycle, car]   # names, in the network's order
    fit: letterbox                    # the image keeps its aspect, grey fills the rest; or stretch
    channels: RGB                     # or BGR
    mean: [0, 0, 0]                   # of R, G, B in [0, 1], subtracted
    std: [1, 1, 1]                    # of R, G, B in [0, 1]
    strides: [8, 16, 32]              # for nanodet: sides of the cells of each level, px of the input

The layout yolov8 is [1, 4 + classes, n]: middle, width and height of each box in pixels of the input, then a score in
[0, 1] for each class. The layout nanodet is [1, n, classes + 4 bins]: the scores, then for the left, top, right and
bottom side a distribution over bins, whose expectation after a softmax is the distance from the cell's middle in units
of the cell's side.

Source: Li et al., Generalized Focal Loss, NeurIPS 2020, equation 5 (distances); NanoDet and Ultralytics' YOLOv8 for
the order of numbers.
"""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.boxes import LabelledBox, best_boxes
from leadline.runtime.card_keys import checked_keys, read_card_text, require_checksum
from leadline.runtime.images import as_rgb, require_8bit, require_sides
from leadline.runtime.onnx_session import OnnxSession, reason_of

DEFAULT_DETECTOR: Final = "nanodet"
_FILL: Final = 114.0 / 255.0
"""Grey around an image that keeps its aspect."""
_MOST_OVERLAP: Final = 0.6
_MOST_BOXES: Final = 1000
"""Candidates of the highest scores that are compared with each other."""
_LEAST_SIDE_PX: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class DetectorCard:
    """Content of a card; the module's text describes its keys.

    Args:
        name: For tables and messages.
        path: The ONNX file; absolute, or relative to the card.
        sha256: Of the ONNX file, hexadecimal.
        licence: SPDX identifier.
        layout: Of the output.
        input: Name of the graph's input.
        output: Name of its output.
        height: Rows of the input.
        width: Columns of the input.
        classes: Their names, in the network's order.
        fit: How an image is brought to that size.
        channels: Order of the input's channels.
        mean: Of R, G, B in [0, 1], subtracted.
        std: What the difference is divided by, > 0.
        strides: For nanodet, sides of the cells of each level.
    Raises:
        InputError: If a number is out of range or a class comes twice.
    """

    name: str
    path: str
    sha256: str
    licence: str
    layout: Literal["yolov8", "nanodet"]
    input: str
    output: str
    height: int
    width: int
    classes: tuple[str, ...]
    fit: Literal["letterbox", "stretch"] = "letterbox"
    channels: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    strides: tuple[int, ...] = (8, 16, 32)

    def __post_init__(self) -> None:
        """Refuses cards that cannot be."""
        if not min(self.std) > 0.0:
            raise InputError(f"expected std above 0 on the card, got {self.std}")
        if min(self.height, self.width) < 1 or not self.strides or min(self.strides) < 1:
            raise InputError(
                f"expected height, width and strides of at least 1 on the card, got {self.height}, {self.width} and "
                f"{self.strides}"
            )
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise InputError(f"expected each class once on the card, got {len(self.classes)} with some twice or none")


@final
class OnnxDetector:
    """A detector with a card, loaded once and called often.

    Args:
        card: What it is.
        weights: The ONNX file.
        threads: Threads to use; all processors if absent.
    Raises:
        InputError: If ONNX Runtime cannot load it, it lacks the card's input or output, or threads is less than 1.
    """

    def __init__(self, card: DetectorCard, weights: Path, threads: int | None = None) -> None:
        self.card, self._session = card, OnnxSession(weights, threads)
        for name, found in (("input", self._session.inputs), ("output", self._session.outputs)):
            wanted = getattr(card, name)
            if wanted not in found:
                raise InputError(f"expected {name} {wanted!r} in {weights}, got {', '.join(found)}; correct the card")

    @property
    def description(self) -> dict[str, Any]:
        """What it is and how it runs, for a summary."""
        card = self.card
        return {"detector": card.name, "detector_licence": card.licence, "detector_sha256": card.sha256}

    def __call__(
        self, image: UInt8[np.ndarray, "h w *c"], least_score: float = 0.2, labels: Collection[str] | None = None
    ) -> tuple[LabelledBox, ...]:
        """What is in an image.

        Args:
            image: RGB or grey, 8 bit.
            least_score: Boxes of lower scores are left out.
            labels: Classes to look for; all if absent.
        Returns:
            Boxes in pixels of the image, the surest first.
        Raises:
            InputError: If the image is not 8-bit RGB or grey or smaller than 16 px, a label is unknown, or the network
                refuses its input or answers with another shape than the card's.
        """
        require_8bit(image, "the image")
        require_sides(image)
        wanted = self._wanted(labels)
        pixels, scales = self._input(as_rgb(image))
        boxes, scores = self._boxes(self._answer(pixels))
        scores = np.where(wanted, scores, np.float32(0.0))
        best, score = scores.argmax(axis=1), scores.max(axis=1)
        chosen = np.flatnonzero(score >= max(least_score, 1e-6))
        chosen = chosen[np.argsort(-score[chosen], kind="stable")][:_MOST_BOXES]
        height, width = image.shape[:2]
        limits = np.array([width, height, width, height], np.float64) - 0.5
        # Edges of the input count from the corner of its first pixel, those of the image from the pixel's centre.
        edges = np.clip(boxes[chosen].astype(np.float64) / np.tile(scales, 2) - 0.5, -0.5, limits)
        found = list[LabelledBox]()
        for number, (left, top, right, bottom) in zip(chosen, edges.tolist(), strict=True):
            if min(right - left, bottom - top) >= _LEAST_SIDE_PX:
                label = self.card.classes[int(best[number])]
                found.append(LabelledBox((left, top, right, bottom), min(1.0, float(score[number])), label))
        return best_boxes(found, _MOST_OVERLAP)

    def require_labels(self, labels: Collection[str] | None) -> None:
        """Refuses classes that the network does not know.

        Args:
            labels: Names of classes.
        Raises:
            InputError: If one is unknown.
        """
        self._wanted(labels)

    def _wanted(self, labels: Collection[str] | None) -> np.ndarray:
        classes = self.card.classes
        if labels is not None and (unknown := sorted(set(labels) - set(classes))):
            known = ", ".join(classes[:6]) + (" ..." if len(classes) > 6 else "")
            raise InputError(f"expected classes of {self.card.name} ({known}), got {unknown[0]!r}")
        return np.array([labels is None or name in labels for name in classes])

    def _input(self, image: UInt8[np.ndarray, "h w 3"]) -> tuple[Float32[np.ndarray, "1 3 _ _"], np.ndarray]:
        """The network's input, and pixels of it for each pixel of the image, across and down."""
        card, (height, width) = self.card, image.shape[:2]
        if card.fit == "stretch":
            rows, columns = card.height, card.width
        else:
            scale = min(card.height / height, card.width / width)
            rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        mode = cv2.INTER_AREA if rows * columns < height * width else cv2.INTER_LINEAR
        shares = np.full((card.height, card.width, 3), _FILL, np.float32)
        shares[:rows, :columns] = np.asarray(cv2.resize(image, (columns, rows), interpolation=mode)) / np.float32(255.0)
        normal = (shares - np.asarray(card.mean, np.float32)) / np.asarray(card.std, np.float32)
        ordered = normal[..., ::-1] if card.channels == "BGR" else normal
        return np.ascontiguousarray(ordered.transpose(2, 0, 1)[None]), np.array([columns / width, rows / height])

    def _answer(self, pixels: Float32[np.ndarray, "1 3 _ _"]) -> Float32[np.ndarray, "_ _"]:
        card = self.card
        try:
            (answer,) = self._session.run([card.output], {card.input: pixels})
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise InputError(
                f"expected {card.name} to take a float32 input of shape {pixels.shape}, got: {reason_of(error)}; "
                "correct height and width on the card"
            ) from None
        answer = np.asarray(answer, np.float32)
        if answer.ndim != 3 or answer.shape[0] != 1:
            raise InputError(
                f"expected an output of 1 x rows x columns from {card.name}, got {answer.shape}; correct output on the "
                "card"
            )
        if not np.isfinite(answer).all():
            raise InputError(f"expected finite numbers from {card.name}, got others; correct mean and std on the card")
        return answer[0]

    def _boxes(self, answer: Float32[np.ndarray, "_ _"]) -> tuple[Float32[np.ndarray, "n 4"], np.ndarray]:
        """Edges in pixels of the input, and scores of each class."""
        boxes, scores = self._of_yolov8(answer) if self.card.layout == "yolov8" else self._of_nanodet(answer)
        if scores.size and not (scores.min() >= -1e-3 and scores.max() <= 1.0 + 1e-3):
            raise InputError(
                f"expected scores from 0 to 1 from {self.card.name}, got {scores.min():.3g} to {scores.max():.3g}; "
                "correct layout or classes on the card"
            )
        return boxes, scores

    def _of_yolov8(self, answer: Float32[np.ndarray, "_ _"]) -> tuple[Float32[np.ndarray, "n 4"], np.ndarray]:
        count = len(self.card.classes)
        if answer.shape[0] != 4 + count:
            raise InputError(
                f"expected an output of 1 x {4 + count} x n from {self.card.name}, 4 + {count} classes, got "
                f"{(1, *answer.shape)}; correct layout or classes on the card"
            )
        middle, half = answer[:2].T, answer[2:4].T / 2.0
        return np.concatenate([middle - half, middle + half], axis=1), answer[4:].T

    def _of_nanodet(self, answer: Float32[np.ndarray, "_ _"]) -> tuple[Float32[np.ndarray, "n 4"], np.ndarray]:
        card, count = self.card, len(self.card.classes)
        cells = [(-(-card.height // stride), -(-card.width // stride)) for stride in card.strides]
        total, bins = sum(rows * columns for rows, columns in cells), (answer.shape[1] - count) // 4
        if answer.shape[0] != total or bins < 2 or (answer.shape[1] - count) % 4:
            raise InputError(
                f"expected an output of 1 x {total} x {count} + 4 bins from {card.name}, got {(1, *answer.shape)}; "
                "correct layout, classes or strides on the card"
            )
        shares = np.exp(answer[:, count:].reshape(total, 4, bins))
        distances = (shares @ np.arange(bins, dtype=np.float32)) / shares.sum(axis=2)
        boxes, begin = np.empty((total, 4), np.float32), 0
        for (rows, columns), stride in zip(cells, card.strides, strict=True):
            part = slice(begin, begin + rows * columns)
            y, x = (grid.ravel() + 0.5 for grid in np.indices((rows, columns)))
            left, top, right, bottom = distances[part].T
            boxes[part] = stride * np.stack([x - left, y - top, x + right, y + bottom], axis=1)
            begin = part.stop
        return boxes, answer[:, :count]


def load_detector(name: str = DEFAULT_DETECTOR, threads: int | None = None) -> OnnxDetector:
    """A detector by its name or its card, after its checksum is compared.

    Args:
        name: "nanodet", or a card: a YAML file, which the module's text describes.
        threads: As for `OnnxDetector`.
    Raises:
        InputError: If there is no such card, it is not YAML or has an unknown, missing or wrong key; if the network's
            file is missing, has another checksum or weights in other files; or as for `OnnxDetector`.

    >>> load_detector("nanodet").card.classes[:3]
    ('person', 'bicycle', 'car')
    """
    path = Path(str(files("leadline.runtime") / "bundled" / "nanodet.yaml")) if name == DEFAULT_DETECTOR else Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(f"expected {DEFAULT_DETECTOR} or a card, a .yaml file, as detector, got {name!r}")
    card = DetectorCard(**checked_keys(read_card_text(path), DetectorCard, f"the card {path}"))
    weights = path.parent / card.path
    require_checksum(weights, card.sha256, path)
    return OnnxDetector(card, weights, threads)
