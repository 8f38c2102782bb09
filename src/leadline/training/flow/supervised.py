"""Supervised training of optical-flow networks."""

from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.classical.flow_prior import flow_prior
from leadline.data.flow.stream import FlowBatch, GuidedFlowBatch, flow_stream
from leadline.data.stream import Stream
from leadline.data.synthetic.fresh import draw_fresh, fresh_flow
from leadline.losses.flow import flow_confidence_cross_entropy, match_cross_entropy, robust_flow
from leadline.models.catalog import build_model
from leadline.models.flow import FlowInference, FlowModel, FlowPrediction
from leadline.samples import FlowSample
from leadline.training.flow.recipe import FlowRecipe
from leadline.training.flow.validation import FlowValidation, FlowValidationItem, log_flow_scores
from leadline.training.learner import Learner
from leadline.training.recipe import method_of
from leadline.training.sources import flow_source


@final
class SupervisedFlow(Learner[FlowRecipe]):
    """Learns flow and its confidence from samples with truth; validates a moving average of the weights."""

    def __init__(self, recipe: FlowRecipe) -> None:
        super().__init__(recipe, build_model(recipe.model, recipe.model_options))
        self.guided = bool(getattr(self.model, "guided", False))

    @property
    def inference(self) -> FlowInference:
        """The averaged network as users call it."""
        return FlowInference(cast(FlowModel, self.averaged)).eval()

    def training_step(self, batch: FlowBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        first, second = (batch[name].permute(0, 3, 1, 2).float() / 255.0 for name in ("first", "second"))
        guides: tuple[Tensor, ...] = ()
        if "prior" in batch:
            guides = (cast(GuidedFlowBatch, batch)["prior"].permute(0, 3, 1, 2),)
        prediction = cast(FlowPrediction, self.model(first, second, *guides))
        with torch.autocast(first.device.type, enabled=False):
            terms = flow_terms(prediction, batch, self.recipe)
        return self.checked(terms)

    def validation_step(self, batch: FlowValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one pair, all pixels with truth."""
        with torch.autocast(self.device.type, enabled=False):
            inference = self.inference
            frames, guides = (batch["first"], batch["second"]), ()
            if inference.guided:
                prior = flow_prior(*(frame.cpu().numpy() for frame in frames))
                guides = (torch.from_numpy(prior).to(self.device),)
            flow, confidence = inference(*frames, *guides)
        log_flow_scores(self, batch, flow, confidence)

    def samples(self, start: int, count: int) -> Stream[FlowSample]:
        """The samples of one epoch."""
        recipe = self.recipe
        if recipe.fresh is not None:
            worlds = fresh_flow(recipe.fresh)
            return flow_stream(
                *worlds, recipe.augmentation, recipe.seed, start, count, draw=draw_fresh, guided=self.guided
            )
        places = (recipe.data, *(share.data for share in recipe.mix))
        sources = [flow_source(place, method_of(recipe)) for place in places]
        shares = [1.0, *(share.weight for share in recipe.mix)]
        return flow_stream(sources, shares, recipe.augmentation, recipe.seed, start, count, guided=self.guided)

    def validation_images(self) -> FlowValidation:
        """Rendered pairs first, then the real pairs that are present."""
        return FlowValidation(self.recipe)


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
