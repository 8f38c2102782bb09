"""Stereo samples as torch batches, and the stream of them."""

from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from leadline.data.source import Source
from leadline.data.stereo.augment import StereoAugmentation, augment_stereo
from leadline.data.stream import Draw, Stream, as_tensors, draw_stereo
from leadline.samples import StereoSample


class StereoBatch(TypedDict):
    """A collated batch of stereo samples."""

    left: UInt8[Tensor, "b h w 3"]
    right: UInt8[Tensor, "b h w 3"]
    disparity: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]
    occluded: Bool[Tensor, "b h w"]


def to_tensors(sample: StereoSample) -> dict[str, Tensor]:
    """The left view's share of a sample as tensors; collate them into a `StereoBatch`.

    Example:
        >>> image = np.zeros((2, 3, 3), np.uint8)
        >>> tuple(to_tensors(StereoSample("a", image, image))["disparity"].shape)
        (2, 3)
    """
    layers = {
        "left": sample.left,
        "right": sample.right,
        "disparity": sample.disparity,
        "valid": sample.valid,
        "occluded": np.zeros(sample.left.shape[:2], bool) if sample.occluded is None else sample.occluded,
    }
    return as_tensors(layers)


def stereo_stream(
    sources: Sequence[Source[StereoSample]],
    shares: Sequence[float],
    augmentation: StereoAugmentation,
    seed: int,
    start: int,
    count: int,
    draw: Draw = draw_stereo,
) -> Stream[StereoSample]:
    """The stereo samples of one epoch; arguments as for `Stream`."""
    augment = partial(augment_stereo, options=augmentation)
    return Stream(sources, shares, augment, to_tensors, draw, seed, start, count)
