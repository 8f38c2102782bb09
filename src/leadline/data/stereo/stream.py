"""Stereo samples as torch batches."""

from collections.abc import Sequence
from typing import Protocol, TypedDict, final, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.samples import StereoSample
from leadline.data.stereo.augment import StereoAugmentation, augment_stereo


@runtime_checkable
class StereoSource(Protocol):
    """Random access to stereo samples: `StereoShards` and `StereoPairs`."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def read(self, index: int, right_truth: bool = True) -> StereoSample:
        """One sample, with the right view's truth if it is wanted and there is one."""
        ...


class StereoBatch(TypedDict):
    """A collated batch of stereo samples."""

    left: UInt8[Tensor, "b h w 3"]
    right: UInt8[Tensor, "b h w 3"]
    disparity: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]
    occluded: Bool[Tensor, "b h w"]


def to_tensors(sample: StereoSample) -> dict[str, Tensor]:
    """The left view's share of a sample as tensors; collate them into a `StereoBatch`."""
    names = ("left", "right", "disparity", "valid", "occluded")
    return {name: torch.from_numpy(np.ascontiguousarray(getattr(sample, name))) for name in names}


@final
class StereoStream(Dataset[dict[str, Tensor]]):
    """The training samples of one epoch, out of one endless stream.

    Sample number n of the stream is a pure function of the seed and n: every pair once, in a shuffled order, then
    every pair again in another. So training resumes exactly, and no state of a loader needs to be saved.

    Args:
        source: Where samples are read, such as shards.
        augmentation: How they are changed.
        seed: Seeds order and augmentation.
        start: Number of the epoch's first sample in the stream.
        count: Samples in the epoch.
    """

    def __init__(
        self, source: StereoSource, augmentation: StereoAugmentation, seed: int, start: int, count: int
    ) -> None:
        self.source, self.augmentation, self.seed, self.start, self.count = source, augmentation, seed, start, count

    def __len__(self) -> int:
        """Samples in the epoch."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One augmented sample."""
        cv2.setNumThreads(1)
        number = self.start + index
        turn, place = divmod(number, len(self.source))
        order = np.random.default_rng((self.seed, turn)).permutation(len(self.source))
        rng = np.random.default_rng((self.seed, 1, number))
        sample = self.source.read(int(order[place]), right_truth=True)
        return to_tensors(augment_stereo(sample, self.augmentation, rng))


@final
class MixedStream(Dataset[dict[str, Tensor]]):
    """The training samples of one epoch out of several streams.

    Each number draws its stream, and is the sample that this stream alone would have at this number: so it stays a
    pure function of the seed and the number.

    Args:
        streams: Streams of one seed, start and count.
        weights: How often each of them is drawn, relative to the others; positive.
    """

    def __init__(self, streams: Sequence[StereoStream], weights: Sequence[float]) -> None:
        self.streams = list(streams)
        self.shares = np.asarray(weights, np.float64) / np.sum(weights)

    def __len__(self) -> int:
        """Samples in the epoch."""
        return len(self.streams[0])

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One augmented sample."""
        first = self.streams[0]
        rng = np.random.default_rng((first.seed, 2, first.start + index))
        return self.streams[int(rng.choice(len(self.streams), p=self.shares))][index]
