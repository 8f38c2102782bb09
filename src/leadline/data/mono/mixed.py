"""Samples of data sets whose truth means different things, made alike so that one batch may hold them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypedDict, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, UInt8
from torch import Tensor

from leadline.data.mono.augment import MonoAugmentation, augment_mono, augment_ordinal
from leadline.data.mono.stream import to_tensors
from leadline.data.source import Source
from leadline.data.stream import Stream, as_tensors, draw_evenly
from leadline.errors import InputError
from leadline.maps import DISTANCE_KINDS, DepthMap
from leadline.metrics.depth import ordinal_relation
from leadline.samples import DepthSample, OrdinalSample, StereoSample

MixedLoss = Literal["auto", "invariant", "ordinal"]
"""Which loss a data set gets: auto is invariant, but ordinal where the truth permits no more."""
_ORDER_TOLERANCE: Final = 0.02
"""Two points are alike if their distances differ by less than this share, or their values by this share of the range.

Source: Xian et al. 2018 (ReDWeb), sigma of equation 1.
"""


class MixedBatch(TypedDict):
    """A collated batch of samples of all kinds.

    Of a sample with the invariant loss `inverse_depth` and `valid` count, of one with the ordinal loss the pairs.
    """

    image: UInt8[Tensor, "b h w 3"]
    inverse_depth: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]
    first: Int[Tensor, "b n 2"]
    second: Int[Tensor, "b n 2"]
    relation: Int[Tensor, "b n"]
    pair_weight: Float[Tensor, "b n"]
    source: Int[Tensor, " b"]
    confident: Bool[Tensor, " b"]


@dataclass(frozen=True, eq=False)
class MixedSample:
    """A sample with the number of its data set and the loss that it gets.

    Args:
        sample: With depth, or with ordered pairs of points.
        source: Number of its data set in the recipe.
        loss: Which loss it gets.
    """

    sample: DepthSample | OrdinalSample
    source: int
    loss: MixedLoss = "auto"

    @property
    def ordinal(self) -> bool:
        """Whether only the order of its points counts."""
        return self.sample.annotation in ("ordinal", "affine_depth") or self.loss == "ordinal"


@final
class MixedSource:
    """A data set among others: its samples, a stereo pair's being its left view with the disparity as inverse depth.

    Args:
        source: Of samples with depth, with pairs of points, or of stereo pairs.
        number: Of the data set.
        loss: Which loss it gets.
    """

    def __init__(self, source: Source[Any], number: int, loss: MixedLoss = "auto") -> None:
        self._source, self._number = source, number
        self._loss: MixedLoss = loss

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._source)

    def key(self, index: int, /) -> str:
        """Name of a sample."""
        return self._source.key(index)

    def __getitem__(self, index: int, /) -> MixedSample:
        """One sample.

        Raises:
            InputError: If the invariant loss is asked for where the truth permits only the ordinal one.
        """
        sample = self._source[index]
        if isinstance(sample, StereoSample):
            truth = DepthMap(sample.disparity, sample.valid, "affine_inverse")
            sample = DepthSample(sample.key, sample.left, truth)
        if self._loss == "invariant" and sample.annotation in ("ordinal", "affine_depth"):
            raise InputError(
                f"expected loss: ordinal for {sample.key}, whose truth is {sample.annotation}, got invariant; set loss "
                "to auto"
            )
        return MixedSample(sample, self._number, self._loss)


@dataclass(frozen=True, eq=False)
class _Augmented:
    """A changed sample and the pairs of points that count, if any."""

    mixed: MixedSample
    pairs: OrdinalSample | None


def mixed_stream(
    sources: Sequence[MixedSource],
    shares: Sequence[float],
    augmentation: MonoAugmentation,
    pairs: int,
    batch_size: int,
    seed: int,
    start: int,
    count: int,
) -> Stream[MixedSample]:
    """The samples of one epoch of several data sets; each batch holds its share of each.

    Args:
        sources: The data sets.
        shares: Of each, relative to the others.
        augmentation: How samples are changed.
        pairs: Pairs of points of a sample with the ordinal loss, at most.
        batch_size: Samples of a batch.
        seed: As for `Stream`.
        start: Likewise.
        count: Likewise.
    """
    augment = partial(augment_mixed, options=augmentation, pairs=pairs)
    convert: Callable[[Any], dict[str, Tensor]] = partial(mixed_tensors, pairs=pairs)
    draw = partial(draw_evenly, batch_size=batch_size)
    return Stream(sources, shares, augment, convert, draw, seed, start, count)


def augment_mixed(mixed: MixedSample, options: MonoAugmentation, pairs: int, rng: np.random.Generator) -> _Augmented:
    """A changed copy of a sample; where only the order counts, with pairs of its points.

    Args:
        mixed: The sample.
        options: How it is changed.
        pairs: How many pairs are drawn of depth that is known everywhere.
        rng: Randomness.
    """
    if isinstance(mixed.sample, OrdinalSample):
        changed = augment_ordinal(mixed.sample, options, rng)
        return _Augmented(MixedSample(changed, mixed.source, mixed.loss), changed)
    depth = augment_mono(mixed.sample, options, rng)
    return _Augmented(
        MixedSample(depth, mixed.source, mixed.loss), ordered_pairs(depth, pairs, rng) if mixed.ordinal else None
    )


def ordered_pairs(sample: DepthSample, count: int, rng: np.random.Generator) -> OrdinalSample:
    """Random pairs of points of a sample and which of each is farther.

    Args:
        sample: Depth of any kind.
        count: How many; none where fewer than two points are known.
        rng: Randomness.
    Example:
        >>> truth = DepthMap(np.array([[1.0, 9.0]], np.float32), np.ones((1, 2), bool), "affine_inverse")
        >>> found = ordered_pairs(DepthSample("a", np.zeros((1, 2, 3), np.uint8), truth), 6, np.random.default_rng(0))
        >>> bool((found.relation == np.sign(found.second[:, 0] - found.first[:, 0])).all())  # 9 is nearer than 1
        True
    """
    rows, columns = np.nonzero(sample.valid)
    count = count if len(rows) > 1 else 0
    ends = rng.integers(max(1, len(rows)), size=(2, count))
    first, second = (np.stack([columns[end], rows[end]], axis=1).astype(np.int32) for end in ends)
    at_first, at_second = (sample.depth[rows[end], columns[end]] for end in ends)
    return OrdinalSample(sample.key, sample.image, first, second, _relation(sample, at_first, at_second))


def _relation(sample: DepthSample, first: Float32[np.ndarray, " n"], second: Float32[np.ndarray, " n"]) -> np.ndarray:
    """sign(Z_first - Z_second), 0 where both are nearly alike."""
    if not len(first):
        return np.zeros(0, np.int8)
    if sample.annotation in DISTANCE_KINDS:
        return ordinal_relation(first, second, tolerance=_ORDER_TOLERANCE).astype(np.int8)
    low, high = np.percentile(sample.depth[sample.valid], [2.0, 98.0])
    gap = first - second if sample.annotation == "affine_depth" else second - first
    return np.where(np.abs(gap) <= _ORDER_TOLERANCE * (high - low), 0, np.sign(gap)).astype(np.int8)


def mixed_tensors(augmented: _Augmented, pairs: int) -> dict[str, Tensor]:
    """A sample as tensors of the same shapes for all kinds; collate them into a `MixedBatch`.

    Args:
        augmented: As `augment_mixed` gives it.
        pairs: Places for pairs of points; those that are not filled have the weight 0.
    """
    mixed = augmented.mixed
    sample = mixed.sample
    if augmented.pairs is None and isinstance(sample, DepthSample):
        layers = to_tensors(sample)
    else:
        size = sample.image.shape[:2]
        layers = as_tensors(
            {"image": sample.image, "inverse_depth": np.zeros(size, np.float32), "valid": np.zeros(size, bool)}
        )
    filled = {
        "first": np.zeros((pairs, 2), np.int64), "second": np.zeros((pairs, 2), np.int64),
        "relation": np.zeros(pairs, np.int64), "pair_weight": np.zeros(pairs, np.float32),
    }  # fmt: skip
    if (known := augmented.pairs) is not None:
        count = min(pairs, len(known.relation))
        filled["first"][:count], filled["second"][:count] = known.first[:count], known.second[:count]
        filled["relation"][:count], filled["pair_weight"][:count] = known.relation[:count], 1.0
    confident = augmented.pairs is None and sample.annotation in DISTANCE_KINDS
    return {
        **layers,
        **as_tensors(filled),
        "source": torch.tensor(mixed.source),
        "confident": torch.tensor(confident),
    }
