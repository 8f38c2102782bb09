"""Supervised training of stereo networks."""

from collections.abc import Sequence
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
    smooth_l1,
)
from leadline.models.mono.efficientnet_lite import EfficientNetLite0
from leadline.models.stereo import StereoPrediction
from leadline.training.stereo.learner import StereoLearner, prior_of, views_of
from leadline.training.stereo.recipe import StereoRecipe

_SCALE_NAMES: Final = {2: "half", 4: "quarter", 8: "eighth", 16: "sixteenth", 32: "thirtysecond", 64: "sixtyfourth"}
_ENCODER: Final = "features.encoder."
_EDGES_SHARE: Final = 0.5
_SMOOTHNESS_SHARE: Final = 0.05
_EDGE_BETA: Final = 10.0
"""How firmly a sure edge stops the smoothing: to nearly nothing."""


@final
class SupervisedStereo(StereoLearner):
    """Learns disparity and its confidence from samples with truth; validates a moving average of the weights."""

    def __init__(self, recipe: StereoRecipe) -> None:
        super().__init__(recipe, recipe, recipe.enlarge)
        self.recipe = recipe
        self.guided = bool(getattr(self.model, "guided", False))
        self._frozen = _first_parts(self.model, recipe.frozen_blocks) if recipe.frozen_blocks else []
        for part in self._frozen:
            part.requires_grad_(False)

    def on_train_batch_start(self, batch: StereoBatch, *rest: Any) -> None:  # noqa: ANN401 - Lightning's hook
        """Keeps the statistics of what is frozen, too."""
        super().on_train_batch_start(batch, *rest)
        for part in self._frozen:
            part.eval()

    def parameter_groups(self) -> Sequence[dict[str, Any]]:
        """All weights alike, or the features' encoder with a share of the recipe's learning rate."""
        rate = self.recipe.encoder_rate
        if rate == 1.0:
            return super().parameter_groups()
        named = list(self.model.named_parameters())
        encoder = [weight for name, weight in named if name.startswith(_ENCODER)]
        others = [weight for name, weight in named if not name.startswith(_ENCODER)]
        return [{"params": others}, {"params": encoder, "lr": rate * self.recipe.learning_rate}]

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        prediction = cast(StereoPrediction, self.model(*views_of(batch), *prior_of(batch)))
        with torch.autocast(self.device.type, enabled=False):
            terms = stereo_terms(prediction, batch, self.recipe, self.max_disparity)
        return self.checked(terms)


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
    prediction: StereoPrediction, batch: StereoBatch, recipe: StereoRecipe, max_disparity: int
) -> dict[str, Tensor]:
    """The weighted terms of the supervised loss, by name.

    Args:
        prediction: What the network says.
        batch: The truth.
        recipe: Weights of the terms, and of occluded pixels.
        max_disparity: As for `disparity_terms`.
    """
    truth = batch["disparity"].unsqueeze(1)
    weight = batch["valid"].unsqueeze(1).float() * torch.where(batch["occluded"], recipe.occluded_weight, 1.0)[:, None]
    return disparity_terms(prediction, truth, weight, recipe, max_disparity)


def disparity_terms(
    prediction: StereoPrediction,
    truth: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 h w"],
    recipe: StereoRecipe,
    max_disparity: int,
) -> dict[str, Tensor]:
    """The weighted terms of a loss against disparities, by name: one for everything that the network says.

    Args:
        prediction: What the network says.
        truth: Disparities to learn.
        weight: Per-pixel weight, 0 where there is nothing to learn.
        recipe: Weights of the terms; a disparity coarser than 1/4 weighs half as much as the next finer one.
        max_disparity: Pixels at least so near do not count: the network cannot see them.
    """
    weight = weight * (truth < max_disparity)
    terms = {"full": smooth_l1(prediction.disparity, truth, weight)}
    for disparity in reversed(prediction.coarse):
        stride = truth.shape[2] // disparity.shape[2]
        share = recipe.half_weight if stride == 2 else recipe.quarter_weight * 4.0 / stride
        term = share * smooth_l1(disparity, _at(truth, stride), _at(weight, stride))
        name = _SCALE_NAMES[stride]
        terms[name] = terms[name] + term if name in terms else term
    if (scores := prediction.scores) is not None:
        stride = truth.shape[2] // scores.shape[2]
        cross_entropy = disparity_cross_entropy(scores, _at(truth, stride) / stride, _at(weight, stride))
        terms["volume"] = recipe.volume_weight * cross_entropy
    if (logit := prediction.confidence_logit) is not None:
        seen = (weight > 0).float()
        terms["confidence"] = recipe.confidence_weight * confidence_cross_entropy(
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
    """Stride-2 convolutions centre output i on input 2 i, so what is true of a coarse pixel is so of its top-left."""
    return layer[..., ::stride, ::stride]
