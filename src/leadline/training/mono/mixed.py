"""Training of a network for single images on data sets whose truth means different things, all at once.

Each data set gets the loss that its annotation permits: the scale-and-shift-invariant one for metric depth, depth up to
a scale and inverse depth up to scale and shift, such as that of mined films; the ranking loss for ordered pairs of
points and for depth up to scale and shift, whose inverse is not known.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.catalog import SHARDS, Annotation, DatasetSpec, dataset_card, open_dataset
from leadline.data.mono.mixed import MixedBatch, MixedLoss, MixedSample, MixedSource, mixed_stream
from leadline.data.mono.shards import DepthShards
from leadline.data.source import Source
from leadline.data.stereo.shards import StereoShards
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.io.shards import ShardReader
from leadline.losses import gradient_matching, l1, ordinal_ranking, standardised, without_largest
from leadline.models.catalog import build_model
from leadline.models.mono import MonoInference, MonoModel, MonoPrediction
from leadline.training.mono.learner import Estimate, MonoLearner, images_of, pretrained
from leadline.training.mono.recipe import DepthData
from leadline.training.mono.supervised import confidence_term
from leadline.training.mono.validation import MonoValidation, MonoValidationItem
from leadline.training.recipe import DataShare, require_range
from leadline.training.sources import require_learnable, require_no_sky

_LEAST_KNOWN: Final = 0.02
"""An image with truth on a smaller share of its pixels does not count: its own scale and shift mean nothing. Scans of a
LiDAR cover 5 %."""
_TRIM: Final = 0.2
"""Share of the residuals that is left out where the truth is an estimate. Source: Ranftl et al. 2020 (MiDaS)."""
_LARGEST_PAIRS: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class MixedShare(DataShare):
    """A data set among others.

    Args:
        loss: invariant, ordinal, or auto: invariant where the truth permits it.
        trim: Share of each image's largest residuals that is left out; if absent, 0 for metric depth and 0.2 for
            others, whose truth is an estimate.
        sky_weight: Weight of a pixel without truth, taken to be infinitely far away: above 0 for rendered images only.
    """

    loss: MixedLoss = "auto"
    trim: float | None = None
    sky_weight: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "sky_weight", least=0)
        if self.trim is not None and not 0.0 <= self.trim < 1.0:
            raise InputError(f"expected a trim in [0, 1) in the recipe's mix, got {self.trim}")
        require_no_sky(self.sky_weight, [self.data])


@dataclass(frozen=True, kw_only=True)
class MixedMonoRecipe(DepthData):
    """Training on several data sets at once; every batch holds each one's share of them.

    Args:
        mix: Further data sets, each with its weight and loss.
        loss: As of `MixedShare`, for `data`.
        trim: Likewise.
        sky_weight: Likewise.
        gradient_weight: Of the difference of gradients over four scales.
        ordinal_weight: Of the ranking loss.
        confidence_weight: Of the confidence's cross-entropy, which metric depth and depth up to a scale give.
        pairs: Pairs of points of an image with the ranking loss, at most.
    """

    mix: tuple[MixedShare, ...] = ()
    loss: MixedLoss = "auto"
    trim: float | None = None
    sky_weight: float = 0.0
    gradient_weight: float = 0.5
    ordinal_weight: float = 0.3
    confidence_weight: float = 0.3
    pairs: int = 1000

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        for name in ("gradient_weight", "ordinal_weight", "confidence_weight"):
            require_range(self, name, least=0)
        require_range(self, "pairs", least=1, most=_LARGEST_PAIRS)
        shares = self.shares
        rarest = min(share.weight for share in shares) / sum(share.weight for share in shares)
        if rarest * self.batch_size < 1.0:
            raise InputError(
                f"expected a batch_size of at least {-int(-1.0 // rarest)}, so that each batch holds every data set, "
                f"got {self.batch_size}; raise it or the smallest weight"
            )

    @property
    def shares(self) -> tuple[MixedShare, ...]:
        """All data sets, the recipe's `data` first."""
        own = MixedShare(data=self.data, loss=self.loss, trim=self.trim, sky_weight=self.sky_weight)
        return (own, *self.mix)


@final
class MixedMono(MonoLearner[MixedMonoRecipe]):
    """Learns inverse depth up to scale and shift of all data sets; validates a moving average of the weights."""

    def __init__(self, recipe: MixedMonoRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, MonoModel):
            raise InputError(
                f"expected a network for single images with input_stride, got {type(model).__name__}; choose another "
                f"model than {recipe.model} for this method"
            )
        super().__init__(recipe, model, partial(MonoValidation, recipe), pretrained(model, recipe))
        self.opened = [open_mixed(share) for share in recipe.shares]
        self.trims = [_trim(share, kind) for share, (_, kind) in zip(recipe.shares, self.opened, strict=True)]

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(MonoModel, self.averaged)).eval()

    def samples(self, start: int, count: int) -> Stream[MixedSample]:
        """The samples of one epoch."""
        recipe = self.recipe
        sources = [
            MixedSource(source, number, share.loss)
            for number, (share, (source, _)) in enumerate(zip(recipe.shares, self.opened, strict=True))
        ]
        weights = [share.weight for share in recipe.shares]
        return mixed_stream(
            sources, weights, recipe.augmentation, recipe.pairs, recipe.batch_size, recipe.seed, start, count
        )

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Inverse depth of one image."""
        return Estimate(*self.inference(item["image"]))

    def training_step(self, batch: MixedBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        image = images_of(batch["image"])
        prediction = cast(MonoPrediction, self.model(image))
        with torch.autocast(image.device.type, enabled=False):
            return self.checked(mixed_terms(prediction, batch, self.recipe, self.trims))


def mixed_terms(
    prediction: MonoPrediction, batch: MixedBatch, recipe: MixedMonoRecipe, trims: list[float]
) -> dict[str, Tensor]:
    """The weighted terms of the loss, by name: the mean over data sets of each one's own mean.

    Every data set is asked for in every batch, so that several processes sum the same terms.

    Args:
        prediction: The network's output.
        batch: Samples of all data sets.
        recipe: Weights of the terms.
        trims: Share of the largest residuals that is left out, of each data set.
    Source: Ranftl et al. 2020 (MiDaS), equation 10 with equation 11; Chen et al. 2016 for pairs of points.
    """
    shares = recipe.shares
    truth = batch["inverse_depth"].unsqueeze(1)
    valid = batch["valid"].unsqueeze(1).float()
    valid = valid * (valid.mean(dim=(1, 2, 3), keepdim=True) >= _LEAST_KNOWN)
    counted = (valid.amax(dim=(1, 2, 3), keepdim=True) > 0).float()
    ours, theirs = standardised(prediction.inverse_depth, valid), standardised(truth, valid)
    residual = (ours - theirs).abs()
    terms = {name: ours.new_zeros(()) for name in ("invariant", "gradient", "ordinal")}
    for number, share in enumerate(shares):
        mine = (batch["source"] == number).view(-1, 1, 1, 1)
        weight = (valid + share.sky_weight * (1.0 - valid)) * counted * mine
        kept = without_largest(residual, weight, trims[number]) if trims[number] else weight
        terms["invariant"] = terms["invariant"] + l1(ours, theirs, kept)
        terms["gradient"] = terms["gradient"] + recipe.gradient_weight * gradient_matching(ours, theirs, weight)
        ranking = _ranking(prediction.inverse_depth, batch, mine.view(-1, 1))
        terms["ordinal"] = terms["ordinal"] + recipe.ordinal_weight * ranking
    terms = {name: value / len(shares) for name, value in terms.items()}
    if (logit := prediction.confidence_logit) is not None:
        known = valid * batch["confident"].view(-1, 1, 1, 1)
        told = confidence_term(logit, prediction.inverse_depth.detach(), truth, known)
        terms["confidence"] = recipe.confidence_weight * told
    return terms


def _ranking(inverse_depth: Float[Tensor, "b 1 h w"], batch: MixedBatch, mine: Tensor) -> Float[Tensor, ""]:
    """Ranking loss of the pairs of one data set, in units of each image's own deviation: no scale is preferred."""
    level = standardised(inverse_depth, torch.ones_like(inverse_depth)).flatten(1)
    width = inverse_depth.shape[-1]
    first, second = (level.gather(1, batch[name][..., 1] * width + batch[name][..., 0]) for name in ("first", "second"))
    # What is farther has the smaller inverse depth.
    return ordinal_ranking(first, second, -batch["relation"], batch["pair_weight"] * mine)


def open_mixed(share: MixedShare) -> tuple[Source[Any], Annotation]:
    """A data set of a mix, and what its truth means.

    Args:
        share: Shards of single images, of stereo pairs or of mined films; or a data set with depth, disparity or
            ordered pairs.
    Raises:
        InputError: If it cannot be read or learned from, or its pixels without truth are not sky.
    """
    place = share.data
    require_learnable(place, "mixed-mono")
    if isinstance(place, DatasetSpec) and place.dataset != SHARDS:
        card = dataset_card(place.dataset)
        return open_dataset(place, card.task), card.annotation
    folder = place.root if isinstance(place, DatasetSpec) else place
    reader = ShardReader(folder)
    if len(reader) and "left.png" in reader.names(0):
        return StereoShards(folder, right_truth=False), "disparity"
    source = DepthShards(folder)
    if share.sky_weight > 0 and source.annotation != "metric":
        raise InputError(
            f"expected sky_weight: 0 for the shards {Path(folder)}, whose pixels without truth need not be sky, got "
            f"{share.sky_weight}; set it to 0"
        )
    return source, source.annotation


def _trim(share: MixedShare, annotation: Annotation) -> float:
    """Share of the largest residuals that is left out: none where the truth was measured or rendered."""
    if share.trim is not None:
        return share.trim
    return 0.0 if annotation in ("metric", "disparity") else _TRIM
