"""Self-supervised training of stereo networks: from pairs alone."""

from dataclasses import dataclass, field
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.stream import StereoBatch
from leadline.errors import InputError
from leadline.models.stereo import StereoPrediction
from leadline.training.recipe import DataShare, Recipe
from leadline.training.stereo.learner import StereoLearner, views_of
from leadline.training.stereo.photometric import PhotometricOptions, both_ways, photometric_terms


def _alike() -> StereoAugmentation:
    """Nothing that makes the views differ more than their cameras do: they are compared with each other."""
    return StereoAugmentation(asymmetric=0.0, erase=0.0)


@dataclass(frozen=True)
class SelfSupervisedRecipe(Recipe):
    """Training without truth, which only the validation reads.

    Args:
        enlarge: How much larger the inference network sees the images; augmentation.log2_scale should suit it.
        mix: Further folders of shards or unlabelled pairs; `data` too may be either.
        photometric: Weights of the loss.
        augmentation: How samples are changed; asymmetric and erase are best left at 0.
    """

    enlarge: float = 1.0
    mix: tuple[DataShare, ...] = ()
    photometric: PhotometricOptions = field(default_factory=PhotometricOptions)
    augmentation: StereoAugmentation = field(default_factory=_alike)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        if self.enlarge < 1:
            raise InputError(f"expected enlarge of at least 1 in the recipe, got {self.enlarge}")


@final
class SelfSupervisedStereo(StereoLearner):
    """Learns disparity by warping one view into the other; validates a moving average of the weights."""

    def __init__(self, recipe: SelfSupervisedRecipe) -> None:
        super().__init__(recipe, recipe, recipe.enlarge)
        self.recipe = recipe

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch, in both views."""
        target, source = both_ways(*views_of(batch))
        prediction = cast(StereoPrediction, self.model(target, source))
        with torch.autocast(target.device.type, enabled=False):
            everywhere = torch.ones_like(target[:, :1])
            terms = photometric_terms(prediction, target, source, everywhere, self.recipe.photometric, self.global_step)
        return self.checked(terms)
