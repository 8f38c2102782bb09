"""Loop-Net: disparity and flow of a stereo video learn from each other, since two ways round end at one place."""

from dataclasses import dataclass, field
from typing import cast, final

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.data.stream import Stream
from leadline.data.video.augment import VideoAugmentation
from leadline.data.video.stream import VideoBatch, video_stream
from leadline.errors import InputError
from leadline.losses import loop_consistency
from leadline.models.catalog import build_model
from leadline.models.flow import FlowPrediction
from leadline.models.stereo import StereoPrediction
from leadline.ops import forward_backward_occluded
from leadline.samples import VideoSample
from leadline.training.mono.learner import images_of
from leadline.training.recipe import method_of, require_range
from leadline.training.sources import frame_source
from leadline.training.stereo.learner import StereoLearner
from leadline.training.stereo.photometric import (
    PhotometricOptions,
    both_ways,
    other_view,
    photometric_terms,
    seen_by_both,
)
from leadline.training.stereo.recipe import StereoData
from leadline.training.video.photometric_flow import both_directions, flow_photometric, flow_smoothness


def _unmirrored() -> VideoAugmentation:
    """Changes that leave the left camera on the left."""
    return VideoAugmentation(crop=(128, 416), flip_columns=0.0)


@dataclass(frozen=True, kw_only=True)
class LoopNetRecipe(StereoData):
    """Options of Loop-Net, which trains a stereo network, with a flow network beside it.

    Args:
        data: Sequences with right views: shards of `leadline render video --views stereo`, a folder of frames with a
            calibration as `find_frame_folders` finds it, or a data set of frames.
        mix: Further stereo sequences.
        frame_stride: Frames between the two times of a sample.
        flow_model: Name of the optical-flow network in the catalog.
        photometric: Weights of the terms of disparity; after its warmup_steps the loop counts too.
        flow_smoothness_weight: Of the edge-aware smoothness of flow.
        loop_weight: Of the distance between the ends of the two ways round, per px.
        augmentation: How samples are changed; flip_columns and reverse stay 0.
    """

    frame_stride: int = 1
    flow_model: str = "plain-flow"
    photometric: PhotometricOptions = field(default_factory=PhotometricOptions)
    flow_smoothness_weight: float = 0.02
    loop_weight: float = 0.02
    augmentation: VideoAugmentation = field(default_factory=_unmirrored)  # pyright: ignore[reportIncompatibleVariableOverride]

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "frame_stride", least=1)
        for name in ("flow_smoothness_weight", "loop_weight"):
            require_range(self, name, least=0)
        for name in ("flip_columns", "reverse"):
            if (value := getattr(self.augmentation, name)) != 0.0:
                raise InputError(
                    f"expected {name}: 0 in the recipe's augmentation, got {value}; left, right, before and after have "
                    "to stay what they are in a loop"
                )


@final
class LoopNet(StereoLearner[LoopNetRecipe]):
    """Learns disparity and flow; validates a moving average of the stereo network's weights.

    Source: Kim et al. 2020, Loop-Net: Joint Unsupervised Disparity and Optical Flow Estimation of Stereo Videos With
        Spatiotemporal Loop Consistency.
    """

    def __init__(self, recipe: LoopNetRecipe) -> None:
        flow = build_model(recipe.flow_model)
        beside = list(flow.parameters())
        super().__init__(recipe, groups=lambda net: [{"params": [*net.parameters(), *beside]}])
        self.flow = flow

    def samples(self, start: int, count: int) -> Stream[VideoSample]:
        """The stereo frames of one epoch."""
        recipe = self.recipe
        places, method = (recipe.data, *(share.data for share in recipe.mix)), method_of(recipe)
        sources = [frame_source(place, method, recipe.frame_stride, right=2) for place in places]
        shares = [1.0, *(share.weight for share in recipe.mix)]
        return video_stream(sources, shares, recipe.augmentation, recipe.seed, start, count)

    def training_step(self, batch: VideoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        return self.checked(self.terms(batch, self.global_step))

    def terms(self, batch: VideoBatch, step: int) -> dict[str, Tensor]:
        """The weighted terms of the loss, by name.

        Args:
            batch: Stereo frames; the target and the following one are the two times.
            step: Steps made so far.
        """
        left, right, later_left, later_right = stereo_frames(batch)
        target, source = both_ways(torch.cat([left, later_left]), torch.cat([right, later_right]))
        stereo = cast(StereoPrediction, self.model(target, source))
        first, second = both_directions(torch.cat([left, right]), torch.cat([later_left, later_right]))
        flow = cast(FlowPrediction, self.flow(first, second))
        options = self.recipe.photometric
        with torch.autocast(left.device.type, enabled=False):
            terms = photometric_terms(stereo, target, source, torch.ones_like(target[:, :1]), options, step)
            warm = options.warmth(step) == 1.0
            return {**terms, **loop_net_terms(stereo, flow, (first, second), self.recipe, warm)}


def stereo_frames(batch: VideoBatch) -> list[Float[Tensor, "b 3 h w"]]:
    """Left and right frames of the target's time, then of the following one's.

    Args:
        batch: Frames with both right views; where those are of a camera on the left, they change places.
    """
    assert "baseline_m" in batch
    mirrored = (batch["baseline_m"] < 0).view(-1, 1, 1, 1)
    found: list[Tensor] = []
    for pair in (("target", "right"), ("following", "following_right")):
        one, other = (images_of(cast(dict[str, Tensor], batch)[name]) for name in pair)
        found += [torch.where(mirrored, other, one), torch.where(mirrored, one, other)]
    return found


def loop_net_terms(
    stereo: StereoPrediction,
    flow: FlowPrediction,
    frames: tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n 3 h w"]],
    recipe: LoopNetRecipe,
    warm: bool,
) -> dict[str, Tensor]:
    """The weighted terms of flow and of the loop, by name.

    Args:
        stereo: Disparity of the first time's left views, the second time's, then of the right views, mirrored.
        flow: Of left views and of right views to the second time, then back.
        frames: What the flow is between.
        recipe: Weights of the terms.
        warm: Whether visibility is judged and the loop counts.
    Source: Kim et al. 2020 (Loop-Net): photometric terms of disparity and flow, and the spatiotemporal loop.
    """
    full = flow.flow.float()
    hidden = forward_backward_occluded(full.detach(), torch.cat(full.detach().chunk(2)[::-1]))
    weight = (~hidden).float() if warm else torch.ones_like(full[:, :1])
    terms = {
        "flow": flow_photometric(flow, *frames, weight),
        "flow-smoothness": recipe.flow_smoothness_weight * flow_smoothness(full, frames[0]),
    }
    if warm:
        disparity = stereo.disparity.float()
        seen = seen_by_both(disparity, other_view(disparity), recipe.photometric.tolerance_px)
        now, later, *_ = disparity.chunk(4)
        left, right, *_ = full.chunk(4)
        both = seen.chunk(4)[0] * weight.chunk(4)[0]
        terms["loop"] = recipe.loop_weight * loop_consistency(now, later, left, right, both)
    return terms
