"""Flow samples as torch batches, and the stream of them."""

from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from leadline.data.flow.augment import FlowAugmentation, augment_flow
from leadline.data.samples import FlowSample
from leadline.data.source import Source
from leadline.data.stream import Stream, draw_mono


class FlowBatch(TypedDict):
    """A collated batch of flow samples."""

    first: UInt8[Tensor, "b h w 3"]
    second: UInt8[Tensor, "b h w 3"]
    flow: Float[Tensor, "b h w 2"]
    valid: Bool[Tensor, "b h w"]
    occluded: Bool[Tensor, "b h w"]


def to_tensors(sample: FlowSample) -> dict[str, Tensor]:
    """The first frame's share of a sample as tensors; collate them into a `FlowBatch`."""
    names = ("first", "second", "flow", "valid", "occluded")
    return {name: torch.from_numpy(np.ascontiguousarray(getattr(sample, name))) for name in names}


def flow_stream(
    sources: Sequence[Source[FlowSample]],
    shares: Sequence[float],
    augmentation: FlowAugmentation,
    seed: int,
    start: int,
    count: int,
) -> Stream[FlowSample]:
    """The samples of one epoch; arguments as for `Stream`."""
    augment = partial(augment_flow, options=augmentation)
    return Stream(sources, shares, augment, to_tensors, draw_mono, seed, start, count)
