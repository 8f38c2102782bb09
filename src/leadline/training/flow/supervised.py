"""Supervised training of optical-flow networks."""

from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.flow.stream import FlowBatch, GuidedFlowBatch
from leadline.losses.flow import flow_confidence_cross_entropy, match_cross_entropy, robust_flow
from leadline.models.flow import FlowPrediction
from leadline.training.flow.learner import FlowLearner
from leadline.training.flow.recipe import FlowRecipe


@final
class SupervisedFlow(FlowLearner[FlowRecipe]):
    """Learns flow and its confidence from samples with truth; validates a moving average of the weights."""

    def training_step(self, batch: FlowBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        first, second = (batch[name].permute(0, 3, 1, 2).float() / 255.0 for name in ("first", "second"))
        guides: tuple[Tensor, ...] = ()
        if "prior" in batch:
            guides = (cast(GuidedFlowBatch, batch)["prior"].transpose(1, 2),)
        prediction = cast(FlowPrediction, self.model(first, second, *guides))
        with torch.autocast(first.device.type, enabled=False):
            terms = flow_terms(prediction, batch, self.recipe)
        return self.checked(terms)


def flow_terms(prediction: FlowPrediction, batch: FlowBatch, recipe: FlowRecipe) -> dict[str, Tensor]:
    """The weighted terms of the supervised loss, by name: occluded pixels count in full, but have no partner to match.

    Args:
        prediction: What the network says.
        batch: The truth.
        recipe: Weights of the terms.
    """
    truth = batch["flow"].permute(0, 3, 1, 2)
    slow = truth.abs().amax(dim=1, keepdim=True) < recipe.largest_px
    weight = (batch["valid"].unsqueeze(1) & slow).float()

    def distance(flow: Tensor) -> Tensor:
        stride = truth.shape[2] // flow.shape[2]
        coarse, known = truth[..., ::stride, ::stride], weight[..., ::stride, ::stride]
        return robust_flow(flow, coarse, known, recipe.robust_shape, recipe.robust_scale_px)

    terms = {"full": distance(prediction.flow)}
    for number, flow in enumerate(reversed(prediction.coarse)):
        terms[f"coarse{number}"] = recipe.coarse_decay ** (number + 1) * distance(flow)
    if (scores := prediction.scores) is not None:
        stride = prediction.score_stride
        seen = weight * ~batch["occluded"].unsqueeze(1)
        coarse, known = truth[..., ::stride, ::stride] / stride, seen[..., ::stride, ::stride]
        terms["match"] = recipe.match_weight * match_cross_entropy(scores, coarse, known)
    if (logit := prediction.confidence_logit) is not None:
        right = flow_confidence_cross_entropy(logit, prediction.flow, truth, weight)
        terms["confidence"] = recipe.confidence_weight * right
    return terms
