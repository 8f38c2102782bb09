"""Supervised training of stereo networks."""

from typing import Final, cast, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader

from leadline.data.torch_stereo import StereoBatch
from leadline.losses import confidence_cross_entropy, disparity_cross_entropy, smooth_l1
from leadline.models.catalog import build_model
from leadline.models.stereo import Deployed, StereoModel, StereoPrediction
from leadline.training.learner import Learner
from leadline.training.recipe import StereoRecipe
from leadline.training.stereo_learner import training_stream
from leadline.training.validation import StereoValidation, StereoValidationItem, log_scores

_SCALE_NAMES: Final = {2: "half", 4: "quarter", 8: "eighth", 16: "sixteenth", 32: "thirtysecond", 64: "sixtyfourth"}


@final
class SupervisedStereo(Learner):
    """Learns disparity and its confidence from samples with truth; validates a moving average of the weights."""

    def __init__(self, recipe: StereoRecipe) -> None:
        super().__init__(recipe, build_model(recipe.model, recipe.model_options))
        self.recipe = recipe
        self.max_disparity = cast(StereoModel, self.model).max_disparity

    @property
    def deployed(self) -> Deployed:
        """The averaged network as users call it."""
        return Deployed(cast(StereoModel, self.average.module), self.recipe.enlarge).eval()

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        pair = torch.cat([batch["left"], batch["right"]]).permute(0, 3, 1, 2).float() / 255.0
        left, right = pair.chunk(2)
        prediction = cast(StereoPrediction, self.model(left, right))
        with torch.autocast(left.device.type, enabled=False):
            terms = stereo_terms(prediction, batch, self.recipe, self.max_disparity)
        return self.checked(terms)

    def validation_step(self, batch: StereoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one picture, all pixels with truth."""
        with torch.autocast(self.device.type, enabled=False):
            disparity, confidence = self.deployed(batch["left"], batch["right"])
        log_scores(self, batch, disparity, confidence)

    def train_dataloader(self) -> DataLoader[StereoBatch]:
        """The samples of this epoch; made anew for each, so that a resumed run sees what it would have seen."""
        recipe = self.recipe
        return self.loader(training_stream(recipe, self.samples_seen, recipe.epoch_steps * recipe.batch_size))

    def val_dataloader(self) -> DataLoader[StereoValidationItem]:
        """Dreamed pairs first, then the real scenes that are present."""
        return self.validation_loader(StereoValidation(self.recipe))


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
    return terms


def _at(layer: Float[Tensor, "b 1 h w"], stride: int) -> Float[Tensor, "b 1 hs ws"]:
    """Stride-2 convolutions centre output i on input 2 i, so what is true of a coarse pixel is so of its top-left."""
    return layer[..., ::stride, ::stride]
