"""Depth from single images, learnt from stereo pairs alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.stream import StereoBatch
from leadline.errors import InputError
from leadline.losses import first_order_smoothness, l1_ssim_difference, left_right_consistency, masked_mean
from leadline.models.catalog import build_model
from leadline.models.mono import MonoInference
from leadline.models.mono.monodepth import MonoDepth
from leadline.ops import warp_by_disparity
from leadline.training.mono.learner import Estimate, MonoLearner
from leadline.training.mono.recipe import ENCODER_STRIDE, DepthNetworkRecipe
from leadline.training.mono.validation import MonoValidation, MonoValidationItem
from leadline.training.recipe import DataShare, require_crop, require_range
from leadline.training.stereo.learner import training_stream, views_of
from leadline.training.stereo.photometric import both_ways, other_view


def _alike() -> StereoAugmentation:
    """Changes that leave the views as alike as their cameras make them, and no image upside down."""
    return StereoAugmentation(crop=(288, 384), log2_scale=(-0.2, 0.2), flip_rows=0.0, asymmetric=0.0, erase=0.0)


@dataclass(frozen=True, kw_only=True)
class MonoDepthRecipe(DepthNetworkRecipe):
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
        for name in ("smoothness_weight", "consistency_weight"):
            require_range(self, name, least=0)
        require_crop(self.augmentation.crop, ENCODER_STRIDE)


@final
class LeftRightMono(MonoLearner[MonoDepthRecipe]):
    """Learns both views' disparities from the left image; validates a moving average of the weights."""

    def __init__(self, recipe: MonoDepthRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, MonoDepth):
            raise InputError(f"expected the network monodepth for method: monodepth, got {recipe.model}")
        if model.views != 2:
            raise InputError("expected a network of 2 views to learn from pairs, got 1; leave views out")
        super().__init__(recipe, model, partial(MonoValidation, recipe))

    @property
    def inference(self) -> MonoInference:
        """The averaged network as users call it."""
        return MonoInference(cast(MonoDepth, self.averaged)).eval()

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        left, right = views_of(batch)
        disparities = cast(MonoDepth, self.model).disparities(left)
        with torch.autocast(left.device.type, enabled=False):
            return self.checked(left_right_terms(disparities, left, right, self.recipe))

    def samples(self, start: int, count: int) -> Dataset[dict[str, Tensor]]:
        """The pairs of one epoch."""
        return training_stream(self.recipe, start, count)

    def estimate(self, item: MonoValidationItem) -> Estimate:
        """Depth of one image up to scale."""
        depth, confidence = self.inference(item["image"])
        return Estimate(depth, confidence, "up_to_scale")


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
