"""Single pictures with depth as torch batches."""

from collections.abc import Sequence
from typing import Protocol, TypedDict, final, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.augment_mono import MonoAugmentation, augment_mono
from leadline.data.samples import DepthSample


@runtime_checkable
class DepthSource(Protocol):
    """Random access to samples with metric depth, such as `DepthShards`."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def read(self, index: int) -> DepthSample:
        """One sample."""
        ...


class MonoBatch(TypedDict):
    """A collated batch of single pictures with inverse depth, 1/m, 0 where not valid."""

    image: UInt8[Tensor, "b h w 3"]
    inverse_depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]


def to_tensors(sample: DepthSample) -> dict[str, Tensor]:
    """A sample with metric depth as tensors; collate them into a `MonoBatch`."""
    inverse = 1.0 / np.where(sample.valid, sample.depth, np.inf)
    return {
        "image": torch.from_numpy(np.ascontiguousarray(sample.image)),
        "inverse_depth": torch.from_numpy(inverse.astype(np.float32)),
        "valid": torch.from_numpy(np.ascontiguousarray(sample.valid)),
    }


@final
class MonoStream(Dataset[dict[str, Tensor]]):
    """The training samples of one epoch, out of one endless stream.

    Sample number n of the stream is a pure function of the seed and n: it draws a source, and is what comes n-th when
    this source alone is read in shuffled order, over and over. So training resumes exactly, and no state of a loader
    needs to be saved.

    Args:
        sources: Where samples are read.
        shares: How often each of them is drawn, relative to the others; positive.
        augmentation: How samples are changed.
        seed: Seeds order and augmentation.
        start: Number of the epoch's first sample in the stream.
        count: Samples in the epoch.
    """

    def __init__(
        self,
        sources: Sequence[DepthSource],
        shares: Sequence[float],
        augmentation: MonoAugmentation,
        seed: int,
        start: int,
        count: int,
    ) -> None:
        self.sources, self.augmentation, self.seed, self.start, self.count = sources, augmentation, seed, start, count
        self.shares = np.asarray(shares, np.float64) / np.sum(shares)

    def __len__(self) -> int:
        """Samples in the epoch."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One augmented sample."""
        cv2.setNumThreads(1)
        number = self.start + index
        rng = np.random.default_rng((self.seed, 1, number))
        chosen = int(rng.choice(len(self.sources), p=self.shares))
        source = self.sources[chosen]
        turn, place = divmod(number, len(source))
        order = np.random.default_rng((self.seed, 2, chosen, turn)).permutation(len(source))
        return to_tensors(augment_mono(source.read(int(order[place])), self.augmentation, rng))
