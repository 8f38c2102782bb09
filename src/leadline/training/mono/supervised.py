"""Supervised training of networks for single images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from leadline.data.mono.augment import MonoAugmentation
from leadline.data.mono.stream import MonoBatch, mono_stream
from leadline.errors import InputError
from leadline.losses import fitted_scale_and_shift, gradient_matching, l1, masked_mean, standardised
from leadline.models.catalog import build_model
from leadline.models.mono import MonoInference, MonoModel, MonoPrediction
from leadline.models.mono.efficientnet_lite import EfficientNetLite0, imagenet_weights
from leadline.training.learner import Learner
from leadline.training.mono.validation import CONFIDENT_ERROR, MonoValidation, MonoValidationItem, log_scores
from leadline.training.recipe import DataShare, Recipe, require_crop
from leadline.training.sources import depth_sources, require_no_sky

_LEAST_KNOWN: Final = 0.1
"""An image with truth on a smaller share of its pixels does not count: its own scale and shift mean nothing."""


@dataclass(frozen=True)
class MonoRecipe(Recipe):
    """Supervised training of a network for single images.

    Args:
        mix: Further folders of shards, each with the weight by which it is drawn.
        imagenet: Whether the encoder starts with ImageNet weights.
        encoder_rate: Share of the learning rate that an encoder with ImageNet weights learns with.
        gradient_weight: Of the difference of gradients over four scales.
        sky_weight: Weight of a pixel without truth, which is taken to be infinitely far away: right for rendered
            images, where only the sky has none. 0 where it may be anything.
        confidence_weight: Of the confidence's cross-entropy.
        augmentation: How samples are changed.
    """

    mix: tuple[DataShare, ...] = ()
    imagenet: bool = True
    encoder_rate: float = 0.25
    gradient_weight: float = 0.5
    sky_weight: float = 0.2
    confidence_weight: float = 0.3
    augmentation: MonoAugmentation = field(default_factory=MonoAugmentation)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_crop(self.augmentation.crop, 32)
        require_no_sky(self.sky_weight, [self.data, *(share.data for share in self.mix)])


@final
class SupervisedMono(Learner):
    """Learns inverse depth up to scale and shift, and its confidence; validates a moving average of the weights."""

    def __init__(self, recipe: MonoRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if recipe.imagenet:
            encoder_of(model).load_state_dict(imagenet_weights())
        super().__init__(recipe, model)
        self.recipe = recipe

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(MonoModel, self.average.module)).eval()

    def parameter_groups(self) -> Sequence[dict[str, Any]]:
        """The decoder with the recipe's learning rate, the pretrained encoder with a share of it."""
        if not self.recipe.imagenet:
            return super().parameter_groups()
        return encoder_groups(self.model, self.recipe.learning_rate * self.recipe.encoder_rate)

    def training_step(self, batch: MonoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        image = batch["image"].permute(0, 3, 1, 2).float() / 255.0
        prediction = cast(MonoPrediction, self.model(image))
        with torch.autocast(image.device.type, enabled=False):
            terms = mono_terms(prediction, batch, self.recipe)
        return self.checked(terms)

    def validation_step(self, batch: MonoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one image."""
        with torch.autocast(self.device.type, enabled=False):
            inverse_depth, confidence = self.inference(batch["image"])
        log_scores(self, batch, inverse_depth, confidence)

    def train_dataloader(self) -> DataLoader[MonoBatch]:
        """The samples of this epoch; made anew for each, so that a resumed run sees what it would have seen."""
        recipe = self.recipe
        sources, shares = depth_sources(recipe, recipe.mix)
        count = recipe.epoch_steps * recipe.batch_size
        return self.loader(mono_stream(sources, shares, recipe.augmentation, recipe.seed, self.samples_seen, count))

    def val_dataloader(self) -> DataLoader[MonoValidationItem]:
        """Rendered images first, then the real scenes that are present."""
        return self.validation_loader(MonoValidation(self.recipe))


def encoder_groups(model: nn.Module, rate: float) -> Sequence[dict[str, Any]]:
    """What the optimiser learns: all but the encoder at its own rate, the encoder at another one.

    Args:
        model: A network with an EfficientNet-Lite0 encoder.
        rate: Learning rate of the encoder.
    """
    encoder = list(encoder_of(model).parameters())
    known = set(map(id, encoder))
    rest = [weight for weight in model.parameters() if id(weight) not in known]
    return [{"params": rest}, {"params": encoder, "lr": rate}]


def encoder_of(model: nn.Module) -> nn.Module:
    """The encoder that ImageNet weights are for.

    Raises:
        InputError: If the network has another one.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, EfficientNetLite0):
        raise InputError(
            "expected a network with an EfficientNet-Lite0 encoder for ImageNet weights, got "
            f"{type(model).__name__}; set imagenet: false in the recipe"
        )
    return encoder


def mono_terms(prediction: MonoPrediction, batch: MonoBatch, recipe: MonoRecipe) -> dict[str, Tensor]:
    """The weighted terms of the supervised loss, by name: one for everything that the network says.

    Scale and shift are those of the pixels with truth; a pixel of sky is compared under them.

    Args:
        prediction: What the network says.
        batch: The truth.
        recipe: Weights of the terms.
    Source: Ranftl et al. 2020 (MiDaS), equations 5, 6 and 11, untrimmed: a rendered truth has no outliers.
    """
    truth = batch["inverse_depth"].unsqueeze(1)
    valid = batch["valid"].unsqueeze(1).float()
    counts = (valid.mean(dim=(1, 2, 3), keepdim=True) >= _LEAST_KNOWN).float()
    known = valid * counts
    weight = (valid + recipe.sky_weight * (1.0 - valid)) * counts
    ours, theirs = standardised(prediction.inverse_depth, known), standardised(truth, known)
    terms = {
        "invariant": l1(ours, theirs, weight),
        "gradient": recipe.gradient_weight * gradient_matching(ours, theirs, weight),
    }
    if (logit := prediction.confidence_logit) is not None:
        terms["confidence"] = recipe.confidence_weight * _confidence_term(
            logit, prediction.inverse_depth.detach(), truth, known
        )
    return terms


def _confidence_term(
    logit: Float[Tensor, "b 1 h w"],
    inverse_depth: Float[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, ""]:
    """Cross-entropy of P(the depth is within 10 % after the fit): a proper score, so its optimum is calibrated."""
    fitted = fitted_scale_and_shift(inverse_depth, truth, weight)
    # |1 / fitted - 1 / truth| < 0.1 / truth, without a division.
    right = (fitted > 0) & ((truth - fitted).abs() < CONFIDENT_ERROR * fitted)
    cross_entropy = functional.binary_cross_entropy_with_logits(logit.float(), right.float(), reduction="none")
    return masked_mean(cross_entropy, weight)
