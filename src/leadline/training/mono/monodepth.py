"""Depth from single images, learnt from stereo pairs alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.stream import StereoBatch
from leadline.errors import InputError
from leadline.losses import first_order_smoothness, l1_ssim_difference, left_right_consistency, masked_mean
from leadline.models.catalog import build_model
from leadline.models.mono import MonoInference
from leadline.models.mono.monodepth import MonoDepth
from leadline.ops import warp_by_disparity
from leadline.training.learner import Learner
from leadline.training.mono.validation import MonoValidation, MonoValidationItem, log_scores
from leadline.training.recipe import DataShare, Recipe, require_crop
from leadline.training.stereo.learner import training_stream, views_of
from leadline.training.stereo.photometric import both_ways, other_view


def _alike() -> StereoAugmentation:
    """Nothing that makes the views differ more than their cameras do, and no image on its head."""
    return StereoAugmentation((288, 384), (-0.2, 0.2), flip_rows=0.0, asymmetric=0.0, erase=0.0)


@dataclass(frozen=True)
class MonoDepthRecipe(Recipe):
    """Training from pairs; truth is read only by the validation, whose shards are of single images.

    Args:
        mix: Further folders of shards or unlabelled pairs; `data` too may be either.
        smoothness_weight: Of the edge-aware smoothness, halved at each coarser scale.
        consistency_weight: Of the left-right consistency, in shares of the width.
        augmentation: How pairs are changed; asymmetric and erase are best left at 0.
    """

    mix: tuple[DataShare, ...] = ()
    smoothness_weight: float = 0.1
    consistency_weight: float = 1.0
    augmentation: StereoAugmentation = field(default_factory=_alike)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_crop(self.augmentation.crop, 32)


@final
class LeftRightMono(Learner):
    """Learns both views' disparities from the left image; validates a moving average of the weights."""

    def __init__(self, recipe: MonoDepthRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, MonoDepth):
            raise InputError(f"expected the network monodepth for method: monodepth, got {recipe.model}")
        super().__init__(recipe, model)
        self.recipe = recipe

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(MonoDepth, self.average.module)).eval()

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        left, right = views_of(batch)
        disparities = cast(MonoDepth, self.model).disparities(left)
        with torch.autocast(left.device.type, enabled=False):
            return self.checked(left_right_terms(disparities, left, right, self.recipe))

    def validation_step(self, batch: MonoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one image."""
        with torch.autocast(self.device.type, enabled=False):
            depth, confidence = self.inference(batch["image"])
        log_scores(self, batch, depth, confidence, "up_to_scale")

    def train_dataloader(self) -> DataLoader[StereoBatch]:
        """The samples of this epoch; made anew for each, so that a resumed run sees what it would have seen."""
        count = self.recipe.epoch_steps * self.recipe.batch_size
        return self.loader(training_stream(self.recipe, self.samples_seen, count))

    def val_dataloader(self) -> DataLoader[MonoValidationItem]:
        """Rendered images first, then the real scenes that are present."""
        return self.validation_loader(MonoValidation(self.recipe))


def left_right_terms(
    disparities: Sequence[Float[Tensor, "b 2 _ _"]],
    left: Float[Tensor, "b 3 h w"],
    right: Float[Tensor, "b 3 h w"],
    recipe: MonoDepthRecipe,
) -> dict[str, Tensor]:
    """The weighted terms of the loss, each summed over the scales, by name.

    Args:
        disparities: Of the left and the right view as shares of the width, at any scales.
        left: Left images.
        right: Right images.
        recipe: Weights of the terms.
    Source: Godard et al. 2017 (MonoDepth), equations 1 to 4: 0.85 SSIM + 0.15 L1, edge-aware smoothness whose weight
        falls with the resolution, and left-right consistency, here over the pixels whose partner lies in the image.
    """
    zero = left.new_zeros(())
    terms = {"appearance": zero, "smoothness": zero, "consistency": zero}
    for found in disparities:
        height, width = found.shape[2:]
        views = (functional.interpolate(view, size=(height, width), mode="area") for view in (left, right))
        target, source = both_ways(*views)
        # The right view's disparity is that of a left view in the mirror.
        share = torch.cat([found[:, :1], found[:, 1:].flip(3)])
        pixels, everywhere = share * width, torch.ones_like(share)
        appearance = masked_mean(l1_ssim_difference(warp_by_disparity(source, pixels), target), everywhere)
        smoothness = first_order_smoothness(share, target) * width / left.shape[3]
        consistency = left_right_consistency(pixels, other_view(pixels), everywhere) / width
        # The mean is over both views, the published sum counts each.
        terms["appearance"] = terms["appearance"] + 2.0 * appearance
        terms["smoothness"] = terms["smoothness"] + 2.0 * recipe.smoothness_weight * smoothness
        terms["consistency"] = terms["consistency"] + 2.0 * recipe.consistency_weight * consistency
    return terms
