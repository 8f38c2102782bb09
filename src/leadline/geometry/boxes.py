"""Boxes around things in an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, pixels; a pixel's centre is a whole number, so the first pixel begins at -0.5."""


@dataclass(frozen=True)
class LabelledBox:
    """A box with what is in it.

    Args:
        box_px: Left, top, right and bottom edge, pixels of the image.
        score: How sure the detector is, in [0, 1].
        label: What is in it, such as person.
    Raises:
        InputError: If an edge is not finite, the box has no area, or the score is outside of [0, 1].
    """

    box_px: Box
    score: float
    label: str

    def __post_init__(self) -> None:
        """Refuses boxes that cannot be."""
        require_box(self.box_px)
        if not 0.0 <= self.score <= 1.0:
            raise InputError(f"expected a score from 0 to 1, got {self.score:g}; scale it")


def require_box(box: Box) -> None:
    """Refuses a box with an edge that is not finite, or without area.

    Args:
        box: Left, top, right and bottom edge.
    Raises:
        InputError: If it is one.

    >>> require_box((10.0, 20.0, 5.0, 40.0))
    Traceback (most recent call last):
    leadline.errors.InputError: expected a box as left, top, right, bottom in pixels, got (10.0, 20.0, 5.0, 40.0)
    """
    if len(box) != 4 or not np.isfinite(box).all() or box[2] <= box[0] or box[3] <= box[1]:
        raise InputError(f"expected a box as left, top, right, bottom in pixels, got {box}")


def box_overlaps(first: Sequence[Box], second: Sequence[Box]) -> Float64[np.ndarray, "n m"]:
    """Intersection over union of each box of the first with each of the second.

    Args:
        first: Boxes.
        second: Boxes.
    Source: Everingham et al., The Pascal Visual Object Classes Challenge, IJCV 2010, equation 3.

    >>> box_overlaps([(0.0, 0.0, 2.0, 2.0)], [(1.0, 0.0, 3.0, 2.0), (5.0, 5.0, 6.0, 6.0)]).round(3).tolist()
    [[0.333, 0.0]]
    """
    one = np.asarray(first, np.float64).reshape(-1, 1, 4)
    two = np.asarray(second, np.float64).reshape(1, -1, 4)
    inner = np.minimum(one[..., 2:], two[..., 2:]) - np.maximum(one[..., :2], two[..., :2])
    both = np.prod(np.maximum(inner, 0.0), axis=-1)
    area_one, area_two = (np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1) for boxes in (one, two))
    return both / np.maximum(area_one + area_two - both, 1e-12)


def best_boxes(boxes: Sequence[LabelledBox], most_overlap: float = 0.6) -> tuple[LabelledBox, ...]:
    """Boxes without those that overlap a surer one of the same label: greedy non-maximum suppression.

    Args:
        boxes: In any order.
        most_overlap: Intersection over union up to which two boxes are two things.
    Returns:
        The surest first.
    Example:
        >>> found = [LabelledBox((0.0, 0.0, 9.0, 9.0), 0.5, "dog"), LabelledBox((0.0, 0.0, 10.0, 9.0), 0.9, "dog")]
        >>> [box.score for box in best_boxes(found)]
        [0.9]

    Source: Neubeck and Van Gool, Efficient Non-Maximum Suppression, ICPR 2006, section 3.
    """
    kept = list[LabelledBox]()
    for box in sorted(boxes, key=lambda box: -box.score):
        rivals = [other.box_px for other in kept if other.label == box.label]
        if not rivals or box_overlaps([box.box_px], rivals).max() <= most_overlap:
            kept.append(box)
    return tuple(kept)
