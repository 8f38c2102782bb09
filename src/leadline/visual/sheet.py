"""Comparison sheets: labelled panels side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.metrics.disparity import has_prediction
from leadline.visual.colormap import confidence_grey, plasma, robust_range
from leadline.visual.errors import error_legend, error_map
from leadline.visual.text import draw_text, fitted

_GAP = 10
_LABEL_HEIGHT = 26
_TITLE_HEIGHT = 40
_LEGEND_HEIGHT = 44
_LABEL_SCALE = 0.5
_TITLE_SCALE = 0.7
_PAPER_RGB = (255, 255, 255)
_FRAME_RGB = (120, 120, 120)
_SPARSE_TRUTH = 0.5


@dataclass(frozen=True, eq=False)
class Panel:
    """An image and the line above it.

    Args:
        label: One line, ASCII; cut if it is too long.
        image: RGB.
        photo: Whether neighbouring colours may be mixed when it is enlarged; colours with a scale must not be.
    """

    label: str
    image: UInt8[np.ndarray, "h w 3"]
    photo: bool = False


def sheet(
    rows: Sequence[Sequence[Panel | None]],
    title: str = "",
    legend: bool = False,
    panel_width: int = 480,
) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """Panels in rows and columns on white, all scaled to one width.

    Args:
        rows: Panels of each row, None for an empty place; short rows end early.
        title: Line at the top, if any.
        legend: Whether the scale of the error maps stands at the foot.
        panel_width: Pixels; heights follow from each image.
    Returns:
        RGB.
    Raises:
        InputError: If there is no panel.
    Example:
        >>> image = np.zeros((48, 64, 3), np.uint8)
        >>> sheet([[Panel("left", image), Panel("right", image)]], "a pair").shape
        (436, 990, 3)
    """
    columns = max((len(row) for row in rows), default=0)
    if not any(panel is not None for row in rows for panel in row):
        raise InputError("expected at least one panel on a sheet, got none")
    width = columns * panel_width + (columns + 1) * _GAP
    parts: list[np.ndarray] = []
    if title:
        head = _paper(_TITLE_HEIGHT, width)
        draw_text(head, fitted(title, _TITLE_SCALE, width - 2 * _GAP), (_GAP, _TITLE_HEIGHT - 13), _TITLE_SCALE)
        parts.append(head)
    parts += [_row(row, width, panel_width) for row in rows if any(panel is not None for panel in row)]
    if legend:
        parts.append(error_legend(width, _LEGEND_HEIGHT))
    return np.concatenate(parts, axis=0)


def stereo_sheet(
    left: UInt8[np.ndarray, "h w 3"],
    right: UInt8[np.ndarray, "h w 3"],
    predictions: Mapping[str, DisparityMap],
    truth: DisparityMap | None = None,
    captions: Mapping[str, str] | None = None,
    title: str = "",
) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """A column of inputs and a column per method: disparity, error map where there is truth, confidence if any has one.

    Disparity and error panels show a method's guesses on invalid pixels too; black and grey are no guess at all.
    All disparities share the truth's colour range (the first method's where there is no truth): hotter is closer.

    Args:
        left: Left image, RGB.
        right: Right image, RGB.
        predictions: Name -> disparity of the left view.
        truth: Valid where known.
        captions: Name -> a few words or figures behind the method's name, e.g. its score.
        title: Line at the top.
    Returns:
        RGB.
    Raises:
        InputError: If there are no predictions or a map has another size than the left image.
    """
    if not predictions:
        raise InputError("expected at least one prediction for a sheet, got none")
    for name, disparity_map in {**predictions, **({} if truth is None else {"truth": truth})}.items():
        if disparity_map.disparity.shape != left.shape[:2]:
            raise InputError(
                f"expected {name} of the left image's (height, width) {left.shape[:2]}, got "
                f"{disparity_map.disparity.shape}; resize it and scale its values"
            )
    reference = next(iter(predictions.values())) if truth is None or not truth.valid.any() else truth
    colors = robust_range(reference.disparity, reference.valid)
    inputs: list[Panel] = [Panel("left image", left, photo=True)]
    if truth is not None:
        label = f"truth, {colors[0]:.0f} px (dark) to {colors[1]:.0f} px (bright)"
        inputs.append(Panel(label, _truth_image(truth, colors)))
    inputs.append(Panel("right image", right, photo=True))
    has_confidence = any(prediction.confidence is not None for prediction in predictions.values())
    methods = [
        _method_panels(name, prediction, truth, colors, (captions or {}).get(name, ""))
        for name, prediction in predictions.items()
    ]
    depth = 1 + (truth is not None) + has_confidence
    rows = [[column[i] if i < len(column) else None for column in (inputs, *methods)] for i in range(depth)]
    width = 480 if left.shape[1] < 900 else 620
    return sheet(rows, title, legend=truth is not None, panel_width=width)


def _method_panels(
    name: str, prediction: DisparityMap, truth: DisparityMap | None, colors: tuple[float, float], caption: str
) -> list[Panel]:
    label = f"{name}: {caption}" if caption else name
    panels = [Panel(label, plasma(prediction.disparity, has_prediction(prediction), colors))]
    if truth is not None:
        image = error_map(prediction, truth, grow=_is_sparse(truth))
        panels.append(Panel(f"{name}: error", image))
    if prediction.confidence is not None:
        panels.append(Panel(f"{name}: confidence (white: certain)", confidence_grey(prediction.confidence)))
    return panels


def _truth_image(truth: DisparityMap, colors: tuple[float, float]) -> UInt8[np.ndarray, "h w 3"]:
    image = plasma(truth.disparity, truth.valid, colors)
    if _is_sparse(truth):
        # Dots of laser truth would vanish when the panel is scaled down.
        image = np.asarray(cv2.dilate(image, np.ones((3, 3), dtype=np.uint8)), dtype=np.uint8)
    return image


def _is_sparse(truth: DisparityMap) -> bool:
    return float(truth.valid.mean()) < _SPARSE_TRUTH


def _row(row: Sequence[Panel | None], width: int, panel_width: int) -> UInt8[np.ndarray, "row_h row_w 3"]:
    images = [None if panel is None else _scaled(panel, panel_width) for panel in row]
    height = max(image.shape[0] for image in images if image is not None)
    canvas = _paper(_LABEL_HEIGHT + height + _GAP, width)
    for index, (panel, image) in enumerate(zip(row, images, strict=True)):
        if panel is None or image is None:
            continue
        x = _GAP + index * (panel_width + _GAP)
        draw_text(canvas, fitted(panel.label, _LABEL_SCALE, panel_width), (x, _LABEL_HEIGHT - 8), _LABEL_SCALE)
        canvas[_LABEL_HEIGHT : _LABEL_HEIGHT + image.shape[0], x : x + panel_width] = image
    return canvas


def _scaled(panel: Panel, width: int) -> UInt8[np.ndarray, "h w 3"]:
    image = panel.image
    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    enlarging = cv2.INTER_CUBIC if panel.photo else cv2.INTER_NEAREST
    method = cv2.INTER_AREA if width < image.shape[1] else enlarging
    scaled = np.asarray(cv2.resize(image, (width, height), interpolation=method), dtype=np.uint8)
    # A frame, because white confidence would run into the paper.
    scaled[[0, -1]] = _FRAME_RGB
    scaled[:, [0, -1]] = _FRAME_RGB
    return scaled


def _paper(height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    return np.full((height, width, 3), _PAPER_RGB, dtype=np.uint8)
