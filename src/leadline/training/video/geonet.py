"""GeoNet: depth and camera motion explain the still scene first, then a second network what they leave unexplained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.data.video.stream import VideoBatch
from leadline.losses import (
    first_order_smoothness,
    geometric_consistency,
    l1_ssim_difference,
    masked_mean,
    mean_normalised,
)
from leadline.models.flow.residual_flow import ResidualFlow
from leadline.models.pose import PoseNet, PosePrediction
from leadline.ops import geometrically_consistent, inverse_motion, rigid_flow, se3_exponential, warp_by_flow
from leadline.training.recipe import require_range
from leadline.training.video.learner import VideoLearner, frames_of
from leadline.training.video.phases import Phase, Schedule
from leadline.training.video.photometric_flow import both_directions, flow_smoothness
from leadline.training.video.recipe import VideoRecipe
from leadline.training.video.scales import at_size, resized


@dataclass(frozen=True, kw_only=True)
class GeoNetRecipe(VideoRecipe):
    """Options of GeoNet.

    Args:
        rigid_steps: Steps of the first stage, depth and camera motion; all others teach the residual flow.
        smoothness_weight: Of the edge-aware smoothness of disparity over its mean, halved at each coarser scale.
        flow_smoothness_weight: Of the edge-aware smoothness of the full flow, likewise.
        consistency_weight: Of the disagreement of the flows there and back, per px.
        consistency_px: Disagreement that a pixel of the geometric consistency mask may always have.
        consistency_share: Disagreement that it may have relative to its motion.
    """

    rigid_steps: int = 10000
    smoothness_weight: float = 0.02
    flow_smoothness_weight: float = 0.02
    consistency_weight: float = 0.02
    consistency_px: float = 3.0
    consistency_share: float = 0.05

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        for name in (
            "rigid_steps",
            "smoothness_weight",
            "flow_smoothness_weight",
            "consistency_weight",
            "consistency_px",
            "consistency_share",
        ):
            require_range(self, name, least=0)

    @property
    def schedule(self) -> Schedule:
        """Stage 1, then stage 2 until the end."""
        rigid = Phase("rigid", frozenset({"depth", "pose"}), self.rigid_steps)
        return Schedule([rigid], [Phase("residual flow", frozenset({"residual"}), max(1, self.steps))])


@final
class GeoNet(VideoLearner[GeoNetRecipe]):
    """Learns depth and motion, then residual flow; validates a moving average of the depth network's weights.

    Source: Yin and Shi 2018, GeoNet: Unsupervised Learning of Dense Depth, Optical Flow and Camera Pose.
    """

    def __init__(self, recipe: GeoNetRecipe) -> None:
        residual = ResidualFlow()
        super().__init__(recipe, PoseNet(views=3), others=[residual])
        self.residual = residual

    def training_step(self, batch: VideoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        phase = self.entered(self.recipe.schedule)
        return self.checked(self.rigid_terms(batch) if phase.name == "rigid" else self.flow_terms(batch))

    def rigid_terms(self, batch: VideoBatch) -> dict[str, Tensor]:
        """The weighted terms of stage 1, by name."""
        frames = frames_of(batch)
        inverse_depths, motions = self.inverse_depths(frames[0]), self._motions(frames)
        with torch.autocast(frames[0].device.type, enabled=False):
            return geonet_rigid_terms(inverse_depths, motions, frames, batch["intrinsics"], self.recipe)

    def flow_terms(self, batch: VideoBatch) -> dict[str, Tensor]:
        """The weighted terms of stage 2, by name; depth and camera motion stay as they are."""
        targets, sources, rigid, residuals = self.flows(frames_of(batch), batch["intrinsics"])
        with torch.autocast(targets.device.type, enabled=False):
            return geonet_flow_terms(rigid, residuals, targets, sources, self.recipe)

    def flows(
        self, frames: Sequence[Float[Tensor, "b 3 h w"]], intrinsics: Float[Tensor, "b 3 3"]
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Rigid and residual flow of the pairs target-previous and target-following, then of the same pairs back.

        Args:
            frames: The target, the previous and the following frame.
            intrinsics: Camera matrix at the frames' size.
        Returns:
            Targets and sources of the pairs, four times as many as frames; the rigid flow between them, without
            gradient; and the residual flows of `ResidualFlow`.
        """
        target, previous, following = frames
        targets, sources = both_directions(torch.cat([target, target]), torch.cat([previous, following]))
        with torch.no_grad():
            away = torch.cat([self._motions(frames)[:, 0], self._motions(frames)[:, 1]])
            depth = [1.0 / self.inverse_depths(frame)[-1] for frame in frames]
            depths = torch.cat([depth[0], depth[0], depth[1], depth[2]])
            rigid, _ = rigid_flow(depths, intrinsics.repeat(4, 1, 1), torch.cat([away, inverse_motion(away)]))
            warped, _ = warp_by_flow(sources, rigid)
        return targets, sources, rigid, self.residual(targets, sources, warped, rigid)

    def _motions(self, frames: Sequence[Tensor]) -> Float[Tensor, "b 2 4 4"]:
        """Motion of the previous and the following frame from the target."""
        assert self.pose is not None
        return se3_exponential(cast(PosePrediction, self.pose(*frames)).twist)


def geonet_rigid_terms(
    inverse_depths: Sequence[Float[Tensor, "b 1 _ _"]],
    motions: Float[Tensor, "b s 4 4"],
    frames: Sequence[Float[Tensor, "b 3 h w"]],
    intrinsics: Float[Tensor, "b 3 3"],
    recipe: GeoNetRecipe,
) -> dict[str, Tensor]:
    """The weighted terms of stage 1, each the mean over the scales.

    Args:
        inverse_depths: Of the target, coarsest first.
        motions: Of each source from the target.
        frames: The target, then the sources.
        intrinsics: Camera matrix at the frames' size.
        recipe: Weights of the terms.
    Source: Yin and Shi 2018 (GeoNet), the rigid warping loss and the depth smoothness.
    """
    photometric = smoothness = frames[0].new_zeros(())
    for level, inverse in enumerate(reversed(inverse_depths)):
        (target, *sources), camera = at_size(frames, intrinsics, inverse.shape[2:])
        flows = [rigid_flow(1.0 / inverse, camera, motion) for motion in motions.unbind(1)]
        for source, (flow, in_front) in zip(sources, flows, strict=True):
            warped, inside = warp_by_flow(source, flow)
            seen = (inside & in_front).to(warped.dtype)
            photometric = photometric + masked_mean(l1_ssim_difference(warped, target), seen) / len(sources)
        smooth = first_order_smoothness(mean_normalised(inverse), target)
        smoothness = smoothness + recipe.smoothness_weight / 2**level * smooth
    scales = len(inverse_depths)
    return {"photometric": photometric / scales, "smoothness": smoothness / scales}


def geonet_flow_terms(
    rigid: Float[Tensor, "n 2 h w"],
    residuals: Sequence[Float[Tensor, "n 2 _ _"]],
    targets: Float[Tensor, "n 3 h w"],
    sources: Float[Tensor, "n 3 h w"],
    recipe: GeoNetRecipe,
) -> dict[str, Tensor]:
    """The weighted terms of stage 2, each the mean over the scales.

    Args:
        rigid: Rigid flow of pairs, then of the same pairs back, pixels.
        residuals: What is added to it, pixels of the frames, coarsest first.
        targets: First frame of each pair.
        sources: Second frame of each pair.
        recipe: Weights of the terms.
    Source: Yin and Shi 2018 (GeoNet), the geometric consistency enforcement: what fails it is left to the smoothness.
    """
    zero = targets.new_zeros(())
    terms = {"photometric": zero, "smoothness": zero, "consistency": zero}
    for level, residual in enumerate(reversed(residuals)):
        size, stride = residual.shape[2:], targets.shape[3] / residual.shape[3]
        near, far = resized(targets, size), resized(sources, size)
        flow = (resized(rigid, size) + residual) / stride
        back = torch.cat(flow.chunk(2)[::-1])
        limit_px = recipe.consistency_px / stride
        kept = geometrically_consistent(flow.detach(), back.detach(), limit_px, recipe.consistency_share)
        difference = l1_ssim_difference(warp_by_flow(far, flow)[0], near)
        agreement = geometric_consistency(flow, back, kept.float(), limit_px, recipe.consistency_share)
        smooth = flow_smoothness(flow, near)
        terms["photometric"] = terms["photometric"] + masked_mean(difference, kept.float())
        terms["smoothness"] = terms["smoothness"] + recipe.flow_smoothness_weight / 2**level * smooth
        terms["consistency"] = terms["consistency"] + recipe.consistency_weight * agreement
    return {name: term / len(residuals) for name, term in terms.items()}


def residual_motion(residual: Float[Tensor, "n 2 _ _"], size: Sequence[int]) -> Float[Tensor, "n 1 h w"]:
    """Length of the residual flow at the frames' size, pixels: what moves by itself has a large one.

    Args:
        residual: The finest of `ResidualFlow`.
        size: Height and width of the frames.
    """
    full = functional.interpolate(residual, size=tuple(size), mode="bilinear", align_corners=False)
    return torch.linalg.vector_norm(full, dim=1, keepdim=True)
