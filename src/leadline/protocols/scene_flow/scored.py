"""Pixels that a scene-flow protocol scores: outliers of both disparities, of the flow, and of any of them."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool

from leadline.errors import InputError
from leadline.maps import DisparityMap, FlowMap, SceneFlowMap
from leadline.metrics.disparity import absolute_error, has_prediction
from leadline.metrics.flow import FL_ABSOLUTE_PX, FL_RELATIVE, endpoint_error
from leadline.protocols.flow.scored import interpolate_flow
from leadline.protocols.report import Conditions
from leadline.protocols.rules import NO_FOREGROUND, NO_OCCLUSION_MASK, NO_PIXEL, NO_TRUTH, Region, Rule
from leadline.protocols.stereo.scored import interpolate_background
from leadline.samples import SceneFlowSample

Mask = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Outliers:
    """Wrong pixels of one of the three numbers.

    Args:
        wrong: Error above 3 px and above 5 % of the truth, or no prediction.
        counted: Where truth is known and the region and rule let it count; None if there is no truth at all.
    """

    wrong: Mask
    counted: Mask | None


@dataclass(frozen=True, eq=False)
class SceneFlowPixels:
    """One method's outliers on one scene, under one region and rule.

    Args:
        parts: Of the disparity at the first time, at the second, and of the flow.
        mask: Pixels where the first disparity counts; at least one.
        density: Share of the pixels with truth in the region that have a disparity at the first time.
        conditions: What was done to the prediction before.
    """

    parts: tuple[Outliers, Outliers, Outliers]
    mask: Mask
    density: float
    conditions: Conditions = field(default_factory=Conditions)


def score_scene_flow(
    scene: SceneFlowSample, prediction: SceneFlowMap, region: Region, rule: Rule
) -> SceneFlowPixels | str:
    """The outliers that count, or in a few words why none do.

    Args:
        scene: Images with truth.
        prediction: What the method says.
        region: Which pixels with truth count.
        rule: What a missing prediction means.
    Returns:
        The scored pixels; a reason if this scene must be left out.
    Raises:
        InputError: If the prediction is not of the images' size.

    >>> image, seen = np.zeros((1, 2, 3), np.uint8), np.ones((1, 2), bool)
    >>> ten = DisparityMap(np.full((1, 2), 10.0, np.float32), seen)
    >>> found = SceneFlowMap(ten, ten, FlowMap(np.zeros((1, 2, 2), np.float32), seen))
    >>> scene = SceneFlowSample("a", (image,) * 4, None, DisparityMap(np.array([[10.0, 20.0]], np.float32), seen))
    >>> score_scene_flow(scene, found, "all", "dense").parts[0].wrong.tolist()
    [[False, True]]
    """
    size = scene.images[0].shape[:2]
    if prediction.valid.shape != size:
        raise InputError(
            f"expected scene flow of the images' (height, width) {size} for {scene.key}, got {prediction.valid.shape}; "
            "resize it and scale its values"
        )
    kept = _kept(scene, region)
    if isinstance(kept, str):
        return kept
    if scene.disparity is None:
        return NO_TRUTH
    parts = (
        _of_disparity(scene.disparity, prediction.disparity, kept, rule),
        _of_disparity(scene.next_disparity, prediction.next_disparity, kept, rule),
        _of_flow(scene.flow, prediction.flow, kept, rule),
    )
    first = parts[0].counted
    if first is None or not first.any():
        return NO_PIXEL
    predicted = prediction.disparity.valid if rule == "sparse" else has_prediction(prediction.disparity)
    return SceneFlowPixels(parts, first, float(predicted[scene.disparity.valid & kept].mean()))


def _kept(scene: SceneFlowSample, region: Region) -> Mask | str:
    kept = np.ones(scene.images[0].shape[:2], bool)
    for part in region.split("-"):
        if part == "noc":
            if scene.occluded is None:
                return NO_OCCLUSION_MASK
            kept = kept & ~scene.occluded
        if part in ("fg", "bg"):
            if scene.foreground is None:
                return NO_FOREGROUND
            kept = kept & (scene.foreground if part == "fg" else ~scene.foreground)
    return kept


def _of_disparity(truth: DisparityMap | None, found: DisparityMap, kept: Mask, rule: Rule) -> Outliers:
    predicted = found.valid if rule == "sparse" else has_prediction(found)
    disparity = found.disparity
    if rule == "background-interpolated":
        disparity, predicted = interpolate_background(disparity, predicted)
    if truth is None:
        return Outliers(np.zeros(kept.shape, bool), None)
    error = absolute_error(np.where(predicted, disparity, np.float32(0.0)), truth.disparity)
    wrong = ~predicted | ((error > FL_ABSOLUTE_PX) & (error > FL_RELATIVE * np.abs(truth.disparity)))
    return Outliers(wrong, truth.valid & kept & predicted if rule == "sparse" else truth.valid & kept)


def _of_flow(truth: FlowMap | None, found: FlowMap, kept: Mask, rule: Rule) -> Outliers:
    finite: Mask = np.asarray(np.isfinite(found.flow).all(axis=2))
    predicted, flow = found.valid & finite if rule == "sparse" else finite, found.flow
    if rule == "background-interpolated":
        flow, predicted = interpolate_flow(flow, predicted)
    if truth is None:
        return Outliers(np.zeros(kept.shape, bool), None)
    error = endpoint_error(np.where(predicted[..., None], flow, np.float32(0.0)), truth.flow)
    wrong = ~predicted | ((error > FL_ABSOLUTE_PX) & (error > FL_RELATIVE * truth.speed))
    return Outliers(wrong, truth.valid & kept & predicted if rule == "sparse" else truth.valid & kept)
