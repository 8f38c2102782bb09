"""Supervised training of networks that give metres from single images."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.mono.stream import CanonicalBatch, to_canonical_tensors
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.losses import l1, root_scale_invariant_log, scale_invariant_log
from leadline.models.catalog import build_model
from leadline.models.mono import DistanceModel, MonoInference, MonoPrediction
from leadline.samples import DepthSample
from leadline.training.mono.learner import Estimate, MonoLearner, depth_stream, images_of, pretrained, with_backbone
from leadline.training.mono.recipe import DepthData
from leadline.training.mono.validation import MonoValidation, MonoValidationItem
from leadline.training.named_loss import Loss, named_loss

LOSSES: Final[Mapping[str, Loss]] = {
    "eigen": scale_invariant_log,
    "bts": root_scale_invariant_log,
    "glpn": partial(root_scale_invariant_log, balance=0.5, gain=1.0),
    "l1": l1,
}
"""Losses of a depth, its truth and a weight; each paper's variant by its name."""


@dataclass(frozen=True, kw_only=True)
class MetricMonoRecipe(DepthData):
    """Supervised training of a network for canonical depth: metres, but for the camera's focal length.

    Args:
        loss: eigen is mean(g^2) - mean(g)^2 / 2 of each image, g being the error of log depth; bts, which ZoeDepth
            takes too, is 10 sqrt(var(g) + 0.15 mean(g)^2) of the batch; glpn, as Depth Anything V2, is
            sqrt(mean(g^2) - mean(g)^2 / 2) of the batch; l1 is the mean absolute error in metres. Any other function
            in `leadline.losses`, or `mypackage.module:function`, is called with prediction, truth and weight.
        augmentation: How samples are changed; their cameras change with them.
    """

    imagenet: bool = False
    loss: str = "eigen"

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        named_loss(self.loss, LOSSES)


@final
class MetricMono(MonoLearner[MetricMonoRecipe]):
    """Learns canonical depth; validates a moving average of the weights, in metres where the camera is known."""

    def __init__(self, recipe: MetricMonoRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not (isinstance(model, DistanceModel) and model.canonical):
            raise InputError(f"expected a network for canonical depth, such as eigen or zoe-bins, got {recipe.model}")
        groups = pretrained(model, recipe)
        # A backbone starts with the weights of a network of its own kind.
        super().__init__(recipe, model, partial(MonoValidation, recipe), groups, renaming=with_backbone)

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(DistanceModel, self.averaged)).eval()

    def samples(self, start: int, count: int) -> Stream[DepthSample]:
        """The samples of one epoch with canonical depth."""
        return depth_stream(self.recipe, start, count, to_canonical_tensors)

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Depth of one image; in metres if its focal length is known."""
        depth, confidence = self.inference(item["image"])
        if (focal := item.get("relative_focal")) is None:
            return Estimate(depth, confidence, "up_to_scale")
        return Estimate(depth * focal, confidence, "metric")

    def training_step(self, batch: CanonicalBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        image = images_of(batch["image"])
        prediction = cast(MonoPrediction, self.model(image))
        with torch.autocast(image.device.type, enabled=False):
            return self.checked(metric_terms(prediction, batch, self.recipe.loss))


def metric_terms(prediction: MonoPrediction, batch: CanonicalBatch, loss: str) -> dict[str, Tensor]:
    """The loss of a network for canonical depth, by name.

    Args:
        prediction: The network's output.
        batch: The truth.
        loss: Name of one of `LOSSES`, or as for `named_loss`.
    """
    truth, weight = batch["canonical_depth"].unsqueeze(1), batch["valid"].unsqueeze(1).float()
    return {_term(loss): named_loss(loss, LOSSES)(1.0 / prediction.inverse_depth, truth, weight)}


def _term(loss: str) -> str:
    """Name of a loss in the logs."""
    return loss.rpartition(":")[2]
