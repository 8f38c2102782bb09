"""Pixels that a flow protocol scores, and the treatment of missing predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64

from leadline.classical.fill import fill_background
from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.metrics.flow import endpoint_error, speed_band
from leadline.protocols.report import Conditions
from leadline.protocols.rules import (
    NO_FOREGROUND,
    NO_OCCLUSION_MASK,
    NO_PIXEL,
    NO_TRUTH,
    NOTHING_PREDICTED,
    Region,
    Rule,
)
from leadline.samples import FlowSample

Mask = Bool[np.ndarray, "h w"]

_BANDS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"s0-10": (0.0, 10.0), "s10-40": (10.0, 40.0), "s40+": (40.0, float("inf"))}
)


@dataclass(frozen=True, eq=False)
class FlowPixels:
    """One method's errors on one pair of frames, under one region and rule.

    Args:
        error: Endpoint error, pixels, finite wherever the mask is true.
        outlier_error: The same, but +inf where a prediction is missing.
        flow: What the method says, 0 where it is missing.
        truth: True flow, pixels.
        mask: The pixels that count; at least one.
        density: Share of the pixels with truth in the region, in [0, 1], that have a prediction: under the sparse rule
            a valid one, else any, and before interpolation.
        confidence: The method's P(error < 1 px), if it gives one.
        conditions: What was done to the prediction before.
    """

    error: Float64[np.ndarray, "h w"]
    outlier_error: Float64[np.ndarray, "h w"]
    flow: Float32[np.ndarray, "h w 2"]
    truth: Float32[np.ndarray, "h w 2"]
    mask: Mask
    density: float
    confidence: Float32[np.ndarray, "h w"] | None
    conditions: Conditions = field(default_factory=Conditions)


def score_flow(scene: FlowSample, prediction: FlowMap, region: Region, rule: Rule) -> FlowPixels | str:
    """The errors that count, or in a few words why none do.

    Args:
        scene: Frames with truth.
        prediction: What the method says about the first frame.
        region: Which pixels with truth count.
        rule: What a missing prediction means.
    Returns:
        The scored pixels; a reason if this pair must be left out.
    Raises:
        InputError: If the prediction is not of the first frame's size.
    """
    if prediction.valid.shape != scene.first.shape[:2]:
        raise InputError(
            f"expected a flow of the first frame's (height, width) {scene.first.shape[:2]} for {scene.key}, got "
            f"{prediction.valid.shape}; resize it and scale its values"
        )
    counted = counted_pixels(scene, region)
    if isinstance(counted, str):
        return counted
    finite: Mask = np.asarray(np.isfinite(prediction.flow).all(axis=2))
    predicted = prediction.valid & finite if rule == "sparse" else finite
    share = float(predicted[counted].mean())
    if rule == "sparse" and share == 0.0:
        return NOTHING_PREDICTED
    flow = prediction.flow
    if rule == "background-interpolated":
        flow, predicted = interpolate_flow(flow, predicted)
    elif rule == "sparse":
        counted = counted & predicted
    flow = np.where(predicted[..., None], flow, np.float32(0.0))
    error = endpoint_error(flow, scene.flow)
    outlier_error = np.where(predicted, error, np.inf)
    return FlowPixels(error, outlier_error, flow, scene.flow, counted, share, prediction.confidence)


def counted_pixels(scene: FlowSample, region: Region) -> Mask | str:
    """The pixels with truth that a region lets count, or in a few words why there are none."""
    if scene.truth is None:
        return NO_TRUTH
    counted = scene.valid
    for part in region.split("-", 1) if region.startswith("noc-") else (region,):
        kept = _PARTS[part](scene)
        if isinstance(kept, str):
            return kept
        counted = counted & kept
    return counted if counted.any() else NO_PIXEL


def interpolate_flow(flow: Float32[np.ndarray, "h w 2"], valid: Mask) -> tuple[Float32[np.ndarray, "h w 2"], Mask]:
    """Fills missing flow as the KITTI devkit does: each component like a disparity, by the smaller of a gap's ends.

    In each row a gap takes the smaller u and the smaller v of its two ends, and the row's ends extend to the borders.
    Then the first and last rows with a prediction extend to the top and to the bottom. A row without any prediction
    between two rows that have some stays missing.

    Args:
        flow: Pixels.
        valid: Where there is a prediction.
    Returns:
        The filled flow, and where it is valid afterwards.
    Example:
        >>> flow = np.array([[[0, 0], [5, -2], [0, 0], [3, -1]]], np.float32)
        >>> filled, valid = interpolate_flow(flow, np.array([[False, True, False, True]]))
        >>> filled.tolist(), valid.all().item()
        ([[[5.0, -2.0], [5.0, -2.0], [3.0, -2.0], [3.0, -1.0]]], True)

    Source: interpolateBackground in io_flow.h of the KITTI flow 2012 and 2015 devkits.
    """
    rows = np.asarray(valid.any(axis=1))
    if rows.any():
        first, last = np.flatnonzero(rows)[[0, -1]]
        rows[:first], rows[last + 1 :] = True, True
    filled = np.dstack([fill_background(flow[..., axis], valid) for axis in (0, 1)])
    return filled, np.repeat(rows[:, None], flow.shape[1], axis=1)


def _everywhere(scene: FlowSample) -> Mask | str:
    return np.ones(scene.valid.shape, bool)


def _visible(scene: FlowSample) -> Mask | str:
    return NO_OCCLUSION_MASK if scene.occluded is None else ~scene.occluded


def _hidden(scene: FlowSample) -> Mask | str:
    return NO_OCCLUSION_MASK if scene.occluded is None else scene.occluded


def _foreground(scene: FlowSample) -> Mask | str:
    return NO_FOREGROUND if scene.foreground is None else scene.foreground


def _background(scene: FlowSample) -> Mask | str:
    return NO_FOREGROUND if scene.foreground is None else ~scene.foreground


def _band(name: str) -> Callable[[FlowSample], Mask | str]:
    return lambda scene: speed_band(scene.flow, *_BANDS[name])


_PARTS: Final[Mapping[str, Callable[[FlowSample], Mask | str]]] = MappingProxyType(
    {
        "all": _everywhere,
        "noc": _visible,
        "occ": _hidden,
        "fg": _foreground,
        "bg": _background,
        **{name: _band(name) for name in _BANDS},
    }
)
"""Region -> the pixels that it lets count, truth aside."""
