"""Semi-supervised training of stereo networks: truth where a sample has it, the pair itself elsewhere."""

from dataclasses import dataclass, field, fields
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.stereo.stream import StereoBatch
from leadline.models.stereo import StereoPrediction
from leadline.training.recipe import require_range
from leadline.training.stereo.learner import StereoLearner, views_of
from leadline.training.stereo.photometric import PhotometricOptions, both_ways, photometric_terms
from leadline.training.stereo.recipe import StereoData, TruthLoss
from leadline.training.stereo.supervised import stereo_terms


@dataclass(frozen=True, kw_only=True)
class SemiSupervisedRecipe(StereoData, TruthLoss):
    """Training with truth that covers some samples, or some pixels of them, only.

    Args:
        photometric: Weights of the loss where there is no truth.
        photometric_weight: Of all of that loss against the supervised one.
    """

    photometric: PhotometricOptions = field(default_factory=PhotometricOptions)
    photometric_weight: float = 5.0

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        StereoData.__post_init__(self)
        TruthLoss.__post_init__(self)
        require_range(self, "photometric_weight", least=0)


@final
class SemiSupervisedStereo(StereoLearner[SemiSupervisedRecipe]):
    """Learns from truth and from pairs; validates a moving average of the weights."""

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch: the left view against its truth, both views against each other."""
        recipe = self.recipe
        target, source = both_ways(*views_of(batch))
        prediction = cast(StereoPrediction, self.model(target, source))
        with torch.autocast(target.device.type, enabled=False):
            terms = stereo_terms(left_half(prediction), batch, recipe, self.max_disparity)
            weight = without_truth(batch)
            unseen = photometric_terms(prediction, target, source, weight, recipe.photometric, self.global_step)
        terms |= {f"unlabelled_{name}": recipe.photometric_weight * term for name, term in unseen.items()}
        return self.checked(terms)


def without_truth(batch: StereoBatch) -> Float[Tensor, "pairs 1 h w"]:
    """Weights of a batch's `both_ways`: left pixels without truth, and right views as far as the left one has none."""
    unknown = (~batch["valid"]).unsqueeze(1).float()
    return torch.cat([unknown, unknown.mean(dim=(1, 2, 3), keepdim=True).expand_as(unknown)])


def left_half(prediction: StereoPrediction) -> StereoPrediction:
    """The left views' half of a prediction of `both_ways`."""

    def half(value: object) -> object:
        if isinstance(value, Tensor):
            return value.chunk(2)[0]
        return tuple(map(half, value)) if isinstance(value, tuple) else value

    values = {entry.name: half(getattr(prediction, entry.name)) for entry in fields(prediction)}
    return StereoPrediction(**values)  # pyright: ignore[reportArgumentType]
