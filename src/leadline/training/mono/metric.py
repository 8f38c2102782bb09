"""Supervised training of networks that tell metres from single images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal, cast, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.stream import CanonicalBatch, mono_stream, to_canonical_tensors
from leadline.errors import InputError
from leadline.losses import l1, root_scale_invariant_log, scale_invariant_log
from leadline.models.catalog import build_model
from leadline.models.mono import DistanceModel, MonoInference, MonoPrediction
from leadline.models.mono.efficientnet_lite import imagenet_weights
from leadline.training.learner import Learner
from leadline.training.mono.supervised import encoder_groups, encoder_of
from leadline.training.mono.validation import MonoValidation, MonoValidationItem, log_scores
from leadline.training.recipe import DataShare, Recipe, require_crop
from leadline.training.sources import depth_sources

MetricLoss = Literal["eigen", "bts", "glpn", "l1"]

#: The losses of a depth, its truth and a weight; each paper's variant by its name.
LOSSES: Final[Mapping[MetricLoss, Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
    "eigen": scale_invariant_log,
    "bts": root_scale_invariant_log,
    "glpn": partial(root_scale_invariant_log, balance=0.5, gain=1.0),
    "l1": l1,
}


@dataclass(frozen=True)
class MetricMonoRecipe(Recipe):
    """Supervised training of a network for canonical depth: metres, but for the camera's focal length.

    Args:
        mix: Further folders of shards, each with the weight by which it is drawn.
        imagenet: Whether the encoder starts with ImageNet weights.
        encoder_rate: Share of the learning rate that an encoder with ImageNet weights learns with.
        loss: eigen is mean(g^2) - mean(g)^2 / 2 of each image, g being the error of log depth; bts, which ZoeDepth
            takes too, is 10 sqrt(var(g) + 0.15 mean(g)^2) of the batch; glpn, as Depth Anything V2, is
            sqrt(mean(g^2) - mean(g)^2 / 2) of the batch; l1 is the mean absolute error in metres.
        augmentation: How samples are changed; their cameras change with them.
    """

    mix: tuple[DataShare, ...] = ()
    imagenet: bool = False
    encoder_rate: float = 0.25
    loss: MetricLoss = "eigen"
    augmentation: MonoAugmentation = field(default_factory=MonoAugmentation)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_crop(self.augmentation.crop, 32)


@final
class MetricMono(Learner):
    """Learns canonical depth; validates a moving average of the weights, in metres where the camera is known."""

    def __init__(self, recipe: MetricMonoRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not (isinstance(model, DistanceModel) and model.canonical):
            raise InputError(f"expected a network for canonical depth, such as eigen or zoe-bins, got {recipe.model}")
        if recipe.imagenet:
            encoder_of(model).load_state_dict(imagenet_weights())
        super().__init__(recipe, model)
        self.recipe = recipe

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(DistanceModel, self.average.module)).eval()

    def adopt(self, weights: Mapping[str, Tensor]) -> list[str]:
        """Starts with another network's weights where name and shape agree; a backbone with those of its own kind."""
        backbone = {f"backbone.{name}": value for name, value in weights.items()}
        return super().adopt({**backbone, **weights})

    def parameter_groups(self) -> Sequence[dict[str, Any]]:
        """All with the recipe's learning rate, a pretrained encoder with a share of it."""
        if not self.recipe.imagenet:
            return super().parameter_groups()
        return encoder_groups(self.model, self.recipe.learning_rate * self.recipe.encoder_rate)

    def training_step(self, batch: CanonicalBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        image = batch["image"].permute(0, 3, 1, 2).float() / 255.0
        prediction = cast(MonoPrediction, self.model(image))
        with torch.autocast(image.device.type, enabled=False):
            return self.checked(metric_terms(prediction, batch, self.recipe.loss))

    def validation_step(self, batch: MonoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one image."""
        with torch.autocast(self.device.type, enabled=False):
            depth, confidence = self.inference(batch["image"])
        if (focal := batch.get("relative_focal")) is None:
            log_scores(self, batch, depth, confidence, "up_to_scale")
        else:
            log_scores(self, batch, depth * focal, confidence, "metric")

    def train_dataloader(self) -> DataLoader[CanonicalBatch]:
        """The samples of this epoch; made anew for each, so that a resumed run sees what it would have seen."""
        recipe = self.recipe
        sources, shares = depth_sources(recipe, recipe.mix)
        start, count = self.samples_seen, recipe.epoch_steps * recipe.batch_size
        return self.loader(
            mono_stream(sources, shares, recipe.augmentation, recipe.seed, start, count, to_canonical_tensors)
        )

    def val_dataloader(self) -> DataLoader[MonoValidationItem]:
        """Rendered images first, then the real scenes that are present."""
        return self.validation_loader(MonoValidation(self.recipe))


def metric_terms(prediction: MonoPrediction, batch: CanonicalBatch, loss: MetricLoss) -> dict[str, Tensor]:
    """The loss of a network for canonical depth, by name.

    Args:
        prediction: What the network says.
        batch: The truth.
        loss: Which one of `LOSSES`.
    """
    truth, weight = batch["canonical_depth"].unsqueeze(1), batch["valid"].unsqueeze(1).float()
    return {loss: LOSSES[loss](1.0 / prediction.inverse_depth, truth, weight)}
