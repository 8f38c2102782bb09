"""Monodepth2: depth from frames, from pairs, or from both, by the best of the sources at each pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.data.video.stream import VideoBatch
from leadline.losses import (
    auto_masked_reprojection,
    first_order_smoothness,
    l1_ssim_difference,
    least_reprojection,
    mean_normalised,
)
from leadline.models.pose import PoseNet, PosePrediction
from leadline.ops import inverse_motion, se3_exponential, warp_by_depth
from leadline.training.mono.learner import images_of
from leadline.training.recipe import require_range
from leadline.training.video.learner import VideoLearner, frames_of
from leadline.training.video.recipe import VideoRecipe

Sources = Literal["mono", "stereo", "mono+stereo"]


@dataclass(frozen=True, kw_only=True)
class Monodepth2Recipe(VideoRecipe):
    """Options of Monodepth2.

    Args:
        sources: What a frame is explained by: its neighbours in time (mono), its right view (stereo), or both. With
            the right view, depth is learned in metres of the calibration's baseline.
        smoothness_weight: Of the edge-aware smoothness of disparity over its mean, halved at each coarser scale.
        minimum: Whether the best source of each pixel counts; else the mean of those that see it.
        auto_mask: Whether pixels that the sources explain better as they are teach nothing.
    """

    sources: Sources = "mono"
    smoothness_weight: float = 0.001
    minimum: bool = True
    auto_mask: bool = True

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "smoothness_weight", least=0)


@final
class Monodepth2(VideoLearner[Monodepth2Recipe]):
    """Learns depth and camera motion together; validates a moving average of the depth network's weights.

    Source: Godard et al. 2019, Digging Into Self-Supervised Monocular Depth Estimation.
    """

    def __init__(self, recipe: Monodepth2Recipe) -> None:
        pose = None if recipe.sources == "stereo" else PoseNet()
        super().__init__(recipe, pose, right=0 if recipe.sources == "mono" else 1)

    def training_step(self, batch: VideoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed * 1_000_003 + self.global_step)
        return self.checked(self.terms(batch, generator))

    def terms(self, batch: VideoBatch, generator: torch.Generator) -> dict[str, Tensor]:
        """The weighted terms of the loss, by name.

        Args:
            batch: Frames.
            generator: Source of the auto-mask's noise.
        """
        target, previous, following = frames_of(batch)
        inverse_depths = self.inverse_depths(target)
        sources: list[Tensor] = []
        motions: list[Tensor] = []
        if self.pose is not None:
            sources += [previous, following]
            # The network always sees the earlier frame first, so that it learns one direction of time.
            pairs = torch.cat([previous, target]), torch.cat([target, following])
            later_from_earlier = se3_exponential(cast(PosePrediction, self.pose(*pairs)).twist[:, 0])
            backward, forward = later_from_earlier.chunk(2)
            motions += [inverse_motion(backward), forward]
        if "right" in batch and "baseline_m" in batch:
            sources.append(images_of(batch["right"]))
            motions.append(right_from_left(batch["baseline_m"]))
        with torch.autocast(target.device.type, enabled=False):
            views = list(zip(sources, motions, strict=True))
            return monodepth2_terms(inverse_depths, target, views, batch["intrinsics"], self.recipe, generator)


def right_from_left(baseline_m: Float[Tensor, " b"]) -> Float[Tensor, "b 4 4"]:
    """The known motion from a left camera to one that stands so far to its right."""
    motion = torch.eye(4, device=baseline_m.device).repeat(len(baseline_m), 1, 1)
    motion[:, 0, 3] = -baseline_m
    return motion


def monodepth2_terms(
    inverse_depths: Sequence[Float[Tensor, "b 1 _ _"]],
    target: Float[Tensor, "b 3 h w"],
    views: Sequence[tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 4 4"]]],
    intrinsics: Float[Tensor, "b 3 3"],
    recipe: Monodepth2Recipe,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """The weighted terms of the loss, each the mean over the scales.

    Args:
        inverse_depths: Of the target, at any scales, coarsest first.
        target: The frames whose depth it is.
        views: Each source with its motion source_from_target.
        intrinsics: Camera matrix at the target's size.
        recipe: Weights of the terms.
        generator: Source of the auto-mask's noise.
    Source: Godard et al. 2019 (Monodepth2), the final training loss: every scale is enlarged to the frames' size
        before it is judged.
    """
    photometric = smoothness = target.new_zeros(())
    unwarped = torch.cat([l1_ssim_difference(source, target) for source, _ in views], dim=1)
    for level, coarse in enumerate(reversed(inverse_depths)):
        full = functional.interpolate(coarse, size=target.shape[2:], mode="bilinear", align_corners=False)
        warped = [warp_by_depth(source, 1.0 / full, intrinsics, motion) for source, motion in views]
        differences = torch.cat([l1_ssim_difference(image, target) for image, _ in warped], dim=1)
        seen = torch.cat([inside for _, inside in warped], dim=1)
        photometric = photometric + _photometric(differences, unwarped, seen, recipe, generator)
        small = functional.interpolate(target, size=coarse.shape[2:], mode="area")
        smooth = first_order_smoothness(mean_normalised(coarse), small)
        smoothness = smoothness + recipe.smoothness_weight / 2**level * smooth
    scales = len(inverse_depths)
    return {"photometric": photometric / scales, "smoothness": smoothness / scales}


def _photometric(
    differences: Float[Tensor, "b s h w"],
    unwarped: Float[Tensor, "b s h w"],
    seen: Tensor,
    recipe: Monodepth2Recipe,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    if not recipe.minimum:
        count = seen.sum(dim=1, keepdim=True)
        differences = differences.masked_fill(~seen, 0.0).sum(dim=1, keepdim=True) / count.clamp_min(1)
        unwarped, seen = unwarped.mean(dim=1, keepdim=True), count > 0
    if not recipe.auto_mask:
        return least_reprojection(differences, seen)
    return auto_masked_reprojection(differences, unwarped, seen, generator)[0]
