"""Single images with depth as torch batches."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypedDict, final, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.mono.augment import MonoAugmentation, augment_mono
from leadline.data.samples import DepthSample
from leadline.errors import InputError


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
    """A collated batch of single images with inverse depth, 1/m, 0 where not valid."""

    image: UInt8[Tensor, "b h w 3"]
    inverse_depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]


class CanonicalBatch(TypedDict):
    """A collated batch of single images with canonical depth, 1 where not valid."""

    image: UInt8[Tensor, "b h w 3"]
    canonical_depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]


def to_tensors(sample: DepthSample) -> dict[str, Tensor]:
    """A sample with metric depth as tensors; collate them into a `MonoBatch`."""
    inverse = 1.0 / np.where(sample.valid, sample.depth, np.inf)
    return {
        "image": torch.from_numpy(np.ascontiguousarray(sample.image)),
        "inverse_depth": torch.from_numpy(inverse.astype(np.float32)),
        "valid": torch.from_numpy(np.ascontiguousarray(sample.valid)),
    }


def to_canonical_tensors(sample: DepthSample) -> dict[str, Tensor]:
    """A sample with its depth as a camera of relative focal length 1 would see it; collate into a `CanonicalBatch`.

    A camera with twice the focal length sees the same image of a scene that is twice as far, so metres can be told
    from an image only once the focal length is taken out of them: canonical depth is Z / `Pinhole.relative_focal`.

    Raises:
        InputError: If the sample's camera is not known.
    Source: Yin et al. 2023 (Metric3D), the canonical camera transformation of labels.
    """
    if sample.camera is None:
        raise InputError(
            f"expected samples with a camera for metric depth, got none of {sample.key}; take method: mono for it"
        )
    depth = np.where(sample.valid, sample.depth / sample.camera.relative_focal, 1.0)
    return {
        "image": torch.from_numpy(np.ascontiguousarray(sample.image)),
        "canonical_depth": torch.from_numpy(depth.astype(np.float32)),
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
        convert: Makes tensors of an augmented sample.
    """

    def __init__(
        self,
        sources: Sequence[DepthSource],
        shares: Sequence[float],
        augmentation: MonoAugmentation,
        seed: int,
        start: int,
        count: int,
        convert: Callable[[DepthSample], dict[str, Tensor]] = to_tensors,
    ) -> None:
        self.sources, self.augmentation, self.seed, self.start, self.count = sources, augmentation, seed, start, count
        self.shares = np.asarray(shares, np.float64) / np.sum(shares)
        self.convert = convert

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
        return self.convert(augment_mono(source.read(int(order[place])), self.augmentation, rng))
