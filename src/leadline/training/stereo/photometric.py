"""Photometric terms of a pair, for learning without truth."""

from dataclasses import dataclass, fields
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadline.errors import InputError
from leadline.losses import (
    census_difference,
    confidence_cross_entropy,
    first_order_smoothness,
    l1_ssim_difference,
    left_right_consistency,
    masked_mean,
    mean_normalised,
    smooth_l1,
)
from leadline.models.stereo import StereoPrediction
from leadline.ops import left_right_occluded, soft_census_transform, soft_hamming_distance, warp_by_disparity
from leadline.ops.filters import box_mean, every, shrunk

_CENSUS_RADIUS: Final = 2
_EDGE_BETA: Final = 10.0
"""Strength with which an edge of the image stops the smoothing."""
_VOLUME_TEMPERATURE: Final = 0.05
"""Census difference by which one disparity explains a pixel e times worse than another."""
_AGGREGATED_PX: Final = 1
"""Radius of the window over which the matching cost of a volume is averaged, in pixels of the volume."""


@dataclass(frozen=True)
class PhotometricOptions:
    """Weights of the terms of learning without truth, and when the occluded pixels are left out.

    Args:
        census: Of the census difference between a view and the other one warped into it.
        appearance: Of their SSIM and absolute difference.
        volume: Of the likelihood of the network's scores under the matching cost of all disparities.
        smoothness: Of the edge-aware smoothness.
        consistency: Of the disagreement between both views' disparities, per px.
        occluded: Of what hidden pixels differ from the background beside them, per px.
        confidence: Of the confidence against "both views' disparities agree within 1 px".
        scales: Scales of the final disparity that are compared, from the full one down.
        warmup_steps: Steps in which smoothness, consistency and, if the network has scores, census and appearance rise
            to their weights. Occluded pixels count as others do until then, for a young network's views agree nowhere.
        tolerance_px: How far the two views' disparities may disagree where a pixel still counts as seen by both.
    """

    census: float = 1.0
    appearance: float = 0.5
    volume: float = 1.0
    smoothness: float = 0.05
    consistency: float = 0.02
    occluded: float = 0.05
    confidence: float = 0.1
    scales: int = 4
    warmup_steps: int = 300
    tolerance_px: float = 2.0

    def __post_init__(self) -> None:
        """Refuses what cannot be learned from."""
        for entry in fields(self):
            if getattr(self, entry.name) < 0:
                raise InputError(f"expected {entry.name} of at least 0 in photometric, got {getattr(self, entry.name)}")
        if self.scales < 1:
            raise InputError(f"expected scales of at least 1 in photometric, got {self.scales}")

    def warmth(self, step: int) -> float:
        """Share of the warm-up that is done: 0 at the first step, 1 after it."""
        return min(1.0, step / self.warmup_steps) if self.warmup_steps else 1.0


def both_ways(left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor]:
    """Pairs as they are, then mirrored with their views exchanged: right views become left ones.

    Returns:
        Left and right images of twice as many pairs. What is predicted for the second half, mirrored back, is of the
        right view.
    """
    return torch.cat([left, right.flip(3)]), torch.cat([right, left.flip(3)])


def other_view(layer: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Other half of a layer of `both_ways`, mirrored into each pair's own view."""
    first, second = layer.chunk(2)
    return torch.cat([second, first]).flip(3)


def seen_by_both(
    disparity: Float[Tensor, "b 1 h w"], other: Float[Tensor, "b 1 h w"], tolerance_px: float
) -> Bool[Tensor, "b 1 h w"]:
    """Pixels whose partner lies in the other image and says the same disparity."""
    return ~left_right_occluded(disparity.detach().float(), other.detach().float(), tolerance_px)


def photometric_terms(
    prediction: StereoPrediction,
    target: Float[Tensor, "b 3 h w"],
    source: Float[Tensor, "b 3 h w"],
    weight: Float[Tensor, "b 1 h w"],
    options: PhotometricOptions,
    step: int,
) -> dict[str, Tensor]:
    """The weighted terms of the loss without truth, by name, each 0 where no pixel counts.

    Args:
        prediction: What the network says of `both_ways`.
        target: Left images of `both_ways`.
        source: Right images of `both_ways`.
        weight: Per-pixel weight, such as 0 where there is truth.
        options: Weights.
        step: Steps made so far.
    Source: Godard et al. 2017 (MonoDepth), for SSIM, smoothness and consistency; Meister et al. 2018 (UnFlow), for
        census and occlusion; Zhong et al. 2017, for stereo networks that learn so from random weights.
    """
    disparity = prediction.disparity.float()
    other = other_view(disparity)
    warmth = options.warmth(step)
    seen = weight * seen_by_both(disparity, other, options.tolerance_px if warmth == 1.0 else torch.inf)
    maps = [every(disparity, 2**level) for level in range(options.scales)]
    levels = [_difference(each, target, source, seen, options) for each in (*maps, *prediction.coarse)]
    roughness = weight.mean() * first_order_smoothness(mean_normalised(disparity), target, _EDGE_BETA)
    # Where the volume shows the way, a photometric loss of the young disparity would only lead into false minima.
    terms = {
        "photometric": (1.0 if prediction.scores is None else warmth) * torch.stack(levels).mean(),
        "smoothness": warmth * options.smoothness * roughness,
        "consistency": warmth * options.consistency * left_right_consistency(disparity, other, seen, torch.inf),
    }
    if warmth == 1.0:
        background, known = background_of(disparity.detach(), seen > 0)
        # Hidden is what something nearer stands before; other disagreements are errors of either view.
        covered = warp_by_disparity(other, disparity).detach() > disparity.detach() + options.tolerance_px
        hidden = weight * (seen == 0) * covered * known
        # Over all pixels: a mean of the hidden ones alone would pull the harder at each, the fewer they are.
        terms["occluded"] = options.occluded * hidden.mean() * smooth_l1(disparity, background, hidden)
    if (scores := prediction.scores) is not None:
        terms["volume"] = options.volume * _volume_term(scores.float(), target, source, seen)
    if (logit := prediction.confidence_logit) is not None and options.confidence > 0:
        partner = warp_by_disparity(other, disparity).detach()
        inside = weight * seen_by_both(disparity, other, torch.inf)
        terms["confidence"] = options.confidence * confidence_cross_entropy(logit, disparity, partner, inside)
    return terms


def background_of(
    disparity: Float[Tensor, "b 1 h w"], seen: Bool[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"]]:
    """For each pixel the lesser of the nearest seen disparities on its left and right: what is hidden lies behind.

    Args:
        disparity: Disparity, pixels.
        seen: Pixels that both views see.
    Returns:
        The background's disparity, and whether the row has any.
    Source: Hirschmueller 2008 (SGM), section 2.5, along rows.
    """
    left, on_left = _nearest_seen(disparity, seen)
    right, on_right = (layer.flip(3) for layer in _nearest_seen(disparity.flip(3), seen.flip(3)))
    nearest = torch.minimum(left.masked_fill(~on_left, torch.inf), right.masked_fill(~on_right, torch.inf))
    known = on_left | on_right
    return nearest.masked_fill(~known, 0.0), known


def _nearest_seen(disparity: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The last seen disparity at or on the left of each pixel, and whether there is one."""
    columns = torch.arange(seen.shape[3], device=seen.device).expand_as(seen)
    last = torch.where(seen, columns, -1).cummax(dim=3).values
    return disparity.gather(3, last.clamp_min(0)), last >= 0


def _difference(
    disparity: Tensor, target: Tensor, source: Tensor, seen: Tensor, options: PhotometricOptions
) -> Float[Tensor, ""]:
    """Difference between a view and the other one warped into it, at the disparity's own resolution."""
    stride = target.shape[3] // disparity.shape[3]
    near, far = shrunk(target, stride), shrunk(source, stride)
    warped = warp_by_disparity(far, disparity.float() / stride)
    values = options.census * census_difference(warped, near, _CENSUS_RADIUS)
    values = values + options.appearance * l1_ssim_difference(warped, near)
    return masked_mean(values, every(seen, stride))


def _volume_term(scores: Tensor, target: Tensor, source: Tensor, seen: Tensor) -> Float[Tensor, ""]:
    """Minus the logarithm of how well the network's disparities, each as likely as it says, explain the image.

    All disparities are looked at, so a wrong one has somewhere to go, however far the right one is.
    """
    stride = target.shape[3] // scores.shape[3]
    with torch.no_grad():
        cost = matching_cost(shrunk(target, stride), shrunk(source, stride), scores.shape[1])
        penalty = (cost - cost.amin(dim=1, keepdim=True)) / _VOLUME_TEMPERATURE
    surprise = -(scores.log_softmax(dim=1) - penalty).logsumexp(dim=1, keepdim=True)
    return masked_mean(surprise, every(seen, stride))


def matching_cost(
    target: Float[Tensor, "b c h w"], source: Float[Tensor, "b c h w"], disparities: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Census difference of each pixel and its partner at the disparities 0, 1, ..., averaged over a small window.

    Args:
        target: Left image.
        source: Right image.
        disparities: How many.
    Returns:
        Costs in [0, 1); beyond the border the mean cost of the disparities within, which favours none.
    """
    near, far = (soft_census_transform(view.mean(dim=1, keepdim=True), _CENSUS_RADIUS) for view in (target, source))
    neighbours, width = near.shape[1], near.shape[3]
    cost = near.new_full((near.shape[0], disparities, *near.shape[2:]), torch.nan)
    for shift in range(min(disparities, width)):
        distance = soft_hamming_distance(near[..., shift:], far[..., : width - shift]) / neighbours
        cost[:, shift : shift + 1, :, shift:] = box_mean(distance, _AGGREGATED_PX)
    return torch.where(cost.isnan(), cost.nanmean(dim=1, keepdim=True), cost)
