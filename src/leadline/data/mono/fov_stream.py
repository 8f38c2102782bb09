"""Single images with metric depth and their field of view as torch batches."""

from typing import TypedDict, final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.mono.augment_fov import FovAugmentation, FovSample, augment_fov, tan_half_fov
from leadline.data.mono.stream import DepthSource


class FovBatch(TypedDict):
    """A collated batch of `FovSample`, depth in metres."""

    image: UInt8[Tensor, "b h w 3"]
    depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]
    inside: Bool[Tensor, "b h w"]
    tan_half_fov: Float[Tensor, " b"]


def to_tensors(sample: FovSample) -> dict[str, Tensor]:
    """A sample as tensors; collate them into a `FovBatch`."""
    layers = {name: torch.from_numpy(getattr(sample, name)) for name in ("image", "depth", "valid", "inside")}
    return {**layers, "tan_half_fov": torch.tensor(tan_half_fov(sample.camera), dtype=torch.float32)}


@final
class FovStream(Dataset[dict[str, Tensor]]):
    """The training samples of one epoch, out of one endless stream.

    Sample number n is a pure function of the seed and n, so training resumes exactly.

    Args:
        source: Where samples are read; all metric, with cameras.
        augmentation: How they are changed.
        seed: Seeds order and augmentation.
        start: Number of the epoch's first sample in the stream.
        count: Samples in the epoch.
    """

    def __init__(self, source: DepthSource, augmentation: FovAugmentation, seed: int, start: int, count: int) -> None:
        self.source, self.augmentation, self.seed, self.start, self.count = source, augmentation, seed, start, count

    def __len__(self) -> int:
        """Samples in the epoch."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One augmented sample."""
        cv2.setNumThreads(1)
        number = self.start + index
        turn, place = divmod(number, len(self.source))
        order = np.random.default_rng((self.seed, 2, turn)).permutation(len(self.source))
        rng = np.random.default_rng((self.seed, 1, number))
        return to_tensors(augment_fov(self.source.read(int(order[place])), self.augmentation, rng))
