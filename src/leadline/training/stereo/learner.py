"""The core of stereo methods: mixed data, and validation against truth."""

from abc import ABC
from collections.abc import Sequence
from typing import Protocol, TypeVar, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import Dataset

from leadline.data.catalog import DatasetSpec
from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.prior import PriorBatch, PriorStream
from leadline.data.stereo.stream import StereoBatch, stereo_stream
from leadline.data.synthetic.fresh import draw_fresh, fresh_stereo
from leadline.errors import InputError
from leadline.models.catalog import build_model
from leadline.models.stereo import StereoInference, StereoModel
from leadline.runtime.prior import sgbm_prior
from leadline.training.learner import Groups, Learner, all_weights
from leadline.training.recipe import DataShare, method_of, require_crop
from leadline.training.sources import stereo_source
from leadline.training.stereo.recipe import StereoData
from leadline.training.stereo.validation import StereoValidation, StereoValidationItem, log_scores

S = TypeVar("S", bound=StereoData)


@runtime_checkable
class PairRecipe(Protocol):
    """The part of a recipe that says which pairs are learned from and how they are changed."""

    @property
    def data(self) -> str | DatasetSpec:
        """Folder of samples, or a data set."""
        ...

    @property
    def mix(self) -> tuple[DataShare, ...]:
        """Further folders."""
        ...

    @property
    def augmentation(self) -> StereoAugmentation:
        """Augmentation of samples."""
        ...

    @property
    def seed(self) -> int:
        """Seed of order and augmentation."""
        ...


def training_stream(recipe: PairRecipe, start: int, count: int) -> Dataset[dict[str, Tensor]]:
    """The samples of one epoch, from all folders of a recipe (shards, unlabelled pairs) or from worlds rendered for it.

    Args:
        recipe: Which folders, and how samples are changed.
        start: Number of the epoch's first sample.
        count: Samples in the epoch.
    Raises:
        InputError: If a folder has neither shards nor pairs.
    """
    if (worlds := getattr(recipe, "fresh", None)) is not None:
        return stereo_stream(*fresh_stereo(worlds), recipe.augmentation, recipe.seed, start, count, draw=draw_fresh)
    shares: Sequence[DataShare] = (DataShare(data=recipe.data), *recipe.mix)
    sources = [stereo_source(share.data, method_of(recipe)) for share in shares]
    return stereo_stream(sources, [share.weight for share in shares], recipe.augmentation, recipe.seed, start, count)


class StereoLearner(Learner[S], ABC):
    """Trains a stereo network for pairs; a subclass defines the loss of a batch.

    Args:
        recipe: What to learn.
        model: The network to train, instead of a new one of the recipe's name.
        teaches_prior: Whether the loss uses the prior of a network that takes one; it is matched for it then.
        groups: What the optimiser learns, and at which rates.
    Raises:
        InputError: If the network is not for stereo, or cannot take the recipe's crop.
    """

    def __init__(
        self, recipe: S, model: nn.Module | None = None, teaches_prior: bool = False, groups: Groups = all_weights
    ) -> None:
        network = build_model(recipe.model, recipe.model_options) if model is None else model
        if not isinstance(network, StereoModel):
            raise InputError(
                f"expected a stereo network with max_disparity and input_stride, got {type(network).__name__}; choose "
                f"another model than {recipe.model} for this method"
            )
        require_crop(recipe.augmentation.crop, network.input_stride)
        super().__init__(recipe, network, groups)
        self.max_disparity = network.max_disparity
        self.guided = teaches_prior and bool(getattr(network, "guided", False))

    @property
    def inference(self) -> StereoInference:
        """The averaged network as users call it."""
        return StereoInference(cast(StereoModel, self.averaged), self.recipe.enlarge).eval()

    def samples(self, start: int, count: int) -> Dataset[dict[str, Tensor]]:
        """The samples of one epoch, with priors if the network is guided."""
        stream = training_stream(self.recipe, start, count)
        if not self.guided:
            return stream
        return PriorStream(stream, start, self.recipe.batch_size, self.max_disparity, self.recipe.enlarge)

    def validation_images(self) -> Dataset[StereoValidationItem]:
        """Rendered pairs first, then the real scenes that are present."""
        return StereoValidation(self.recipe)

    def validation_step(self, batch: StereoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one image, all pixels with truth."""
        inference = self.inference
        layers: tuple[Tensor, ...] = ()
        if self.guided:
            found = sgbm_prior(batch["left"].cpu().numpy(), batch["right"].cpu().numpy(), inference.max_disparity)
            layers = tuple(torch.from_numpy(layer).to(self.device) for layer in found)
        with torch.autocast(self.device.type, enabled=False):
            disparity, confidence = inference(batch["left"], batch["right"], *layers)
        log_scores(self, batch, disparity, confidence)


def prior_of(batch: StereoBatch) -> tuple[Tensor, ...]:
    """The prior of a batch, px, and 1 where the matcher stands by it, as networks take them; nothing without one."""
    if "prior" not in batch:
        return ()
    guided = cast(PriorBatch, batch)
    return guided["prior"].unsqueeze(1), guided["prior_valid"].unsqueeze(1).float()


def views_of(batch: StereoBatch) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 3 h w"]]:
    """Left and right images of a batch, as networks take them."""
    pair = torch.cat([batch["left"], batch["right"]]).permute(0, 3, 1, 2).float() / 255.0
    left, right = pair.chunk(2)
    return left, right
