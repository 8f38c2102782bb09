"""Comparison sheets of optical flow: frames, truth, and each method's flow, error and confidence."""

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.metrics.flow import endpoint_error
from leadline.visual.colormap import confidence_grey
from leadline.visual.errors import error_colours
from leadline.visual.flow import colour_scale, flow_colours
from leadline.visual.sheet import Panel, sheet

_SPARSE_TRUTH = 0.5


def flow_sheet(
    first: UInt8[np.ndarray, "h w 3"],
    second: UInt8[np.ndarray, "h2 w2 3"],
    predictions: Mapping[str, FlowMap],
    truth: FlowMap | None = None,
    captions: Mapping[str, str] | None = None,
    title: str = "",
) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """A sheet of one pair of frames, a column a method; all flows share the truth's scale.

    Args:
        first: First frame, RGB.
        second: Second frame, RGB.
        predictions: Name -> flow of the first frame.
        truth: Valid where known.
        captions: Name -> a few words or figures behind the method's name.
        title: Line at the top.
    Returns:
        RGB.
    Raises:
        InputError: If there are no predictions or a map has another size than the first frame.

    >>> frame = np.zeros((48, 64, 3), np.uint8)
    >>> still = FlowMap(np.zeros((48, 64, 2), np.float32), np.ones((48, 64), bool))
    >>> flow_sheet(frame, frame, {"still": still}).shape
    (792, 990, 3)
    """
    if not predictions:
        raise InputError("expected at least one prediction for a sheet, got none")
    for name, flow in {**predictions, **({} if truth is None else {"truth": truth})}.items():
        if flow.valid.shape != first.shape[:2]:
            raise InputError(
                f"expected {name} of the first frame's (height, width) {first.shape[:2]}, got {flow.valid.shape}; "
                "resize it and scale its values"
            )
    scale = colour_scale(next(iter(predictions.values())) if truth is None else truth)
    inputs = [Panel("first frame", first, photo=True), Panel("second frame", second, photo=True)]
    if truth is not None:
        image = flow_colours(truth, scale)
        image[~truth.valid] = 0
        if _is_sparse(truth):
            image = np.asarray(cv2.dilate(image, np.ones((3, 3), np.uint8)), np.uint8)
        inputs.append(Panel(f"truth, full colour at {scale:.3g} px", image))
    columns = [
        _method_panels(name, flow, truth, scale, (captions or {}).get(name, "")) for name, flow in predictions.items()
    ]
    depth = max(len(column) for column in (inputs, *columns))
    rows = [[column[at] if at < len(column) else None for column in (inputs, *columns)] for at in range(depth)]
    return sheet(rows, title, legend=truth is not None, panel_width=480 if first.shape[1] < 900 else 620)


def _method_panels(name: str, flow: FlowMap, truth: FlowMap | None, scale: float, caption: str) -> list[Panel]:
    panels = [Panel(f"{name}: {caption}" if caption else name, flow_colours(flow, scale))]
    if truth is not None:
        predicted = np.asarray(np.isfinite(flow.flow).all(axis=2))
        error = endpoint_error(np.where(predicted[..., None], flow.flow, np.float32(0.0)), truth.flow)
        image = error_colours(error, predicted, truth.valid, grow=_is_sparse(truth))
        panels.append(Panel(f"{name}: error", image))
    if flow.confidence is not None:
        panels.append(Panel(f"{name}: confidence (white: certain)", confidence_grey(flow.confidence)))
    return panels


def _is_sparse(truth: FlowMap) -> bool:
    return float(truth.valid.mean()) < _SPARSE_TRUTH
