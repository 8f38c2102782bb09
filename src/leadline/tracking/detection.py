"""A thing that was detected in one frame, and where its depth puts it in space."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from leadline.errors import InputError
from leadline.geometry.boxes import LabelledBox
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap, expected_relative_error

_MIDDLE: Final = (0.2, 0.1, 0.8, 0.9)
"""Part of a box, as shares of its sides, that is looked at: its rim shows what is behind."""
_BIN: Final = 0.04
"""Width of a bin of the logarithm of depth: 4 % of the depth."""
_SMOOTHED: Final = (0.25, 0.5, 0.25)
_STRONG: Final = 0.4
"""Share of the highest peak from which a nearer peak is the thing in front."""
_AROUND: Final = 0.1
"""Share of a peak's depth within which pixels belong to its surface."""
_LEAST_SHARE: Final = 0.05
_LEAST_PIXELS: Final = 12
_SIGMA_OF_MEAN: Final = 2.0**0.5
"""Standard deviation of Laplace's distribution over its mean absolute error: sqrt(2)."""
_SIGMA_OF_MAD: Final = 1.4826
"""That of a normal distribution over its median absolute deviation."""
_UNRATED: Final = 0.05
"""Share of the depth that is taken for its error where the method rates none."""
_MOST_ERROR: Final = 0.35
"""Share of the depth that is taken at most for its error: the side of what is seen and the ground bound it, too."""
_BOX_ERROR: Final = 0.04
"""Share of the sides of a box by which its middle is wrong (standard deviation)."""
_PERSON_M: Final = 1.7
_SIZE_ERROR: Final = 0.1
_LEAST_BOX_ERROR_PX: Final = 1.0
_LASTING: Final = 0.9
"""Share of the variance of a depth that the next frames repeat, as the same surface errs alike (rendered sequences)."""


@dataclass(frozen=True)
class BoxDepth:
    """Depth of the thing in a box.

    Args:
        depth_m: Median of the pixels of its surface.
        error_m: Standard deviation that is to be expected of it.
        pixels: How many pixels say so.
    """

    depth_m: float
    error_m: float
    pixels: int


@dataclass(frozen=True, eq=False)
class Detection:
    """A box, and the place in space that its depth gives it.

    Args:
        seen: The box, its score and its label.
        position_m: Of the middle of the box on the surface that is seen, in the camera's frame (x right, y down, z
            forward); None where no depth is known.
        covariance_m2: Of the position.
        lasting_m2: The part of it that the next frames repeat, so that seeing the thing again does not average it out.
        size_m: Width and height of the box at that depth.
    """

    seen: LabelledBox
    position_m: Float64[np.ndarray, "3"] | None = None
    covariance_m2: Float64[np.ndarray, "3 3"] | None = None
    lasting_m2: Float64[np.ndarray, "3 3"] | None = None
    size_m: tuple[float, float] | None = None


def depth_in_box(depth: DepthMap, seen: LabelledBox) -> BoxDepth | None:
    """Depth of what is in front in a box, and its error bar.

    The pixels of the middle of the box are counted over the logarithm of depth. The nearest peak that has 40 % of the
    highest one is the thing: what is behind it may fill more of the box. Its depth is the median of the pixels within
    10 % of the peak. Its error is the mean error that the depth map expects of them, as a standard deviation, since
    neighbours err alike and do not average out, the scatter of the surface, and the doubt whether the thing is another
    surface in the box: of a surface with the share s of the pixels, (1 - s)^2, the chance that two pixels drawn are
    both of others, which is how often rendered sequences show it to be the wrong one.

    Args:
        depth: Metric, or up to scale; then so are the numbers.
        seen: The box.
    Returns:
        None where less than 5 % of the pixels, or less than 12, have a depth that counts: one that is trusted, or for a
        single image's depth, whose doubt goes into the error, one that is valid.

    >>> values = np.full((40, 40), 8.0, np.float32)
    >>> values[:, 12:28] = 2.0
    >>> found = depth_in_box(DepthMap(values, np.ones((40, 40), bool), "metric"), LabelledBox((0.0, 0.0, 39.0, 39.0), 0.9, "person"))
    >>> found.depth_m
    2.0
    """  # noqa: E501 - the example is one line
    height, width = depth.depth.shape
    left, top, right, bottom = seen.box_px
    if right < 0.0 or bottom < 0.0 or left > width - 1 or top > height - 1:
        return None
    rows, columns = _middle(seen, depth.depth.shape)
    values = depth.depth[rows, columns].astype(np.float64)
    # Depth of one image is rarely sure: its doubt goes into the error bar. Disparities near 0 are mere guesses.
    known_error = depth.expected_error_m is not None
    keep: Bool[np.ndarray, "h w"] = (depth.trusted if known_error else depth.valid)[rows, columns] & (values > 0.0)
    if keep.sum() < max(_LEAST_PIXELS, _LEAST_SHARE * keep.size):
        return None
    known = values[keep]
    surface = np.abs(known - _front(known)) <= _AROUND * _front(known)
    middle = float(np.median(known[surface]))
    scatter = _SIGMA_OF_MAD * float(np.median(np.abs(known[surface] - middle)))
    if depth.expected_error_m is not None:
        expected = float(np.median(depth.expected_error_m[rows, columns][keep][surface]))
    elif depth.confidence is not None:
        sure = float(np.median(depth.confidence[rows, columns][keep][surface]))
        expected = min(_MOST_ERROR, float(expected_relative_error(np.array([sure]))[0])) * middle
    else:
        expected = _UNRATED * middle
    # The scatter is the depth of the thing itself, too: its middle is within it.
    error = float(np.linalg.norm([_SIGMA_OF_MEAN * expected, scatter, _doubt(known[~surface], len(known), middle)]))
    return BoxDepth(middle, max(error, 1e-3 * middle), int(surface.sum()))


def _doubt(others: Float64[np.ndarray, "n"], count: int, middle: float) -> float:
    """Standard deviation for the chance that the thing is one of the other surfaces among so many pixels."""
    if not len(others):
        return 0.0
    return len(others) / count * float(np.sqrt(np.mean(np.square(others - middle))))


def detection_in_space(seen: LabelledBox, depth: BoxDepth | None, camera: Pinhole) -> Detection:
    """A box at its depth: position, covariance and size.

    Args:
        seen: The box.
        depth: Of what is in it; None if it is not known.
        camera: The camera of the image.
    Source: X = Z K^-1 (u, v, 1); the covariance is J diag(var u, var v, var Z) J^T (Hartley and Zisserman, Multiple
        View Geometry, 2nd edition, section 5.2.1).

    >>> camera = Pinhole(100.0, 100.0, 50.0, 50.0, 101, 101)
    >>> found = detection_in_space(LabelledBox((60.0, 30.0, 80.0, 70.0), 0.9, "person"), BoxDepth(5.0, 0.1, 99), camera)
    >>> found.position_m.tolist(), found.size_m
    ([1.0, 0.0, 5.0], (1.0, 2.0))
    """
    if depth is None:
        return Detection(seen)
    left, top, right, bottom = seen.box_px
    z = depth.depth_m
    ray = np.array(
        [
            ((left + right) / 2.0 - camera.center_x_px) / camera.focal_x_px,
            ((top + bottom) / 2.0 - camera.center_y_px) / camera.focal_y_px,
            1.0,
        ]
    )
    jacobian = np.array([[z / camera.focal_x_px, 0.0, ray[0]], [0.0, z / camera.focal_y_px, ray[1]], [0.0, 0.0, 1.0]])
    errors_px = (max(_LEAST_BOX_ERROR_PX, _BOX_ERROR * side) for side in (right - left, bottom - top))
    variances = np.diag(np.square([*errors_px, depth.error_m]))
    size = ((right - left) * z / camera.focal_x_px, (bottom - top) * z / camera.focal_y_px)
    lasting = _LASTING * depth.error_m**2 * np.outer(ray, ray)
    return Detection(seen, z * ray, jacobian @ variances @ jacobian.T, lasting, size)


def detections_in_space(boxes: tuple[LabelledBox, ...], depth: DepthMap) -> tuple[Detection, ...]:
    """Each box with its depth, where it is known.

    Args:
        boxes: Of the image that the depth is of.
        depth: Metric or up to scale, with its camera.
    Raises:
        InputError: If the depth has an unknown shift, or no camera.
    """
    if depth.camera is None or depth.kind not in ("metric", "up_to_scale"):
        raise InputError(
            f"expected depth with a known camera and scale to place boxes in space, got kind {depth.kind!r} and "
            f"camera {depth.camera}; give a calibration, or a source of scale"
        )
    camera = depth.camera
    return tuple(detection_in_space(box, depth_in_box(depth, box), camera) for box in boxes)


def detections_by_size(boxes: tuple[LabelledBox, ...], camera: Pinhole) -> tuple[Detection, ...]:
    """Boxes at the distance at which each would be as high as a person: without metres, enough to follow them.

    Args:
        boxes: Of one image.
        camera: Its camera; any one will do.
    """
    found = list[Detection]()
    for box in boxes:
        distance = camera.focal_y_px * _PERSON_M / (box.box_px[3] - box.box_px[1])
        found.append(detection_in_space(box, BoxDepth(distance, _SIZE_ERROR * distance, 0), camera))
    return tuple(found)


def _middle(seen: LabelledBox, shape: tuple[int, ...]) -> tuple[slice, slice]:
    left, top, right, bottom = seen.box_px
    spans = list[slice]()
    for low, high, begin, end, size in (
        (top, bottom, _MIDDLE[1], _MIDDLE[3], shape[0]),
        (left, right, _MIDDLE[0], _MIDDLE[2], shape[1]),
    ):
        # What lies outside of the image shows nothing: the middle is that of the part inside.
        low, high = max(low, -0.5), min(high, size - 0.5)
        first = int(np.clip(np.ceil(low + begin * (high - low)), 0, size - 1))
        last = int(np.clip(np.floor(low + end * (high - low)), first, size - 1))
        spans.append(slice(first, last + 1))
    return spans[0], spans[1]


def _front(known: Float64[np.ndarray, "n"]) -> float:
    """Depth of the nearest strong peak."""
    logs = np.log(known)
    numbers = np.floor((logs - logs.min()) / _BIN).astype(np.int64)
    counts = np.convolve(np.bincount(numbers), _SMOOTHED)[1:-1] if numbers.max() > 0 else np.bincount(numbers)
    padded = np.concatenate([[0.0], counts, [0.0]])
    is_peak = (padded[1:-1] >= padded[:-2]) & (padded[1:-1] >= padded[2:]) & (counts >= _STRONG * counts.max())
    first = int(np.flatnonzero(is_peak)[0])
    return float(np.exp(logs.min() + (first + 0.5) * _BIN))
