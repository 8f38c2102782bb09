"""Stereo samples as torch batches."""

from typing import TypedDict, final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.augment import StereoAugmentation, augment_stereo
from leadline.data.samples import StereoSample
from leadline.data.stereo_shards import StereoShards


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
        shards: Where samples are read.
        augmentation: How they are changed.
        seed: Seeds order and augmentation.
        start: Number of the epoch's first sample in the stream.
        count: Samples in the epoch.
    """

    def __init__(
        self, shards: StereoShards, augmentation: StereoAugmentation, seed: int, start: int, count: int
    ) -> None:
        self.shards, self.augmentation, self.seed, self.start, self.count = shards, augmentation, seed, start, count

    def __len__(self) -> int:
        """Samples in the epoch."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One augmented sample."""
        cv2.setNumThreads(1)
        number = self.start + index
        turn, place = divmod(number, len(self.shards))
        order = np.random.default_rng((self.seed, turn)).permutation(len(self.shards))
        rng = np.random.default_rng((self.seed, 1, number))
        sample = self.shards.read(int(order[place]), right_truth=True)
        return to_tensors(augment_stereo(sample, self.augmentation, rng))
