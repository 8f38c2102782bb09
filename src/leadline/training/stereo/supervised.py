"""Supervised training of stereo networks."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, cast, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from leadline.data.stereo.stream import StereoBatch
from leadline.errors import InputError
from leadline.losses import (
    balanced_cross_entropy,
    confidence_cross_entropy,
    disparity_cross_entropy,
    disparity_edges,
    first_order_smoothness,
)
from leadline.models.mono.efficientnet_lite import EfficientNetLite0
from leadline.models.stereo import StereoPrediction
from leadline.training.learner import all_weights
from leadline.training.named_loss import named_loss
from leadline.training.stereo.learner import StereoLearner, prior_of, views_of
from leadline.training.stereo.recipe import DisparityLoss, StereoRecipe, TruthLoss

_SCALE_NAMES: Final = {2: "half", 4: "quarter", 8: "eighth", 16: "sixteenth", 32: "thirtysecond", 64: "sixtyfourth"}
_ENCODER: Final = "features.encoder."
_EDGES_SHARE: Final = 0.5
_SMOOTHNESS_SHARE: Final = 0.05
_EDGE_BETA: Final = 10.0
"""Strength with which a sure edge stops the smoothing: to nearly nothing."""


@final
class SupervisedStereo(StereoLearner[StereoRecipe]):
    """Learns disparity and its confidence from samples with truth; validates a moving average of the weights."""

    def __init__(self, recipe: StereoRecipe) -> None:
        groups = partial(_groups, recipe=recipe)
        super().__init__(recipe, teaches_prior=True, groups=groups)
        self._frozen = _first_parts(self.model, recipe.frozen_blocks) if recipe.frozen_blocks else []
        for part in self._frozen:
            part.requires_grad_(False)

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch; the statistics of frozen parts stay as they are, too."""
        for part in self._frozen:
            part.eval()
        prediction = cast(StereoPrediction, self.model(*views_of(batch), *prior_of(batch)))
        with torch.autocast(self.device.type, enabled=False):
            terms = stereo_terms(prediction, batch, self.recipe, self.max_disparity)
        return self.checked(terms)


def _groups(model: nn.Module, recipe: StereoRecipe) -> Sequence[dict[str, Any]]:
    """All weights alike, or the features' encoder with a share of the recipe's learning rate."""
    if recipe.encoder_rate == 1.0:
        return all_weights(model)
    named = list(model.named_parameters())
    encoder = [weight for name, weight in named if name.startswith(_ENCODER)]
    others = [weight for name, weight in named if not name.startswith(_ENCODER)]
    return [{"params": others}, {"params": encoder, "lr": recipe.encoder_rate * recipe.learning_rate}]


def _first_parts(model: nn.Module, blocks: int) -> list[nn.Module]:
    """Stem and first blocks of the encoder inside a network's features."""
    encoder = getattr(getattr(model, "features", None), "encoder", None)
    if not isinstance(encoder, EfficientNetLite0):
        raise InputError(
            "expected a network with trunk: efficientnet for frozen_blocks, got another; set frozen_blocks: 0 in the "
            "recipe"
        )
    return [encoder.conv_stem, encoder.bn0, *encoder.blocks[:blocks]]


def stereo_terms(
    prediction: StereoPrediction, batch: StereoBatch, options: TruthLoss, max_disparity: int
) -> dict[str, Tensor]:
    """The weighted terms of the supervised loss, by name.

    Args:
        prediction: The network's output.
        batch: The truth.
        options: Weights of the terms, and of occluded pixels.
        max_disparity: As for `disparity_terms`.
    """
    truth = batch["disparity"].unsqueeze(1)
    weight = batch["valid"].unsqueeze(1).float() * torch.where(batch["occluded"], options.occluded_weight, 1.0)[:, None]
    return disparity_terms(prediction, truth, weight, options, max_disparity)


def disparity_terms(
    prediction: StereoPrediction,
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    options: DisparityLoss,
    max_disparity: int,
) -> dict[str, Tensor]:
    """The weighted terms of a loss against disparities, by name: one for each output of the network.

    Args:
        prediction: The network's output.
        truth: Disparities to learn.
        weight: Per-pixel weight, 0 where there is nothing to learn.
        options: The loss and the weights of its terms; a disparity coarser than 1/4 weighs half as much as the next
            finer one.
        max_disparity: Pixels at least so near do not count: they are beyond the network's range.
    """
    weight = weight * (truth < max_disparity)
    loss = named_loss(options.loss)
    terms = {"full": loss(prediction.disparity, truth, weight)}
    for disparity in reversed(prediction.coarse):
        stride = truth.shape[2] // disparity.shape[2]
        share = options.half_weight if stride == 2 else options.quarter_weight * 4.0 / stride
        term = share * loss(disparity, _at(truth, stride), _at(weight, stride))
        name = _SCALE_NAMES[stride]
        terms[name] = terms[name] + term if name in terms else term
    if (scores := prediction.scores) is not None:
        stride = truth.shape[2] // scores.shape[2]
        cross_entropy = disparity_cross_entropy(scores, _at(truth, stride) / stride, _at(weight, stride))
        terms["volume"] = options.volume_weight * cross_entropy
    if (logit := prediction.confidence_logit) is not None:
        seen = (weight > 0).float()
        terms["confidence"] = options.confidence_weight * confidence_cross_entropy(
            logit, prediction.disparity, truth, seen
        )
    return terms if prediction.edges_logit is None else terms | _edge_terms(prediction, truth, weight > 0)


def _edge_terms(
    prediction: StereoPrediction, truth: Float[Tensor, "b 1 h w"], known: Bool[Tensor, "b 1 h w"]
) -> dict[str, Tensor]:
    """A network's edges against those of the true disparity, and smoothness of its disparity that stops at them."""
    logit = cast(Tensor, prediction.edges_logit)
    edges, told = disparity_edges(truth, known)
    # Were the smoothness to teach the edges too, an edge everywhere would be cheapest.
    guide = logit.sigmoid().detach()
    return {
        "edges": _EDGES_SHARE * balanced_cross_entropy(logit, edges, told.float()),
        "smoothness": _SMOOTHNESS_SHARE * first_order_smoothness(prediction.disparity, guide, _EDGE_BETA),
    }


def _at(layer: Float[Tensor, "b 1 h w"], stride: int) -> Float[Tensor, "b 1 hs ws"]:
    """Truth at the top-left pixel of each coarse one: stride-2 convolutions centre output i on input 2 i."""
    return layer[..., ::stride, ::stride]
