"""What the methods stereo share: mixed data, and validation against truth."""

from abc import ABC
from collections.abc import Sequence
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from leadline.data.catalog import DatasetSpec
from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.prior import PriorBatch, PriorStream
from leadline.data.stereo.stream import StereoBatch, stereo_stream
from leadline.models.catalog import build_model
from leadline.models.stereo import StereoInference, StereoModel
from leadline.runtime.prior import sgbm_prior
from leadline.training.learner import Learner
from leadline.training.recipe import DataShare, Recipe, method_of
from leadline.training.sources import stereo_source
from leadline.training.stereo.validation import StereoValidation, StereoValidationItem, log_scores


@runtime_checkable
class StereoData(Protocol):
    """The part of a recipe that says which samples are seen and how they are changed."""

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
        """How samples are changed."""
        ...

    @property
    def seed(self) -> int:
        """Of order and augmentation."""
        ...


def training_stream(recipe: StereoData, start: int, count: int) -> Dataset[dict[str, Tensor]]:
    """The samples of one epoch, from all folders of a recipe: shards or unlabelled pairs.

    Args:
        recipe: Which folders, and how samples are changed.
        start: Number of the epoch's first sample.
        count: Samples in the epoch.
    Raises:
        InputError: If a folder has neither shards nor pairs.
    """
    shares: Sequence[DataShare] = (DataShare(recipe.data), *recipe.mix)
    sources = [stereo_source(share.data, method_of(recipe)) for share in shares]
    return stereo_stream(sources, [share.weight for share in shares], recipe.augmentation, recipe.seed, start, count)


class StereoLearner(Learner, ABC):
    """Trains a stereo network; a subclass says how it learns from a batch, and whether a matcher guides the network.

    Args:
        recipe: What to learn.
        data: The same recipe, as far as it says which samples are seen.
        enlarge: How much larger the inference network sees the images.
        model: The network to train, instead of a new one of the recipe's name.
    """

    guided = False

    def __init__(self, recipe: Recipe, data: StereoData, enlarge: float, model: nn.Module | None = None) -> None:
        super().__init__(recipe, build_model(recipe.model, recipe.model_options) if model is None else model)
        self.stereo_data, self.enlarge = data, enlarge
        self.max_disparity = cast(StereoModel, self.model).max_disparity

    @property
    def inference(self) -> StereoInference:
        """The averaged network as users call it."""
        return StereoInference(cast(StereoModel, self.average.module), self.enlarge).eval()

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

    def train_dataloader(self) -> DataLoader[StereoBatch]:
        """The samples of this epoch; made anew for each, so that a resumed run sees what it would have seen."""
        start, batch_size = self.samples_seen, self.schedule.batch_size
        stream = training_stream(self.stereo_data, start, self.schedule.epoch_steps * batch_size)
        if self.guided:
            stream = PriorStream(stream, start, batch_size, self.max_disparity, self.enlarge)
        return self.loader(stream)

    def val_dataloader(self) -> DataLoader[StereoValidationItem]:
        """Rendered pairs first, then the real scenes that are present."""
        return self.validation_loader(StereoValidation(self.schedule))


def prior_of(batch: StereoBatch) -> tuple[Tensor, ...]:
    """What guides a network in a batch, px, and 1 where the guide stands by it, as it takes them; nothing if none."""
    if "prior" not in batch:
        return ()
    guided = cast(PriorBatch, batch)
    return guided["prior"].unsqueeze(1), guided["prior_valid"].unsqueeze(1).float()


def views_of(batch: StereoBatch) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 3 h w"]]:
    """Left and right images of a batch, as networks take them."""
    pair = torch.cat([batch["left"], batch["right"]]).permute(0, 3, 1, 2).float() / 255.0
    left, right = pair.chunk(2)
    return left, right
