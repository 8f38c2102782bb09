"""DF-Net: depth and flow learn from each other, since both say how the still scene moves in the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadline.data.video.stream import VideoBatch
from leadline.losses import (
    cross_task_consistency,
    first_order_smoothness,
    forward_backward_consistency,
    forward_backward_depth,
    l1_ssim_difference,
    masked_mean,
    mean_normalised,
)
from leadline.models.catalog import build_model
from leadline.models.flow import FlowPrediction
from leadline.models.pose import PoseNet, PosePrediction
from leadline.ops import (
    forward_backward_occluded,
    inverse_motion,
    moved_depth,
    rigid_flow,
    se3_exponential,
    warp_by_flow,
)
from leadline.training.mono.learner import images_of
from leadline.training.recipe import require_range
from leadline.training.video.learner import VideoLearner
from leadline.training.video.phases import Phase, Schedule
from leadline.training.video.photometric_flow import both_directions, flow_photometric, flow_smoothness
from leadline.training.video.recipe import VideoRecipe
from leadline.training.video.scales import at_size

_ALL = frozenset({"depth", "pose", "flow"})


@dataclass(frozen=True, kw_only=True)
class DfNetRecipe(VideoRecipe):
    """Options of DF-Net.

    Args:
        flow_model: Name of the optical-flow network in the catalog.
        separate_steps: Steps in which depth and flow learn for themselves, before they are compared with each other.
        smoothness_weight: Of the edge-aware smoothness of disparity over its mean, halved at each coarser scale.
        flow_smoothness_weight: Of the edge-aware smoothness of the flow.
        forward_backward_weight: Of the disagreement there and back, of flow per px and of depth relative to its mean.
        cross_task_weight: Of the difference between rigid flow and optical flow, per px.
    """

    flow_model: str = "plain-flow"
    separate_steps: int = 5000
    smoothness_weight: float = 0.02
    flow_smoothness_weight: float = 0.02
    forward_backward_weight: float = 0.02
    cross_task_weight: float = 0.02

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        for name in (
            "separate_steps",
            "smoothness_weight",
            "flow_smoothness_weight",
            "forward_backward_weight",
            "cross_task_weight",
        ):
            require_range(self, name, least=0)

    @property
    def schedule(self) -> Schedule:
        """Each network for itself, then together until the end."""
        return Schedule([Phase("separate", _ALL, self.separate_steps)], [Phase("joint", _ALL, max(1, self.steps))])


class Motions(NamedTuple):
    """Both motions of the pixels of a batch of pairs, which is followed by the same pairs back.

    Attributes:
        rigid: Flow of depth and camera motion, px.
        in_front: Which points lie in front of the other camera.
        moved: Depth that the points have there.
        flow: Optical flow, px.
    """

    rigid: Float[Tensor, "n 2 h w"]
    in_front: Bool[Tensor, "n 1 h w"]
    moved: Float[Tensor, "n 1 h w"]
    flow: Float[Tensor, "n 2 h w"]


@final
class DfNet(VideoLearner[DfNetRecipe]):
    """Learns depth, camera motion and flow; validates a moving average of the depth network's weights.

    Source: Zou et al. 2018, DF-Net: Unsupervised Joint Learning of Depth and Flow using Cross-Task Consistency.
    """

    def __init__(self, recipe: DfNetRecipe) -> None:
        flow = build_model(recipe.flow_model)
        super().__init__(recipe, PoseNet(), others=[flow])
        self.flow = flow

    def training_step(self, batch: VideoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        return self.checked(self.terms(batch, self.entered(self.recipe.schedule).name == "joint"))

    def terms(self, batch: VideoBatch, joint: bool) -> dict[str, Tensor]:
        """The weighted terms of the loss, by name.

        Args:
            batch: Frames; the target and the following one are the pair.
            joint: Whether the consistencies count.
        """
        first, second = both_directions(images_of(batch["target"]), images_of(batch["following"]))
        inverse_depths = self.inverse_depths(first)
        assert self.pose is not None
        forward = se3_exponential(
            cast(PosePrediction, self.pose(*(each.chunk(2)[0] for each in (first, second)))).twist
        )
        motion = torch.cat([forward[:, 0], inverse_motion(forward[:, 0])])
        prediction = cast(FlowPrediction, self.flow(first, second))
        with torch.autocast(first.device.type, enabled=False):
            intrinsics = batch["intrinsics"].repeat(2, 1, 1)
            return df_net_terms(inverse_depths, motion, prediction, (first, second), intrinsics, self.recipe, joint)


def df_net_terms(
    inverse_depths: Sequence[Float[Tensor, "n 1 _ _"]],
    motion: Float[Tensor, "n 4 4"],
    prediction: FlowPrediction,
    frames: tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n 3 h w"]],
    intrinsics: Float[Tensor, "n 3 3"],
    recipe: DfNetRecipe,
    joint: bool,
) -> dict[str, Tensor]:
    """The weighted terms of the loss.

    Args:
        inverse_depths: Of the first frames, coarsest first.
        motion: Of the second camera from the first.
        prediction: Optical flow from the first frames to the second.
        frames: Pairs, then the same pairs back.
        intrinsics: Camera matrix at the frames' size.
        recipe: Weights of the terms.
        joint: Whether visibility is judged and the consistencies count; of networks that know nothing yet, no pixel
            agrees there and back.
    Source: Zou et al. 2018 (DF-Net): photometric and smoothness terms, forward-backward and cross-task consistency.
    """
    depth = 1.0 / inverse_depths[-1]
    rigid, in_front = rigid_flow(depth, intrinsics, motion)
    motions = Motions(rigid, in_front, moved_depth(depth, intrinsics, motion), prediction.flow.float())
    by_depth, by_flow = (_visible(each, joint) for each in (motions.rigid, motions.flow))
    by_depth = by_depth & motions.in_front
    terms = _depth_terms(inverse_depths, motion, frames, intrinsics, by_depth.float(), recipe)
    terms["flow"] = flow_photometric(prediction, *frames, by_flow.float())
    terms["flow-smoothness"] = recipe.flow_smoothness_weight * flow_smoothness(motions.flow, frames[0])
    return {**terms, **_consistencies(depth, motions, by_depth.float(), by_flow.float(), recipe)} if joint else terms


def _depth_terms(
    inverse_depths: Sequence[Tensor],
    motion: Tensor,
    frames: tuple[Tensor, Tensor],
    intrinsics: Tensor,
    visible: Float[Tensor, "n 1 h w"],
    recipe: DfNetRecipe,
) -> dict[str, Tensor]:
    photometric = smoothness = frames[0].new_zeros(())
    for level, inverse in enumerate(reversed(inverse_depths)):
        (near, far), camera = at_size(frames, intrinsics, inverse.shape[2:])
        flow, in_front = rigid_flow(1.0 / inverse, camera, motion)
        warped, inside = warp_by_flow(far, flow)
        stride = frames[0].shape[3] // inverse.shape[3]
        weight = visible[..., ::stride, ::stride] * (inside & in_front)
        photometric = photometric + masked_mean(l1_ssim_difference(warped, near), weight)
        smooth = first_order_smoothness(mean_normalised(inverse), near)
        smoothness = smoothness + recipe.smoothness_weight / 2**level * smooth
    return {"depth": photometric / len(inverse_depths), "depth-smoothness": smoothness / len(inverse_depths)}


def _consistencies(
    depth: Tensor, motions: Motions, by_depth: Tensor, by_flow: Tensor, recipe: DfNetRecipe
) -> dict[str, Tensor]:
    # Relative to the mean, without gradient: else the unknown scale of depth would shrink to agree.
    unit = depth.detach().mean(dim=(1, 2, 3), keepdim=True)
    other = _back(depth)
    there = forward_backward_depth(motions.moved / unit, other / unit, motions.rigid, by_depth)
    agreement = forward_backward_consistency(motions.flow, _back(motions.flow), by_flow) + there
    across = cross_task_consistency(motions.rigid, motions.flow, by_depth * by_flow)
    return {
        "forward-backward": recipe.forward_backward_weight * agreement,
        "cross-task": recipe.cross_task_weight * across,
    }


def _back(layer: Tensor) -> Tensor:
    """The layer of the same pairs in the other direction."""
    return torch.cat(layer.chunk(2)[::-1])


def _visible(flow: Float[Tensor, "n 2 h w"], judged: bool) -> Bool[Tensor, "n 1 h w"]:
    """Pixels that both frames show by a flow; all of them where it is not judged."""
    if not judged:
        return torch.ones_like(flow[:, :1], dtype=torch.bool)
    return ~forward_backward_occluded(flow.detach(), _back(flow.detach()))
