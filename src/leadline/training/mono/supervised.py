"""Supervised training of networks for single images."""

from dataclasses import dataclass
from functools import partial
from typing import Final, cast, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.data.mono.stream import MonoBatch
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.losses import fitted_scale_and_shift, gradient_matching, l1, masked_mean, standardised
from leadline.models.catalog import build_model
from leadline.models.mono import MonoInference, MonoModel, MonoPrediction
from leadline.samples import DepthSample
from leadline.training.mono.learner import Estimate, MonoLearner, depth_stream, images_of, pretrained
from leadline.training.mono.recipe import DepthData
from leadline.training.mono.validation import CONFIDENT_ERROR, MonoValidation, MonoValidationItem
from leadline.training.recipe import require_range
from leadline.training.sources import require_no_sky

_LEAST_KNOWN: Final = 0.1
"""An image with truth on a smaller share of its pixels does not count: its own scale and shift mean nothing."""


@dataclass(frozen=True, kw_only=True)
class MonoRecipe(DepthData):
    """Supervised training of a network for single images.

    Args:
        gradient_weight: Of the difference of gradients over four scales.
        sky_weight: Weight of a pixel without truth, which is taken to be infinitely far away: right for rendered
            images, where only the sky has none. 0 where it may be anything.
        confidence_weight: Of the confidence's cross-entropy.
    """

    gradient_weight: float = 0.5
    sky_weight: float = 0.2
    confidence_weight: float = 0.3

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        for name in ("gradient_weight", "sky_weight", "confidence_weight"):
            require_range(self, name, least=0)
        require_no_sky(self.sky_weight, [self.data, *(share.data for share in self.mix)])


@final
class SupervisedMono(MonoLearner[MonoRecipe]):
    """Learns inverse depth up to scale and shift, and its confidence; validates a moving average of the weights."""

    def __init__(self, recipe: MonoRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, MonoModel):
            raise InputError(
                f"expected a network for single images with input_stride, got {type(model).__name__}; choose another "
                f"model than {recipe.model} for this method"
            )
        super().__init__(recipe, model, partial(MonoValidation, recipe), pretrained(model, recipe))

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(MonoModel, self.averaged)).eval()

    def samples(self, start: int, count: int) -> Stream[DepthSample]:
        """The samples of one epoch."""
        return depth_stream(self.recipe, start, count)

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Inverse depth of one image."""
        return Estimate(*self.inference(item["image"]))

    def training_step(self, batch: MonoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        image = images_of(batch["image"])
        prediction = cast(MonoPrediction, self.model(image))
        with torch.autocast(image.device.type, enabled=False):
            terms = mono_terms(prediction, batch, self.recipe)
        return self.checked(terms)


def mono_terms(prediction: MonoPrediction, batch: MonoBatch, recipe: MonoRecipe) -> dict[str, Tensor]:
    """The weighted terms of the supervised loss, by name: one for each output of the network.

    Scale and shift are those of the pixels with truth; a pixel of sky is compared under them.

    Args:
        prediction: The network's output.
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
        terms["confidence"] = recipe.confidence_weight * confidence_term(
            logit, prediction.inverse_depth.detach(), truth, known
        )
    return terms


def confidence_term(
    logit: Float[Tensor, "b 1 h w"],
    inverse_depth: Float[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, ""]:
    """Cross-entropy of P(the depth is within 10 % after the fit): a proper score, so its optimum is calibrated.

    Args:
        logit: Of the network's confidence.
        inverse_depth: The network's, up to scale and shift; no gradient should flow into it.
        truth: True inverse depth, up to a scale.
        weight: Per-pixel weight, 0 without truth.
    """
    fitted = fitted_scale_and_shift(inverse_depth, truth, weight)
    # |1 / fitted - 1 / truth| < 0.1 / truth, without a division.
    right = (fitted > 0) & ((truth - fitted).abs() < CONFIDENT_ERROR * fitted)
    cross_entropy = functional.binary_cross_entropy_with_logits(logit.float(), right.float(), reduction="none")
    return masked_mean(cross_entropy, weight)
