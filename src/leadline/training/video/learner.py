"""The core of methods that learn from frames: a depth network, a pose network beside it, and the frames."""

import logging
from abc import ABC
from collections.abc import Sequence
from functools import partial
from typing import Final, TypeVar, cast

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from leadline.data.source import Source
from leadline.data.stream import Stream
from leadline.data.video.stream import VideoBatch, video_stream
from leadline.errors import InputError
from leadline.models.catalog import build_model
from leadline.models.mono import MonoInference
from leadline.models.mono.monodepth import MonoDepth
from leadline.samples import VideoSample
from leadline.training.mono.learner import Estimate, MonoLearner, images_of
from leadline.training.mono.validation import MonoValidation, MonoValidationItem
from leadline.training.recipe import method_of
from leadline.training.sources import frame_source
from leadline.training.video.phases import Phase, Schedule
from leadline.training.video.recipe import VideoRecipe

_LOG = logging.getLogger(__name__)
V = TypeVar("V", bound=VideoRecipe)

_LOG = logging.getLogger(__name__)
_LOOKED_AT: Final = 8
_RESTS: Final = 1.5
"""Mean difference of two frames, of 255, that is noise."""
_INVERSE_DEPTH: Final = 10.0 / 0.3
"""Inverse depth of a disparity of the whole width; a network of one view then says 0.01 to 10, as is published."""


class VideoLearner(MonoLearner[V], ABC):
    """Trains a depth network from frames, with a pose network that is needed for the training only.

    The checkpoint's averaged weights are those of the depth network, which is exported; the pose network's are under
    `pose`.

    Args:
        recipe: What to learn.
        pose: The pose network; None where all motions are known.
        right: How many right views samples need, as of `frame_source`.
        others: Further networks that learn; the subclass keeps them.
    """

    def __init__(self, recipe: V, pose: nn.Module | None, right: int = 0, others: Sequence[nn.Module] = ()) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, MonoDepth):
            raise InputError(
                f"expected the network monodepth for method: {method_of(recipe)}, got {recipe.model}; change model"
            )
        if model.views != 1:
            raise InputError("expected a network of 1 view to learn from frames, got 2; add model_options: {views: 1}")
        beside = [weight for each in (pose, *others) if each is not None for weight in each.parameters()]
        super().__init__(
            recipe, model, partial(MonoValidation, recipe), lambda net: [{"params": [*net.parameters(), *beside]}]
        )
        self.pose, self._right = pose, right
        self._phase = ""

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(MonoDepth, self.averaged)).eval()

    def inverse_depths(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b 1 _ _"]]:
        """Inverse depth of a frame at 1/8, 1/4, 1/2 and 1, in the unit in which motions are learned.

        Args:
            image: The target frame, RGB in [0, 1].
        """
        shares = cast(MonoDepth, self.model).disparities(image)
        return [_INVERSE_DEPTH * share.float() for share in shares]

    def entered(self, schedule: Schedule) -> Phase:
        """The phase of this step; its number is logged as train/phase, and its beginning told.

        Args:
            schedule: Of the run.
        """
        phase = schedule.at(self.global_step)
        self.teach(schedule, phase)
        if phase.name != self._phase:
            learners = ", ".join(sorted(phase.learns))
            _LOG.warning("step %d: phase %s, in which %s learn", self.global_step, phase.name, learners)
            self._phase = phase.name
        if self._trainer is not None:
            self.log("train/phase", float(schedule.phases.index(phase.name)), on_step=True)
        return phase

    def teach(self, schedule: Schedule, phase: Phase) -> None:
        """Lets the networks of a phase learn, and the others rest: their batch norm keeps its statistics.

        Args:
            schedule: Of the run; its phases name all networks.
            phase: The phase of this step.
        """
        for name in frozenset[str]().union(*(each.learns for each in (*schedule.opening, *schedule.cycle))):
            network = self.model if name == "depth" else getattr(self, name)
            network.train(name in phase.learns)

    def samples(self, start: int, count: int) -> Stream[VideoSample]:
        """The frames of one epoch."""
        recipe = self.recipe
        places, method = (recipe.data, *(share.data for share in recipe.mix)), method_of(recipe)
        sources = [frame_source(place, method, recipe.frame_stride, self._right) for place in places]
        if start == 0:
            _warn_of_rest(sources)
        shares = [1.0, *(share.weight for share in recipe.mix)]
        return video_stream(sources, shares, recipe.augmentation, recipe.seed, start, count)

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Depth of one image up to scale."""
        depth, confidence = self.inference(item["image"])
        return Estimate(depth, confidence, "up_to_scale")


def frames_of(batch: VideoBatch) -> Sequence[Float[Tensor, "b 3 h w"]]:
    """The target, previous and following frame of a batch, as networks take them."""
    return [images_of(batch[name]) for name in ("target", "previous", "following")]


def _warn_of_rest(sources: Sequence[Source[VideoSample]]) -> None:
    """Says where frames show a camera that rests: nothing tells depth there, and no scale."""
    for source in sources:
        numbers = sorted({round(place) for place in np.linspace(0, len(source) - 1, _LOOKED_AT)})
        samples = [source[number] for number in numbers]
        changes = [np.abs(each.target.astype(np.int16) - each.previous.astype(np.int16)).mean() for each in samples]
        if max(changes) < _RESTS:
            _LOG.warning(
                "the frames around %s hardly differ from each other: a camera that rests tells neither depth nor its "
                "scale; raise frame_stride, or take another film",
                source.key(numbers[0]),
            )
