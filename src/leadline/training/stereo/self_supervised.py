"""Self-supervised training of stereo networks: from pairs alone."""

from dataclasses import dataclass, field
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.stream import StereoBatch
from leadline.models.stereo import StereoPrediction
from leadline.training.stereo.learner import StereoLearner, views_of
from leadline.training.stereo.photometric import PhotometricOptions, both_ways, photometric_terms
from leadline.training.stereo.recipe import StereoData


def _alike() -> StereoAugmentation:
    """Changes that leave the views as alike as their cameras make them: the views are compared with each other."""
    return StereoAugmentation(asymmetric=0.0, erase=0.0)


@dataclass(frozen=True, kw_only=True)
class SelfSupervisedRecipe(StereoData):
    """Training without truth, which only the validation reads.

    Args:
        photometric: Weights of the loss.
        augmentation: How samples are changed; asymmetric and erase are best left at 0.
    """

    photometric: PhotometricOptions = field(default_factory=PhotometricOptions)
    augmentation: StereoAugmentation = field(default_factory=_alike)


@final
class SelfSupervisedStereo(StereoLearner[SelfSupervisedRecipe]):
    """Learns disparity by warping one view into the other; validates a moving average of the weights."""

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch, in both views."""
        target, source = both_ways(*views_of(batch))
        prediction = cast(StereoPrediction, self.model(target, source))
        with torch.autocast(target.device.type, enabled=False):
            everywhere = torch.ones_like(target[:, :1])
            terms = photometric_terms(prediction, target, source, everywhere, self.recipe.photometric, self.global_step)
        return self.checked(terms)
