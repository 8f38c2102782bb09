"""Competitive Collaboration: a still scene and optical flow compete for pixels; a segmentation referees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadline.data.video.stream import VideoBatch
from leadline.losses import (
    charged_unseen,
    consensus,
    consensus_mask,
    explainability_regularisation,
    explained_reprojection,
    first_order_smoothness,
    l1_ssim_difference,
    mean_normalised,
)
from leadline.models.catalog import build_model
from leadline.models.flow import FlowPrediction
from leadline.models.pose import PoseNet, PosePrediction, StillMask
from leadline.ops import rigid_flow, se3_exponential, warp_by_depth, warp_by_flow
from leadline.training.recipe import require_range
from leadline.training.video.learner import VideoLearner, frames_of
from leadline.training.video.phases import Phase, Schedule
from leadline.training.video.photometric_flow import flow_photometric, flow_smoothness
from leadline.training.video.recipe import VideoRecipe
from leadline.training.video.scales import at_size, resized

T = TypeVar("T")
_RIGID, _FLOW, _MASK = frozenset({"depth", "pose"}), frozenset({"flow"}), frozenset({"mask"})


@dataclass(frozen=True, kw_only=True)
class CompetitiveCollaborationRecipe(VideoRecipe):
    """Options of Competitive Collaboration.

    Args:
        flow_model: Name of the optical-flow network in the catalog.
        rigid_steps: Steps at the beginning in which depth and camera motion learn from all pixels.
        flow_steps: Steps after them in which flow learns from all pixels.
        mask_steps: Steps after them in which the segmentation learns.
        competition_steps: Steps of each competition: scene and flow learn from the pixels that the segmentation
            gives them.
        collaboration_steps: Steps of each collaboration: the segmentation learns from the consensus of both.
        smoothness_weight: Of the edge-aware smoothness of disparity over its mean, halved at each coarser scale.
        flow_smoothness_weight: Of the edge-aware smoothness of flow.
        mask_smoothness_weight: Of the edge-aware smoothness of the segmentation.
        flow_weight: Of flow's photometric difference against the scene's.
        mask_weight: Of the cross-entropy that keeps pixels still.
        consensus_weight: Of the cross-entropy with the consensus.
        consensus_px: Difference below which rigid flow and optical flow say the same.
    """

    flow_model: str = "plain-flow"
    rigid_steps: int = 4000
    flow_steps: int = 3000
    mask_steps: int = 1000
    competition_steps: int = 800
    collaboration_steps: int = 200
    smoothness_weight: float = 0.02
    flow_smoothness_weight: float = 0.02
    mask_smoothness_weight: float = 0.01
    flow_weight: float = 1.0
    mask_weight: float = 0.02
    consensus_weight: float = 0.3
    consensus_px: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        for name in (
            "rigid_steps",
            "flow_steps",
            "mask_steps",
            "competition_steps",
            "collaboration_steps",
            "smoothness_weight",
            "flow_smoothness_weight",
            "mask_smoothness_weight",
            "flow_weight",
            "mask_weight",
            "consensus_weight",
            "consensus_px",
        ):
            require_range(self, name, least=0)
        _ = self.schedule

    @property
    def schedule(self) -> Schedule:
        """Scene, flow and segmentation one after the other; then competition and collaboration in turn."""
        opening = [
            Phase("scene alone", _RIGID, self.rigid_steps),
            Phase("flow alone", _FLOW, self.flow_steps),
            Phase("segmentation alone", _MASK, self.mask_steps),
        ]
        cycle = [
            Phase("competition", _RIGID | _FLOW, self.competition_steps),
            Phase("collaboration", _MASK, self.collaboration_steps),
        ]
        return Schedule(opening, cycle)


class Players(NamedTuple):
    """What the networks say of a batch.

    Attributes:
        inverse_depths: Of the target, coarsest first.
        motions: Of each source from the target.
        flows: Optical flow from the target to each source.
        still_logits: Logit of the probability that a pixel is still towards each source, coarsest first.
    """

    inverse_depths: Sequence[Float[Tensor, "b 1 _ _"]]
    motions: Sequence[Float[Tensor, "b 4 4"]]
    flows: Sequence[FlowPrediction]
    still_logits: Sequence[Float[Tensor, "b s _ _"]]


@final
class CompetitiveCollaboration(VideoLearner[CompetitiveCollaborationRecipe]):
    """Learns depth, camera motion, flow and what moves; validates a moving average of the depth network's weights.

    Source: Ranjan et al. 2019, Competitive Collaboration: Joint Unsupervised Learning of Depth, Camera Motion, Optical
        Flow and Motion Segmentation.
    """

    def __init__(self, recipe: CompetitiveCollaborationRecipe) -> None:
        flow, mask = build_model(recipe.flow_model), StillMask()
        super().__init__(recipe, PoseNet(views=3), others=[flow, mask])
        self.flow, self.mask = flow, mask

    def training_step(self, batch: VideoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        return self.checked(self.terms(batch, self.entered(self.recipe.schedule)))

    def terms(self, batch: VideoBatch, phase: Phase) -> dict[str, Tensor]:
        """The weighted terms of a phase's loss, by name.

        Args:
            batch: Frames.
            phase: Which networks learn; the others are asked, and stay as they are.
        """
        frames, alone = frames_of(batch), phase.name in ("scene alone", "flow alone")
        if alone:
            players = self.players(frames, phase.learns, phase.learns)
        else:
            players = self.players(frames, _RIGID | _FLOW | _MASK, phase.learns)
        with torch.autocast(frames[0].device.type, enabled=False):
            if phase.name == "scene alone":
                return scene_terms(players, frames, batch["intrinsics"], self.recipe)
            if phase.name == "flow alone":
                return flow_terms(players, frames, self.recipe)
            if phase.name == "competition":
                scene = scene_terms(players, frames, batch["intrinsics"], self.recipe)
                return {**scene, **flow_terms(players, frames, self.recipe)}
            return referee_terms(players, frames, batch["intrinsics"], self.recipe)

    def players(
        self, frames: Sequence[Float[Tensor, "b 3 h w"]], asked: frozenset[str], learns: frozenset[str]
    ) -> Players:
        """What the networks that are asked say; gradients flow into those that learn.

        Args:
            frames: The target, then the sources.
            asked: Names of networks; the others say nothing.
            learns: Names of networks.
        """
        target, *sources = frames

        def said(name: str, ask: Callable[[], Sequence[T]]) -> Sequence[T]:
            if name not in asked:
                return ()
            with torch.set_grad_enabled(name in learns):
                return ask()

        def motions() -> Sequence[Tensor]:
            assert self.pose is not None
            return se3_exponential(cast(PosePrediction, self.pose(*frames)).twist).unbind(1)

        return Players(
            said("depth", lambda: self.inverse_depths(target)),
            said("pose", motions),
            said("flow", lambda: [cast(FlowPrediction, self.flow(target, source)) for source in sources]),
            said("mask", lambda: cast(list[Tensor], self.mask(*frames))),
        )


def scene_terms(
    players: Players,
    frames: Sequence[Float[Tensor, "b 3 h w"]],
    intrinsics: Float[Tensor, "b 3 3"],
    recipe: CompetitiveCollaborationRecipe,
) -> dict[str, Tensor]:
    """What depth and camera motion cost on the pixels that are still, each term the mean over the scales.

    Args:
        players: Depth and camera motion; without a segmentation all pixels are still.
        frames: The target, then the sources.
        intrinsics: Camera matrix at the frames' size.
        recipe: Weights of the terms.
    Source: Ranjan et al. 2019 (Competitive Collaboration), E_R.
    """
    photometric = smoothness = frames[0].new_zeros(())
    for level, inverse in enumerate(reversed(players.inverse_depths)):
        difference, seen = scene_difference(inverse, players.motions, frames, intrinsics)
        near, *far = (resized(frame, inverse.shape[2:]) for frame in frames)
        unwarped = torch.cat([l1_ssim_difference(source, near) for source in far], dim=1)
        cost = charged_unseen(difference, unwarped, seen)
        logit = players.still_logits[-1 - level] if players.still_logits else torch.full_like(difference, torch.inf)
        photometric = photometric + explained_reprojection(cost, logit, torch.ones_like(seen))
        smooth = first_order_smoothness(mean_normalised(inverse), near)
        smoothness = smoothness + recipe.smoothness_weight / 2**level * smooth
    scales = len(players.inverse_depths)
    return {"scene": photometric / scales, "depth-smoothness": smoothness / scales}


def flow_terms(
    players: Players, frames: Sequence[Float[Tensor, "b 3 h w"]], recipe: CompetitiveCollaborationRecipe
) -> dict[str, Tensor]:
    """What flow costs on the pixels that are not still, the mean over the sources.

    Args:
        players: Flow; without a segmentation all pixels are its own.
        frames: The target, then the sources.
        recipe: Weights of the terms.
    Source: Ranjan et al. 2019 (Competitive Collaboration), E_F.
    """
    target, *sources = frames
    photometric = smoothness = target.new_zeros(())
    for number, (flow, source) in enumerate(zip(players.flows, sources, strict=True)):
        weight = torch.ones_like(target[:, :1])
        if players.still_logits:
            weight = 1.0 - players.still_logits[-1][:, number : number + 1].sigmoid()
        # Over all pixels: a mean of its own pixels alone would weigh each the more, the fewer they are.
        photometric = photometric + weight.mean() * flow_photometric(flow, target, source, weight)
        smoothness = smoothness + recipe.flow_smoothness_weight * flow_smoothness(flow.flow.float(), target)
    return {"flow": recipe.flow_weight * photometric / len(sources), "flow-smoothness": smoothness / len(sources)}


def referee_terms(
    players: Players,
    frames: Sequence[Float[Tensor, "b 3 h w"]],
    intrinsics: Float[Tensor, "b 3 3"],
    recipe: CompetitiveCollaborationRecipe,
) -> dict[str, Tensor]:
    """What the segmentation costs, each term the mean over the scales.

    Args:
        players: All of them.
        frames: The target, then the sources.
        intrinsics: Camera matrix at the frames' size.
        recipe: Weights of the terms.
    Source: Ranjan et al. 2019 (Competitive Collaboration): E_R + E_F + E_M + E_C.
    """
    scene, seen = scene_difference(players.inverse_depths[-1], players.motions, frames, intrinsics)
    by_flow, inside = flow_difference(players.flows, frames)
    still = consensus(scene, by_flow, disagreement_px(players, intrinsics), recipe.consensus_px)
    seen = seen & inside
    zero = frames[0].new_zeros(())
    terms = {"contest": zero, "still": zero, "consensus": zero, "mask-smoothness": zero}
    for logit in players.still_logits:
        size, stride = logit.shape[2:], frames[0].shape[3] // logit.shape[3]
        known = seen[..., ::stride, ::stride]
        won = explained_reprojection(resized(scene, size), logit, known)
        lost = recipe.flow_weight * explained_reprojection(resized(by_flow, size), -logit, known)
        near = resized(frames[0], size)
        terms["contest"] = terms["contest"] + won + lost
        terms["still"] = terms["still"] + recipe.mask_weight * explainability_regularisation(logit)
        agreed = consensus_mask(logit, still[..., ::stride, ::stride], known)
        terms["consensus"] = terms["consensus"] + recipe.consensus_weight * agreed
        smooth = first_order_smoothness(logit.sigmoid(), near, 10.0)
        terms["mask-smoothness"] = terms["mask-smoothness"] + recipe.mask_smoothness_weight * smooth
    return {name: term / len(players.still_logits) for name, term in terms.items()}


def scene_difference(
    inverse_depth: Float[Tensor, "b 1 _ _"],
    motions: Sequence[Float[Tensor, "b 4 4"]],
    frames: Sequence[Float[Tensor, "b 3 h w"]],
    intrinsics: Float[Tensor, "b 3 3"],
) -> tuple[Float[Tensor, "b s _ _"], Bool[Tensor, "b s _ _"]]:
    """Difference of the target and each source warped by depth and camera motion, and which pixels a source sees.

    Args:
        inverse_depth: Of the target, at the size that the difference shall have.
        motions: Of each source from the target.
        frames: The target, then the sources.
        intrinsics: Camera matrix at the frames' size.
    """
    (target, *sources), camera = at_size(frames, intrinsics, inverse_depth.shape[2:])
    pairs = zip(sources, motions, strict=True)
    warped = [warp_by_depth(source, 1.0 / inverse_depth, camera, motion) for source, motion in pairs]
    difference = torch.cat([l1_ssim_difference(image, target) for image, _ in warped], dim=1)
    return difference, torch.cat([seen for _, seen in warped], dim=1)


def flow_difference(
    flows: Sequence[FlowPrediction], frames: Sequence[Float[Tensor, "b 3 h w"]]
) -> tuple[Float[Tensor, "b s h w"], Bool[Tensor, "b s h w"]]:
    """Difference of the target and each source warped by optical flow, and which pixels a source sees.

    Args:
        flows: From the target to each source.
        frames: The target, then the sources.
    """
    target, *sources = frames
    warped = [warp_by_flow(source, flow.flow.float()) for source, flow in zip(sources, flows, strict=True)]
    difference = torch.cat([l1_ssim_difference(image, target) for image, _ in warped], dim=1)
    return difference, torch.cat([seen for _, seen in warped], dim=1)


def disagreement_px(players: Players, intrinsics: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b s h w"]:
    """Length of the difference between rigid flow and optical flow towards each source, pixels.

    Args:
        players: Depth, camera motion and flow.
        intrinsics: Camera matrix at the size of the finest depth.
    """
    depth = 1.0 / players.inverse_depths[-1]
    rigid = [rigid_flow(depth, intrinsics, motion)[0] for motion in players.motions]
    apart = [one - flow.flow.float() for one, flow in zip(rigid, players.flows, strict=True)]
    return torch.cat([torch.linalg.vector_norm(each, dim=1, keepdim=True) for each in apart], dim=1)
