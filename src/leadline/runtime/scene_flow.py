"""Scene flow of a stereo camera: disparity at two times and flow, the camera's motion, and what moves by itself."""

from dataclasses import dataclass
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.errors import InputError
from leadline.geometry.camera_motion import Observed, camera_motion, read_between, rigid_prediction
from leadline.geometry.flow import landing
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap, FlowMap, SceneFlowMap, expected_error_px
from leadline.runtime.flow import FlowMethod
from leadline.runtime.moving_mask import moving_mask
from leadline.runtime.stereo import StereoMethod
from leadline.runtime.validity import judged, judged_flow

Image = UInt8[np.ndarray, "_ _ 3"]
Images = tuple[Image, Image, Image, Image]
"""Left and right at the first time, left and right at the second."""
Mask = Bool[np.ndarray, "h w"]
Layer = Float32[np.ndarray, "h w"]

FLOW_OF_SCENE_FLOW: Final = "dis"
"""Flow that the camera's motion is found with unless another one is asked for: on rendered sequences its translation is
1.2 % off, with leadline-flow 1.9 %, and the mask of what moves by itself is as good with either."""
SURE: Final = 0.5
"""Confidence from which a pixel takes part in finding the camera's motion."""
_UNRATED_PX: Final = 0.5
"""Error of a method that rates none."""
_ERROR_PX: Final = (0.2, 10.0)
"""Least and greatest error that is expected of a measurement."""
_STEP_PX: Final = 1.0


@final
@dataclass(frozen=True, eq=False)
class SceneFlowMethod:
    """A stereo method and a flow method, joined by the camera's motion.

    Args:
        stereo: Of the disparities.
        flow: Of the motion of the left image.
        completes: Whether pixels that stand still take flow and next disparity from their own disparity and the
            camera's motion; if not, every number is what the methods say.
    """

    stereo: StereoMethod
    flow: FlowMethod
    completes: bool = True

    def __call__(self, images: Images, rig: StereoRig, seen: tuple[Mask, Mask] | None = None) -> SceneFlowMap:
        """Scene flow of the first left image.

        Args:
            images: Left and right at the first time, left and right at the second, rectified.
            rig: Their cameras.
            seen: Where each camera's images show what it saw, if known.
        Raises:
            InputError: If the images do not fit or too little can be matched to tell the camera's motion.
        """
        first_left, first_right, second_left, second_right = images
        for image, name in zip(images[1:], ("first right", "second left", "second right"), strict=True):
            if image.shape != first_left.shape:
                raise InputError(
                    f"expected four images of one size, got {first_left.shape[1]}x{first_left.shape[0]} and a {name} "
                    f"image of {image.shape[1]}x{image.shape[0]}; crop or resize them alike"
                )
        disparity = judged(self.stereo(first_left, first_right), first_left, first_right, seen)
        then = judged(self.stereo(second_left, second_right), second_left, second_right, seen)
        flow = judged_flow(self.flow(first_left, second_left), first_left, second_left)
        if not self.completes:
            return SceneFlowMap(disparity, carried_back(then, flow), flow)
        return completed((first_left, second_left), (disparity, then), flow, rig)


def carried_back(then: DisparityMap, flow: FlowMap) -> DisparityMap:
    """Disparity at the second time of what the pixels of the first show: read where their flow leads.

    Args:
        then: Of the second left image.
        flow: From the first left image to it.
    Returns:
        Invalid where the flow is, where it leads out of the image, or where the disparity there is invalid.

    >>> seen = np.ones((1, 4), bool)
    >>> then = DisparityMap(np.array([[5.0, 6.0, 7.0, 8.0]], np.float32), seen)
    >>> found = carried_back(then, FlowMap(np.full((1, 4, 2), [1.0, 0.0], np.float32), seen))
    >>> found.disparity.tolist(), found.valid.tolist()
    ([[6.0, 7.0, 8.0, 8.0]], [[True, True, True, False]])
    """
    x, y, inside = landing(np.where(np.isfinite(flow.flow), flow.flow, np.float32(0.0)))
    disparity = read_between(then.disparity, x, y, _STEP_PX)
    known = np.asarray(cv2.remap(then.valid.view(np.uint8), x, y, cv2.INTER_NEAREST)) > 0
    confidence = None
    if then.confidence is not None:
        confidence = np.where(inside, np.asarray(cv2.remap(then.confidence, x, y, cv2.INTER_NEAREST)), np.float32(0.0))
    return DisparityMap(disparity, known & inside & flow.valid, confidence)


def completed(
    lefts: tuple[Image, Image], disparities: tuple[DisparityMap, DisparityMap], flow: FlowMap, rig: StereoRig
) -> SceneFlowMap:
    """Scene flow with the camera's motion: found, taken away to tell what moves by itself, and used for all else.

    Args:
        lefts: The left images at both times.
        disparities: Of each of them.
        flow: Between them.
        rig: The cameras.
    Raises:
        InputError: If too little can be matched.
    """
    disparity, then = disparities
    following = carried_back(then, flow)
    seen = observed(disparity, following, flow)
    known = disparity.valid & following.valid & flow.valid
    sure = known.copy()
    for layer in (disparity, following, flow):
        if layer.confidence is not None:
            sure &= layer.confidence >= SURE
    motion = camera_motion(seen.some(sure), rig)
    moving = moving_mask(lefts, seen, (known, flow.valid), then, motion, rig)
    u, v, rigid, ahead = rigid_prediction(seen.x, seen.y, seen.disparity, motion.second_from_first, rig)
    still = ~moving & ahead
    taken = np.where(still[..., None], np.dstack([u, v]), flow.flow).astype(np.float32)
    next_values = np.where(still, rigid, following.disparity).astype(np.float32)
    return SceneFlowMap(
        disparity,
        DisparityMap(next_values, np.where(still, disparity.valid, following.valid), following.confidence),
        FlowMap(taken, np.where(still, disparity.valid, flow.valid), flow.confidence),
        motion,
        moving,
        flow,
    )


def observed(disparity: DisparityMap, following: DisparityMap, flow: FlowMap) -> Observed:
    """What was measured of all pixels of the first left image, with the errors that the confidences stand for.

    Args:
        disparity: At the first time.
        following: At the second time, of the same pixels.
        flow: Between them.
    """
    rows, columns = np.indices(disparity.valid.shape).astype(np.float64)
    # The Laplace distribution's deviation is its mean error times the root of 2; a component has the root of half.
    flow_error = _error_px(flow.confidence, flow.valid)
    disparity_error = np.sqrt(2.0) * np.maximum(
        _error_px(disparity.confidence, disparity.valid), _error_px(following.confidence, following.valid)
    )
    finite = [np.nan_to_num(layer, nan=0.0, posinf=0.0, neginf=0.0) for layer in (disparity.disparity, *_uv(flow))]
    then = np.nan_to_num(following.disparity, nan=0.0, posinf=0.0, neginf=0.0)
    layers = (columns, rows, *finite, then, flow_error, disparity_error)
    return Observed(*(np.asarray(layer, np.float64) for layer in layers))


def _uv(flow: FlowMap) -> tuple[Layer, Layer]:
    return flow.flow[..., 0], flow.flow[..., 1]


def _error_px(confidence: Layer | None, valid: Mask) -> Layer:
    error = np.full(valid.shape, np.float32(_UNRATED_PX)) if confidence is None else expected_error_px(confidence)
    return np.clip(error, *_ERROR_PX).astype(np.float32)
