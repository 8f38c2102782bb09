"""SfMLearner: depth and camera motion from frames, and where a still scene does not explain them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.video.stream import VideoBatch
from leadline.losses import (
    charged_unseen,
    explainability_regularisation,
    explained_reprojection,
    second_order_smoothness,
)
from leadline.models.pose import PoseNet, PosePrediction
from leadline.ops import se3_exponential, warp_by_depth
from leadline.training.recipe import require_range
from leadline.training.video.learner import VideoLearner, frames_of
from leadline.training.video.recipe import VideoRecipe
from leadline.training.video.scales import at_size


@dataclass(frozen=True, kw_only=True)
class SfmLearnerRecipe(VideoRecipe):
    """Options of SfMLearner.

    Args:
        smoothness_weight: Of the second differences of inverse depth, halved at each coarser scale. They are smaller
            the farther everything is, so the published 0.5 can drive depth to where nothing moves.
        explainability_weight: Of the cross-entropy that keeps the explainability masks near 1.
    """

    smoothness_weight: float = 0.0005
    explainability_weight: float = 0.2

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        for name in ("smoothness_weight", "explainability_weight"):
            require_range(self, name, least=0)


@final
class SfmLearner(VideoLearner[SfmLearnerRecipe]):
    """Learns depth, motion and explainability; validates a moving average of the depth network's weights.

    Source: Zhou et al. 2017, Unsupervised Learning of Depth and Ego-Motion from Video.
    """

    def __init__(self, recipe: SfmLearnerRecipe) -> None:
        super().__init__(recipe, PoseNet(views=3, explains=True))

    def training_step(self, batch: VideoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        return self.checked(self.terms(batch))

    def terms(self, batch: VideoBatch) -> dict[str, Tensor]:
        """The weighted terms of the loss, by name."""
        frames = frames_of(batch)
        inverse_depths = self.inverse_depths(frames[0])
        assert self.pose is not None
        said = cast(PosePrediction, self.pose(*frames))
        with torch.autocast(frames[0].device.type, enabled=False):
            return sfmlearner_terms(inverse_depths, said, frames, batch["intrinsics"], self.recipe)


def sfmlearner_terms(
    inverse_depths: Sequence[Float[Tensor, "b 1 _ _"]],
    said: PosePrediction,
    frames: Sequence[Float[Tensor, "b 3 h w"]],
    intrinsics: Float[Tensor, "b 3 3"],
    recipe: SfmLearnerRecipe,
) -> dict[str, Tensor]:
    """The weighted terms of the loss, each the sum over the scales.

    Args:
        inverse_depths: Of the target, coarsest first.
        said: Motion of each source from the target, and explainability at the same scales.
        frames: The target, then the sources.
        intrinsics: Camera matrix at the frames' size.
        recipe: Weights of the terms.
    Source: Zhou et al. 2017 (SfMLearner), the final objective: absolute differences at every scale, smoothness without
        regard to edges.
    """
    zero = frames[0].new_zeros(())
    terms = {"photometric": zero, "smoothness": zero, "explainability": zero}
    motions = se3_exponential(said.twist).unbind(1)
    scales = zip(reversed(inverse_depths), reversed(said.explainability_logits), strict=True)
    for level, (inverse, logit) in enumerate(scales):
        size = inverse.shape[2:]
        (target, *sources), camera = at_size(frames, intrinsics, size)
        pairs = zip(sources, motions, strict=True)
        warped = [warp_by_depth(source, 1.0 / inverse, camera, motion) for source, motion in pairs]
        differences, unwarped = (
            torch.cat([(image - target).abs().mean(dim=1, keepdim=True) for image in images], dim=1)
            for images in ([image for image, _ in warped], sources)
        )
        seen = torch.cat([inside for _, inside in warped], dim=1)
        cost = charged_unseen(differences, unwarped, seen)
        smooth = second_order_smoothness(inverse, target, beta=0.0)
        terms["photometric"] = terms["photometric"] + explained_reprojection(cost, logit, torch.ones_like(seen))
        terms["smoothness"] = terms["smoothness"] + recipe.smoothness_weight / 2**level * smooth
        trusted = explainability_regularisation(logit)
        terms["explainability"] = terms["explainability"] + recipe.explainability_weight * trusted
    return terms
