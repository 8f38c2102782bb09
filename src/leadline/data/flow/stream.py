"""Flow samples as torch batches, and the stream of them."""

from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from leadline.classical.flow_prior import flow_prior
from leadline.data.flow.augment import FlowAugmentation, augment_flow
from leadline.data.source import Source
from leadline.data.stream import Draw, Stream, as_tensors, draw_mono
from leadline.samples import FlowSample


class FlowBatch(TypedDict):
    """A collated batch of flow samples."""

    first: UInt8[Tensor, "b h w 3"]
    second: UInt8[Tensor, "b h w 3"]
    flow: Float[Tensor, "b h w 2"]
    valid: Bool[Tensor, "b h w"]
    occluded: Bool[Tensor, "b h w"]


class GuidedFlowBatch(FlowBatch):
    """A collated batch of samples with what classical flow says of them."""

    prior: Float[Tensor, "b h layers w"]


def to_tensors(sample: FlowSample) -> dict[str, Tensor]:
    """The first frame's share of a sample as tensors; collate them into a `FlowBatch`.

    Example:
        >>> image = np.zeros((2, 3, 3), np.uint8)
        >>> tuple(to_tensors(FlowSample("a", image, image))["flow"].shape)
        (2, 3, 2)
    """
    hidden = np.zeros(sample.valid.shape, bool) if sample.occluded is None else sample.occluded
    layers = {name: getattr(sample, name) for name in ("first", "second", "flow", "valid")} | {"occluded": hidden}
    return as_tensors(layers)


def guided_tensors(sample: FlowSample) -> dict[str, Tensor]:
    """`to_tensors` with the layers of `leadline.classical.flow_prior`; collate them into a `GuidedFlowBatch`."""
    prior = flow_prior(np.ascontiguousarray(sample.first), np.ascontiguousarray(sample.second))
    return to_tensors(sample) | as_tensors({"prior": prior})


def flow_stream(
    sources: Sequence[Source[FlowSample]],
    shares: Sequence[float],
    augmentation: FlowAugmentation,
    seed: int,
    start: int,
    count: int,
    draw: Draw = draw_mono,
    guided: bool = False,
) -> Stream[FlowSample]:
    """The samples of one epoch, with priors if the network is guided; other arguments as for `Stream`."""
    augment = partial(augment_flow, options=augmentation)
    tensors = guided_tensors if guided else to_tensors
    return Stream(sources, shares, augment, tensors, draw, seed, start, count)
