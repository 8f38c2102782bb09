"""What classical flow offers a network: three hypotheses of every pixel's motion, and the evidence for each.

A network that takes it chooses between them and its own matching, pixel by pixel.
"""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.classical.flow import ClassicalFlow, filled
from leadline.classical.flow_confidence import flow_confidence
from leadline.classical.rigid_flow import rigid_flow
from leadline.geometry.flow import agreeing, landing, round_trip

HYPOTHESES: Final = ("dis", "rigid", "coarse")
"""DIS-medium, filled where the way there and back disagrees; a scene that stands still; DIS on images of half size."""

EVIDENCE: Final = (
    "trip",
    "agrees",
    "difference dis",
    "difference rigid",
    "difference coarse",
    "inside dis",
    "inside rigid",
    "texture",
    "support",
)
"""Names of the layers after the hypotheses; each of them lies between about -1 and 2."""

PRIOR_LAYERS: Final = 2 * len(HYPOTHESES) + len(EVIDENCE) + 1
"""The last one is the logit of the confidence that DIS has by itself."""

_METHOD: Final = "dis-medium"
_SURE_PX: Final = 0.5
_SURE_SHARE: Final = 0.02
_BORDER_PX: Final = 11
_LEAST_PX: Final = 0.05
_SMOOTH_PX: Final = 2.0
_LEAST_DOUBT: Final = 1e-4
_LEAST_SIDE: Final = 48
"""Below this side nothing coarser than the frames is tried."""

_Grey = UInt8[np.ndarray, "h w"]
_Flow = Float32[np.ndarray, "h w 2"]


def flow_prior(
    first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h layers w"]:
    """Classical flow of a pair as a network takes it: three flows in px, `EVIDENCE`, the logit of DIS's confidence.

    Args:
        first: RGB, at least 16 px a side.
        second: The next frame, of the same size.
    Returns:
        `PRIOR_LAYERS` layers, side by side in each row.

    >>> texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (80, 103, 3), np.uint8), (0, 0), 2)
    >>> found = flow_prior(texture[:, 3:], texture[:, :100])
    >>> found.shape, round(float(found[40, 0, 50]), 1), float(found[40, 7, 50])
    ((80, 16, 100), 3.0, 1.0)
    """
    grey, next_grey = (np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in (first, second))
    method = ClassicalFlow(_METHOD)
    forward, backward = method.one_way(grey, next_grey), method.one_way(next_grey, grey)
    agrees, trip = agreeing(forward, backward), round_trip(forward, backward)
    dis = filled(forward, agrees)
    still = rigid_flow(forward, _sure(forward, trip, agrees))
    rigid, support = (dis, np.zeros(agrees.shape, np.float32)) if still is None else (still.flow, still.support)
    flows = (dis, rigid, _coarse(method, grey, next_grey, dis))
    differences = [_difference(grey, next_grey, flow) for flow in flows]
    slopes = [np.asarray(cv2.Sobel(grey, cv2.CV_32F, *order)) / 8.0 for order in ((1, 0), (0, 1))]
    texture = cv2.GaussianBlur(np.hypot(*slopes), (0, 0), _SMOOTH_PX)
    evidence = (
        np.log(_LEAST_PX + np.minimum(trip, 100.0)) / 3.0,
        agrees,
        *differences,
        *(landing(flow)[2] for flow in flows[:2]),
        np.log1p(texture) / 2.0,
        support,
    )
    belief = np.clip(flow_confidence(_METHOD, grey, next_grey, forward, backward), _LEAST_DOUBT, 1.0 - _LEAST_DOUBT)
    layers = [layer for flow in flows for layer in (flow[..., 0], flow[..., 1])]
    # Row by row: to interleave pixel by pixel takes longer than to match the frames.
    return np.stack(
        [np.asarray(layer, np.float32) for layer in (*layers, *evidence, np.log(belief / (1.0 - belief)))], axis=1
    )


def _sure(forward: _Flow, trip: Float32[np.ndarray, "h w"], agrees: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels whose way there and back ends close to where it began, as it does all around them."""
    near = agrees & (trip < _SURE_PX + _SURE_SHARE * np.hypot(forward[..., 0], forward[..., 1]))
    window = np.ones((_BORDER_PX, _BORDER_PX), np.uint8)
    return np.asarray(cv2.erode(near.astype(np.uint8), window, borderType=cv2.BORDER_CONSTANT, borderValue=0)) > 0


def _coarse(method: ClassicalFlow, first: _Grey, second: _Grey, otherwise: _Flow) -> _Flow:
    """Flow between images of half size: noise and fine repetition mislead it less, and it reaches further."""
    height, width = first.shape
    if min(height, width) < _LEAST_SIDE:
        return otherwise
    size = (width + 1) // 2, (height + 1) // 2
    halves = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) for frame in (first, second)]
    found = cv2.resize(method.one_way(*halves), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(found) * np.array([width / size[0], height / size[1]], np.float32)


def _difference(first: _Grey, second: _Grey, flow: _Flow) -> Float32[np.ndarray, "h w"]:
    """Logarithm of how the first frame differs from the second one fetched along a flow, around each pixel."""
    x, y, _ = landing(flow)
    fetched = cv2.remap(second, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.log1p(cv2.GaussianBlur(cv2.absdiff(first, fetched).astype(np.float32), (0, 0), _SMOOTH_PX)) / 2.0
