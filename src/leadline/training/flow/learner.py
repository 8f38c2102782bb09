"""Training of optical-flow networks: what all methods share."""

from abc import ABC
from typing import TypeVar, cast

import torch

from leadline.classical.flow_prior import flow_prior
from leadline.data.flow.stream import flow_stream
from leadline.data.stream import Stream
from leadline.data.synthetic.fresh import draw_fresh, fresh_flow
from leadline.models.catalog import build_model
from leadline.models.flow import FlowInference, FlowModel
from leadline.samples import FlowSample
from leadline.training.flow.recipe import FlowData
from leadline.training.flow.validation import FlowValidation, FlowValidationItem, log_flow_scores
from leadline.training.learner import Learner
from leadline.training.recipe import method_of
from leadline.training.sources import flow_source

D = TypeVar("D", bound=FlowData)


class FlowLearner(Learner[D], ABC):
    """Trains an optical-flow network; a subclass defines the loss of a batch.

    Args:
        recipe: What to learn.
    """

    def __init__(self, recipe: D) -> None:
        super().__init__(recipe, build_model(recipe.model, recipe.model_options))
        self.guided = bool(getattr(self.model, "guided", False))

    @property
    def inference(self) -> FlowInference:
        """The averaged network as users call it."""
        return FlowInference(cast(FlowModel, self.averaged)).eval()

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
