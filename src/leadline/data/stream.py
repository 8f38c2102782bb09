"""The endless, seeded stream of training samples: source, augmentation, tensors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar, final

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.source import Source
from leadline.errors import InputError

SampleT = TypeVar("SampleT")

_GOLDEN: Final = 0.6180339887498949
"""Multiples of it, modulo 1, spread evenly."""


class Drawn(NamedTuple):
    """Sample that a number of the stream stands for.

    Attributes:
        source: Number of the source.
        place: Number of the sample in it.
        rng: Randomness of the sample's augmentation.
    """

    source: int
    place: int
    rng: np.random.Generator


#: A function of the seed, the sample's number, the sources' lengths and their shares, which sum to 1. It decides how
#: seeds are made, and so the samples of a recipe: a change would make other networks of the same recipe.
Draw = Callable[[int, int, Sequence[int], Sequence[float]], Drawn]


def shuffled_place(length: int, number: int, seeds: tuple[int, ...]) -> int:
    """Place of sample `number` where all of `length` samples come once, in shuffled order, then all in another order.

    Args:
        length: Samples of the source.
        number: Counted from the first sample of the first turn.
        seeds: Of the order.

    Example:
        >>> sorted(shuffled_place(3, number, (7,)) for number in range(3, 6))
        [0, 1, 2]
    """
    turn, place = divmod(number, length)
    return int(np.random.default_rng((*seeds, turn)).permutation(length)[place])


def draw_stereo(seed: int, number: int, lengths: Sequence[int], shares: Sequence[float]) -> Drawn:
    """Seeds of stereo training: choice of the source, order and augmentation are independent of each other.

    Example:
        >>> draw_stereo(1, 0, [5], [1.0])[:2]
        (0, 4)
    """
    chosen = int(np.random.default_rng((seed, 2, number)).choice(len(lengths), p=shares)) if len(lengths) > 1 else 0
    return Drawn(chosen, shuffled_place(lengths[chosen], number, (seed,)), np.random.default_rng((seed, 1, number)))


def draw_mono(seed: int, number: int, lengths: Sequence[int], shares: Sequence[float]) -> Drawn:
    """Seeds of training from single images: one generator chooses the source and then augments; orders differ."""
    rng = np.random.default_rng((seed, 1, number))
    chosen = int(rng.choice(len(lengths), p=shares))
    return Drawn(chosen, shuffled_place(lengths[chosen], number, (seed, 2, chosen)), rng)


def draw_evenly(seed: int, number: int, lengths: Sequence[int], shares: Sequence[float], batch_size: int) -> Drawn:
    """Seeds of training from several sources of which each batch holds its shares, rounded up or down.

    Places in a batch, evenly spaced from a start that moves from batch to batch, fall into the sources' shares.

    Args:
        seed: Of the recipe.
        number: Of the sample.
        lengths: Samples of each source.
        shares: Of each source.
        batch_size: Samples of a batch; at least 1 / share for each source to be in every batch.
    Example:
        >>> [draw_evenly(1, number, [5, 5, 5], [0.5, 0.25, 0.25], 4).source for number in range(4)]
        [0, 0, 1, 2]
    """
    batch, place = divmod(number, batch_size)
    start = (batch * _GOLDEN) % 1.0
    chosen = int(np.searchsorted(np.cumsum(shares[:-1]), (place + start) / batch_size, side="right"))
    rng = np.random.default_rng((seed, 1, number))
    return Drawn(chosen, shuffled_place(lengths[chosen], number, (seed, 2, chosen)), rng)


def draw_fov(seed: int, number: int, lengths: Sequence[int], shares: Sequence[float]) -> Drawn:
    """Seeds of training from one source of images with a known field of view."""
    assert len(lengths) == len(shares) == 1, "only one source has seeds"
    return Drawn(0, shuffled_place(lengths[0], number, (seed, 2)), np.random.default_rng((seed, 1, number)))


def as_tensors(layers: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Arrays of a sample as tensors under the same names."""
    return {name: torch.from_numpy(np.ascontiguousarray(layer)) for name, layer in layers.items()}


@final
class Stream(Dataset[dict[str, Tensor]], Generic[SampleT]):
    """The training samples of one epoch, out of one endless stream.

    Sample number n of the stream is a pure function of the seed and n: it draws a source, and is what comes n-th when
    this source alone is read in shuffled order, over and over. So training resumes exactly, and no state of a loader
    needs to be saved.

    Args:
        sources: Where samples are read.
        shares: How often each source is drawn, relative to the others; positive.
        augment: Changes a sample; called with the sample and a generator, `rng`.
        to_tensors: Makes tensors of an augmented sample.
        draw: How seeds are made.
        seed: Seeds choice, order and augmentation.
        start: Number of the epoch's first sample in the stream.
        count: Samples in the epoch.
    Raises:
        InputError: If there is no source, one is empty, or the shares are not positive.
    """

    def __init__(
        self,
        sources: Sequence[Source[SampleT]],
        shares: Sequence[float],
        augment: Callable[..., Any],
        to_tensors: Callable[[Any], dict[str, Tensor]],
        draw: Draw,
        seed: int,
        start: int,
        count: int,
    ) -> None:
        self.sources, self.augment, self.to_tensors, self.draw = list(sources), augment, to_tensors, draw
        self.seed, self.start, self.count = seed, start, count
        self.lengths = [len(source) for source in self.sources]
        if not self.lengths or min(self.lengths) < 1 or len(shares) != len(self.lengths) or min(shares) <= 0:
            raise InputError(
                f"expected sources with samples and a positive share for each, got {self.lengths} samples and shares "
                f"{list(shares)}; leave empty sources out"
            )
        self.shares = (np.asarray(shares, np.float64) / np.sum(shares)).tolist()

    def __len__(self) -> int:
        """Samples in the epoch."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One augmented sample."""
        cv2.setNumThreads(1)
        chosen, place, rng = self.draw(self.seed, self.start + index, self.lengths, self.shares)
        return self.to_tensors(self.augment(self.sources[chosen][place], rng=rng))
