"""Supervised training of the network that mends another matcher's disparity."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.classical import ClassicalStereo
from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.prior import CachedPriorStream, PriorBatch
from leadline.data.stereo.stream import stereo_stream
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.losses import confidence_cross_entropy, general_robust, masked_mean
from leadline.losses.robust import masked_error
from leadline.models.catalog import build_model
from leadline.models.stereo import StereoPrediction
from leadline.models.stereo.leadline_refine import RefineInference
from leadline.training.learner import Learner
from leadline.training.recipe import NetworkRecipe, method_of, require_range
from leadline.training.sources import stereo_source
from leadline.training.stereo.validation import StereoValidation, StereoValidationItem, log_scores

_VALIDATED: Final = ClassicalStereo("sgbm-3way", 192)


@dataclass(frozen=True, kw_only=True)
class RefineRecipe(NetworkRecipe):
    """Supervised training of a network that mends another matcher's disparity.

    Args:
        samples: How many augmented samples are matched; after the last one the first comes again.
        prior_cache: Folder that keeps the matchers' results, so that a sample is matched only once; one for each set
            of data, seed and augmentation.
        loss_shape: Barron's alpha. Some pixels are beyond mending, since the matcher searched too near a range or the
            images do not say; below 1 they do not drown the others.
        occluded_weight: Weight of a pixel that is hidden from the right view.
        quarter_weight: Of the disparity at 1/4.
        half_weight: Of the disparity at 1/2.
        confidence_weight: Of the confidence's cross-entropy.
        augmentation: How samples are changed.
    """

    samples: int = 8000
    prior_cache: str = "rendered/priors"
    loss_shape: float = 0.5
    occluded_weight: float = 0.7
    quarter_weight: float = 0.3
    half_weight: float = 0.5
    confidence_weight: float = 0.3
    augmentation: StereoAugmentation = field(default_factory=StereoAugmentation)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        if self.samples < 1:
            raise InputError(f"expected samples of at least 1 in the recipe, got {self.samples}")
        for name in ("occluded_weight", "quarter_weight", "half_weight", "confidence_weight"):
            require_range(self, name, least=0)


@final
class RefinedStereo(Learner[RefineRecipe]):
    """Learns to mend the disparities of classical matchers, and the confidence of the result."""

    def __init__(self, recipe: RefineRecipe) -> None:
        super().__init__(recipe, build_model(recipe.model, recipe.model_options))

    @property
    def inference(self) -> RefineInference:
        """The averaged network as users call it."""
        return RefineInference(self.averaged).eval()

    def training_step(self, batch: PriorBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        pair = torch.cat([batch["left"], batch["right"]]).permute(0, 3, 1, 2).float() / 255.0
        prior, valid = batch["prior"].unsqueeze(1), batch["prior_valid"].unsqueeze(1).float()
        prediction = cast(StereoPrediction, self.model(*pair.chunk(2), prior, valid))
        with torch.autocast(pair.device.type, enabled=False):
            return self.checked(self.terms(prediction, batch))

    def terms(self, prediction: StereoPrediction, batch: PriorBatch) -> dict[str, Tensor]:
        """The weighted terms of the loss, by name."""
        recipe = self.recipe
        truth, valid = batch["disparity"].unsqueeze(1), batch["valid"].unsqueeze(1)
        weight = valid * torch.where(batch["occluded"], recipe.occluded_weight, 1.0).unsqueeze(1)

        def robust(disparity: Tensor) -> Tensor:
            # A coarse pixel lies where its top-left fine one does.
            stride = truth.shape[2] // disparity.shape[2]
            wanted, share = truth[..., ::stride, ::stride], weight[..., ::stride, ::stride]
            return masked_mean(general_robust(masked_error(disparity, wanted, share), recipe.loss_shape, 1.0), share)

        quarter, half = prediction.coarse
        assert prediction.confidence_logit is not None, "this network judges itself"
        judged = confidence_cross_entropy(prediction.confidence_logit, prediction.disparity, truth, valid.float())
        return {
            "full": robust(prediction.disparity),
            "half": recipe.half_weight * robust(half),
            "quarter": recipe.quarter_weight * robust(quarter),
            "confidence": recipe.confidence_weight * judged,
        }

    def validation_step(self, batch: StereoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one image after SGBM-3WAY, all pixels with truth."""
        found = _VALIDATED(batch["left"].cpu().numpy(), batch["right"].cpu().numpy())
        prior = torch.from_numpy(found.disparity).to(self.device)
        valid = torch.from_numpy(found.valid).to(self.device, torch.uint8)
        with torch.autocast(self.device.type, enabled=False):
            disparity, confidence = self.inference(batch["left"], batch["right"], prior, valid)
        log_scores(self, batch, disparity, confidence)

    def samples(self, start: int, count: int) -> CachedPriorStream:
        """The samples of one epoch with a matcher's result, which is kept in the recipe's folder."""
        recipe = self.recipe
        source = stereo_source(recipe.data, method_of(recipe))
        stream = stereo_stream([source], [1.0], recipe.augmentation, recipe.seed, 0, recipe.samples)
        return CachedPriorStream(stream, make_output_folder(Path(recipe.prior_cache)), start, count)

    def validation_images(self) -> StereoValidation:
        """Rendered pairs first, then the real scenes that are present."""
        return StereoValidation(self.recipe)
