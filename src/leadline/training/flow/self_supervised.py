"""Self-supervised training of optical-flow networks: from pairs of frames alone, in both directions of time."""

from dataclasses import dataclass, field, fields
from typing import cast, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from leadline.data.flow.augment import FlowAugmentation
from leadline.data.flow.stream import FlowBatch
from leadline.errors import InputError
from leadline.losses.flow import flow_confidence_cross_entropy
from leadline.losses.photometric import census_difference, gradient_difference
from leadline.losses.reduce import masked_mean
from leadline.losses.robust import general_robust
from leadline.losses.smoothness import second_order_smoothness
from leadline.models.flow import FlowPrediction
from leadline.ops.flow_warp import warp_by_flow
from leadline.ops.occlusion import forward_backward_occluded
from leadline.training.flow.learner import FlowLearner
from leadline.training.flow.recipe import FlowData

_BRIGHTNESS_SCALE = 0.01
"""Difference of brightness, of 1, at which the bowl of its loss ends."""
_EDGE_BETA = 10.0


def _alike() -> FlowAugmentation:
    """Changes that leave the frames as alike as their camera makes them: they are compared with each other."""
    return FlowAugmentation(asymmetric=0.0, erase=0.0)


@dataclass(frozen=True)
class PhotometricFlowOptions:
    """Weights of the terms of learning flow without truth.

    Args:
        census: Of the census difference between a frame and the other one warped into it.
        gradient: Of the difference of their derivatives.
        brightness: Of the difference of their brightness, by Charbonnier's loss.
        smoothness: Of the edge-aware smoothness of second order, per px.
        confidence: Of the confidence against "the way there and back ends within 1 px".
        coarse_decay: Weight of an earlier flow relative to the next later one.
        occlusion_from_step: From here on pixels whose way there and back disagrees do not count; a young network's
            agrees nowhere.
    """

    census: float = 1.0
    gradient: float = 1.0
    brightness: float = 0.5
    smoothness: float = 0.05
    confidence: float = 0.1
    coarse_decay: float = 0.7
    occlusion_from_step: int = 1000

    def __post_init__(self) -> None:
        """Refuses what cannot be learned from."""
        for entry in fields(self):
            if getattr(self, entry.name) < 0:
                raise InputError(f"expected {entry.name} of at least 0 in photometric, got {getattr(self, entry.name)}")


@dataclass(frozen=True, kw_only=True)
class SelfSupervisedFlowRecipe(FlowData):
    """Training without truth, which only the validation reads.

    Args:
        photometric: Weights of the loss.
        augmentation: How samples are changed; asymmetric and erase are best left at 0.
    Source: Zhong et al. 2019 (EPIFlow), the photometric loss in both directions; Meister et al. 2018 (UnFlow).
    """

    photometric: PhotometricFlowOptions = field(default_factory=PhotometricFlowOptions)
    augmentation: FlowAugmentation = field(default_factory=_alike)

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        if self.model_options.get("guided"):
            raise InputError(
                "expected a network that is not guided to learn flow without truth, got guided: true; leave it out: "
                "the prior is found in one direction of time"
            )


@final
class SelfSupervisedFlow(FlowLearner[SelfSupervisedFlowRecipe]):
    """Learns flow by warping each frame into the other; validates a moving average of the weights."""

    def training_step(self, batch: FlowBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch, in both directions of time."""
        first, second = (batch[name].permute(0, 3, 1, 2).float() / 255.0 for name in ("first", "second"))
        target, source = torch.cat([first, second]), torch.cat([second, first])
        prediction = cast(FlowPrediction, self.model(target, source))
        with torch.autocast(first.device.type, enabled=False):
            options = self.recipe.photometric
            terms = photometric_flow_terms(prediction, target, source, options, self.global_step)
        return self.checked(terms)


def photometric_flow_terms(
    prediction: FlowPrediction,
    target: Float[Tensor, "b 3 h w"],
    source: Float[Tensor, "b 3 h w"],
    options: PhotometricFlowOptions,
    step: int,
) -> dict[str, Tensor]:
    """The weighted terms of the loss without truth, by name.

    Args:
        prediction: What the network says of the pairs one way, then of the same pairs the other way.
        target: First frames, then second ones.
        source: Second frames, then first ones.
        options: Weights.
        step: Of the training.
    """
    flow = prediction.flow
    back = _other_way(flow).detach()
    hidden = forward_backward_occluded(flow.detach(), back)
    seen = ~hidden if step >= options.occlusion_from_step else torch.ones_like(hidden)
    terms = {"full": level_loss(flow, target, source, seen, options)}
    for number, coarse in enumerate(reversed(prediction.coarse)):
        terms[f"coarse{number}"] = options.coarse_decay ** (number + 1) * _coarse_loss(
            coarse, target, source, seen, options
        )
    if (logit := prediction.confidence_logit) is not None:
        returned, inside = warp_by_flow(back, flow.detach())
        weight = inside.to(logit.dtype)
        terms["confidence"] = options.confidence * flow_confidence_cross_entropy(logit, flow, -returned, weight)
    return terms


def level_loss(
    flow: Float[Tensor, "b 2 h w"],
    target: Float[Tensor, "b 3 h w"],
    source: Float[Tensor, "b 3 h w"],
    seen: Bool[Tensor, "b 1 h w"],
    options: PhotometricFlowOptions,
) -> Float[Tensor, ""]:
    """Census, gradient and brightness of the pixels that both frames show, and the smoothness of all.

    Args:
        flow: Pixels of this resolution.
        target: Frames that are compared with.
        source: Frames that are warped.
        seen: Pixels that count, if they stay within the frame.
        options: Weights.
    """
    warped, inside = warp_by_flow(source, flow)
    weight = (seen & inside).to(flow.dtype)
    off = (warped - target).mean(dim=1, keepdim=True)
    brightness = _BRIGHTNESS_SCALE * general_robust(off, 1.0, _BRIGHTNESS_SCALE)
    return (
        options.census * masked_mean(census_difference(warped, target), weight)
        + options.gradient * masked_mean(gradient_difference(warped, target), weight)
        + options.brightness * masked_mean(brightness, weight)
        + options.smoothness * second_order_smoothness(flow, target, _EDGE_BETA)
    )


def _coarse_loss(
    flow: Float[Tensor, "b 2 h w"],
    target: Float[Tensor, "b 3 h2 w2"],
    source: Float[Tensor, "b 3 h2 w2"],
    seen: Bool[Tensor, "b 1 h2 w2"],
    options: PhotometricFlowOptions,
) -> Float[Tensor, ""]:
    """The loss of an earlier flow, in input pixels, at its own resolution."""
    stride = target.shape[2] // flow.shape[2]
    if stride == 1:
        return level_loss(flow, target, source, seen, options)
    small, other = (functional.avg_pool2d(frames, stride) for frames in (target, source))
    return level_loss(flow / stride, small, other, seen[..., ::stride, ::stride], options)


def _other_way(flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The flow of the same pairs in the other direction of time."""
    forward, backward = flow.chunk(2)
    return torch.cat([backward, forward])
